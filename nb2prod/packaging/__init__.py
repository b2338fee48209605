"""BentoML's room: a capture becomes an ordinary Bento, built in a process of its own."""

from __future__ import annotations

from nb2prod.packaging.bento import Builder, build, mend, open_bento, remove

__all__ = ["Builder", "build", "mend", "open_bento", "remove"]
