"""A Bento on this machine: supervisord keeps its workers, Caddy holds its port."""

from nb2prod.targets.local.target import LocalTarget

__all__ = ["LocalTarget"]
