"""Telling: an alert's text to one address."""

from __future__ import annotations

import logging
import time

from nb2prod.errors import Unavailable
from nb2prod.lifecycle.destinations import Destination
from nb2prod.records.alerts import AlertRecord


def tell(destination: Destination, record: AlertRecord, phase: str = "begin") -> None:
    """Send an alert.

    Raises
    ------
    Unavailable
        The address did not take it; carries what apprise says.
    """
    import apprise

    sender = apprise.Apprise()
    address = apprise.Apprise.instantiate(destination.url, suppress_exceptions=True)
    if address is not None:
        address.notify_format = apprise.NotifyFormat.TEXT  # a mail made into HTML and back loses its columns
        sender.add(address)
    title, body = message(record, phase)
    kind = apprise.NotifyType.SUCCESS if phase == "end" else apprise.NotifyType.WARNING
    with apprise.LogCapture(level=logging.WARNING) as said:
        told = sender.notify(title=title, body=body, notify_type=kind, body_format=apprise.NotifyFormat.TEXT)
        why = said.getvalue().strip()
    if not told:
        raise Unavailable(
            f"{destination.id} was not told",
            code="not-told",
            where=destination.shown,
            why=_last(why) or "The address did not take the message.",
            fix=f"nb2prod alerts notify test {destination.id}",
            kept="it is tried again",
        )


def test_message(name: str) -> AlertRecord:
    """What a test sends."""
    now = time.time()
    return AlertRecord(
        key="test",
        name=name,
        version=0,
        kind="test",
        subject="test",
        title=f"{name}: a test; all is well",
        what="nothing happened: somebody looked whether alerts arrive here",
        tries=("nb2prod alerts log",),
        first=now,
        raised=now,
    )


def message(record: AlertRecord, phase: str) -> tuple[str, str]:
    """Title and text, as everywhere else."""
    first, *rest = record.text().split("\n")
    if phase == "end":
        first = f"Over{'' if record.successor is None else f' for version {record.version}'}: {first}"
    elif phase == "more":
        first = f"More: {first}"
    elif phase == "done":
        first = f"What came of it: {first}"
    return first, "\n".join(rest)


def _last(said: str) -> str:
    """The last thing that was said, without its time and level."""
    line = said.splitlines()[-1] if said else ""
    return line.split(" - ", 2)[-1][:300]
