"""Keeping a home well and small, and leaving nothing behind: doctor, prune, remove, uninstall."""

from nb2prod.lifecycle.upkeep.doctor import Diagnosis, doctor
from nb2prod.lifecycle.upkeep.pruning import Freed, Pruned, prune
from nb2prod.lifecycle.upkeep.removal import Removed, remove, uninstall
from nb2prod.lifecycle.upkeep.sizes import by_kind

__all__ = ["Diagnosis", "Freed", "Pruned", "Removed", "by_kind", "doctor", "prune", "remove", "uninstall"]
