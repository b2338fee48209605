"""The notebook front door: magics, cards, the form."""
