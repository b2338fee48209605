"""Laws on counts: how far, how sure, which way, since when."""

from nb2prod.monitoring.statistics.risk import estimate, realised
from nb2prod.monitoring.statistics.twosample import two_sample

__all__ = ["estimate", "realised", "two_sample"]
