"""The preparation that stays in the notebook, from the raw rows to `.fit`, and the cell that takes it along."""

from nb2prod.capturing.preparation.offered import Outside, Step, Subject, by_neighbours, outside

__all__ = ["Outside", "Step", "Subject", "by_neighbours", "outside"]
