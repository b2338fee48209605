"""The training data as counts on frozen bins: build, update, merge. numpy alone."""

from nb2prod.baseline.feature import Feature
from nb2prod.baseline.frame import Baseline, Counts, add_counts, dense, sparse
from nb2prod.baseline.order import NAME as ORDER

__all__ = ["ORDER", "Baseline", "Counts", "Feature", "add_counts", "dense", "sparse"]
