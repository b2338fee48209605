"""The preparation that stays in the notebook, and what is made of the answers there; the cells that take it along."""

from nb2prod.capturing.preparation.afterwards import Afterwards, afterwards
from nb2prod.capturing.preparation.offered import Outside, Step, by_neighbours, outside, taking
from nb2prod.capturing.preparation.subject import Subject, Treatment

__all__ = ["Afterwards", "Outside", "Step", "Subject", "Treatment", "afterwards", "by_neighbours", "outside", "taking"]
