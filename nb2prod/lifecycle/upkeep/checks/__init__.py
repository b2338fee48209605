"""One class a check; a check is known by being there."""

from nb2prod.lifecycle.upkeep.checks import captures, leftovers, machine, outside, services, signing, truth
from nb2prod.lifecycle.upkeep.checks.base import Ailment, Check, Ground, Severity

__all__ = [
    "Ailment",
    "Check",
    "Ground",
    "Severity",
    "captures",
    "leftovers",
    "machine",
    "outside",
    "services",
    "signing",
    "truth",
]
