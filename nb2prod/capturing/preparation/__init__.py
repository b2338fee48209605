"""The preparation that stays in the notebook, from the raw rows to `.fit`, and the cell that takes it along."""

from nb2prod.capturing.preparation.offered import Outside, Step, by_neighbours, outside
from nb2prod.capturing.preparation.subject import Subject, Treatment

__all__ = ["Outside", "Step", "Subject", "Treatment", "by_neighbours", "outside"]
