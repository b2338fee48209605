"""What `deploy` was asked for beyond the model, as settings; read before anything heavy is loaded."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import msgspec

from nb2prod.errors import UsageError
from nb2prod.records.alert_text import duration
from nb2prod.records.alerts import SLO, Alert, wrong_slo
from nb2prod.records.sampling import Sampling


class Limits(msgspec.Struct, frozen=True):
    """What `deploy` was given; None where nothing was said of it, and what there is stays."""

    alerts: tuple[Alert, ...] | None = None
    slo: SLO | None = None
    maturation: str | None = None
    sample: Sampling | None = None

    @classmethod
    def of(
        cls,
        alerts: Iterable[Alert | str] | Alert | str | None,
        slo: SLO | None,
        maturation: str | None = None,
        sample: Sampling | None = None,
    ) -> Limits:
        """From what was given: alerts, their text forms, or one of them."""
        if maturation is not None:
            duration(maturation)
        if slo is not None and not isinstance(slo, SLO):
            raise wrong_slo("It is an SLO, which names p99_ms, availability or both.")
        if alerts is None:
            return cls(None, slo, maturation, sample)
        given = [alerts] if isinstance(alerts, Alert | str) else list(alerts)
        return cls(tuple(alert_of(one) for one in given), slo, maturation, sample)

    @property
    def wanted(self) -> tuple[Alert, ...]:
        return (*(self.alerts or ()), *(self.slo.alerts() if self.slo is not None else ()))


def alert_of(given: Any) -> Alert:
    """An alert, or its text form."""
    if isinstance(given, Alert):
        return given
    if isinstance(given, str):
        return Alert.parse(given)
    raise UsageError(
        "That is no alert",
        code="wrong-alert",
        where=f"alerts=[… {type(given).__name__} …]",
        why="An alert is an Alert or its text.",
        fix='alerts=[Alert("conversion", below=0.03, over="7d")]',
        kept="nothing was made",
    )


@dataclass(frozen=True)
class Wish:
    """What the caller asked for beyond the model; settings, applied in place where nothing else changed.

    With `canary` the version begins beside the one that takes the traffic, with a share of so many percent.
    """

    workers: int = 2
    allow_unverified: bool = False
    variables: dict[str, str] | None = None
    limits: Limits = field(default_factory=Limits)
    write_lock: bool = False
    canary: float | None = None
