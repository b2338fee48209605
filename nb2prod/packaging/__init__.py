"""A capture to a Bento."""
