"""uv's room: lock, build, cache, prune."""
