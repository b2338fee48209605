"""The training data as counts on frozen bins: build, update, merge. numpy alone."""

from nb2prod.baseline.feature import Feature
from nb2prod.baseline.frame import Baseline, Counts, add_counts, dense, sparse

__all__ = ["Baseline", "Counts", "Feature", "add_counts", "dense", "sparse"]
