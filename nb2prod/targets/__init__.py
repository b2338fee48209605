"""Where a Bento runs."""
