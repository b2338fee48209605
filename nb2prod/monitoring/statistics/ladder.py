"""Sums of all counts as they stood at earlier bets, so that any window that ends now can be looked at."""

from __future__ import annotations

from dataclasses import dataclass

from nb2prod.monitoring.statistics import starts
from nb2prod.monitoring.statistics.scales import Ints


@dataclass(frozen=True, eq=False)
class Rung:
    """Before bet `bet` there had been `rows` rows, with these sums; `cells` are the rows by season."""

    bet: int
    rows: int
    sums: Ints
    time: float | None
    cells: Ints


class Ladder:
    """About 25 rungs, the denser the younger."""

    def __init__(self, sums: Ints, cells: Ints) -> None:
        self.rungs = [Rung(0, 0, sums, None, cells)]

    def add(self, bet: int, rows: int, sums: Ints, time: float | None, cells: Ints) -> None:
        self.rungs = [rung for rung in self.rungs if starts.kept(rung.bet, bet)]
        self.rungs.append(Rung(bet, rows, sums, time, self.rungs[-1].cells + cells))

    def since(self, bet: int) -> Rung:
        """The kept rung that lies nearest to a bet, rather after it: rows before a change would thin it."""
        later = [rung for rung in self.rungs[:-1] if rung.bet >= bet]
        earlier = [rung for rung in self.rungs[:-1] if rung.bet <= bet]
        now = self.rungs[-1].bet
        if later and (not earlier or 2 * (later[0].bet - bet) <= now - bet):
            return later[0]
        return earlier[-1] if earlier else self.rungs[0]
