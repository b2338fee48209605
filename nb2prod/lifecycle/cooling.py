"""Cooling down: the same is not told every few minutes, and nobody is left with "Over" while it stands again.

A page that begins again waits until the last message of the same has cooled down, unless those who heard that one have been
told since that it is over, or the traffic changed hands. Of what goes back and forth the second "Over" waits, not the page.
"""

from __future__ import annotations

import time

from nb2prod.records.alerts import AlertRecord
from nb2prod.store import Store
from nb2prod.store.actions import ActionRow

COOL = {"notify": 3600.0, "run": 3600.0, "rollback": 86400.0, "stop": 3600.0}
"""Seconds in which the same reason does not lead to the same action again."""


class Left(Exception):
    """The action is left out, and why."""


class Later(Exception):
    """The action is put off, why, and until when."""

    def __init__(self, why: str, due: float) -> None:
        super().__init__(why)
        self.due = due


class Cooling:
    """What was done of the same a while ago. The same is the same reason of the same version."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def action(self, row: ActionRow, now: float) -> None:
        """What is done about an alert is left out while the same cools down, and the message says so; a hook is a page."""
        last = self.store.actions.last(row)
        if last is None or last.ended is None or now - last.ended >= COOL[row.verb]:
            return
        again = _traffic(last) != _traffic(row)
        if again and row.verb == "run":
            return
        ago = f"the same was done {(now - last.ended) / 60:.0f} min ago"
        if again:
            at = time.strftime("%H:%M UTC", time.gmtime(last.ended + COOL[row.verb]))
            raise Left(f"{ago}, and somebody has given it traffic again since; it cools down until {at}")
        raise Left(f"{ago}; it cools down")

    def begins(self, row: ActionRow, now: float) -> None:
        """A page waits for the last one of the same, where that is what everybody still believes."""
        before = self.store.actions.same(row)
        begun = [one for one in before if one.detail["phase"] in ("begin", "more")]
        if not begun or _traffic(begun[-1]) != _traffic(row):
            return
        if any(one.detail["phase"] == "end" and one.id > begun[-1].id for one in before):
            return
        self.wait(begun[-1].ended, now)

    def ends(self, row: ActionRow, record: AlertRecord, now: float) -> None:
        """That it is over is told at once, and the second time within the hour once that has cooled down."""
        if record.successor is not None:
            return
        if row.state == "waiting" and self._stands_again(row, record):
            raise Left("it began again before it had cooled down")
        alike = [one for one in self.store.actions.same(row) if _traffic(one) == _traffic(row)]
        begun = [one.ended or 0.0 for one in alike if one.detail["phase"] == "begin"]
        lately = [when for when in begun if now - when < COOL["notify"]]
        if len(lately) > 1:
            due = lately[-1] + COOL["notify"]
            why = f"it began {len(lately)} times within the hour"
            raise Later(f"{why}; told in {(due - now) / 60:.0f} min where it is still over", due)

    def wait(self, last: float | None, now: float) -> None:
        """Put a message off until the last one of the same has cooled down."""
        if last is None or now - last >= COOL["notify"]:
            return
        due = last + COOL["notify"]
        ago, left = f"{(now - last) / 60:.0f} min ago", f"{(due - now) / 60:.0f} min"
        raise Later(f"the same was told {ago}; told in {left} where it still stands", due)

    def _stands_again(self, row: ActionRow, record: AlertRecord) -> bool:
        there = self.store.alerts.open(row.name)
        return any(one.version == record.version and f"{one.kind}:{one.subject}" == row.reason for one in there)


def _traffic(row: ActionRow) -> int | None:
    """Which traffic it was planned in: another once a version or a share has changed."""
    return row.detail.get("traffic")
