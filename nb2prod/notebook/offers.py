"""A bare `%deploy`: what can be deployed here, and the line to type."""

from __future__ import annotations

from typing import Any

from nb2prod.sdk.card import Card, Code, Row
from nb2prod.sdk.offers import Offer


def offers(shell: Any) -> Card:
    """The card of a bare `%deploy`."""
    from nb2prod.sdk import offers as sdk

    found = sdk.offers(sdk.running(shell))
    if not found:
        return Card(
            head="Nothing in this notebook can be deployed yet",
            rows=(
                Row("why", ("No variable holds a fitted model.",)),
                Row("fix", (Code("model.fit(X, y)\n%deploy model"),)),
                Row("or", (Code("%%deploy --data X\ndef predict(frame):\n    return …"),)),
            ),
            indent=2,
        )
    rows = tuple(Row(_label(offer), (_said(offer), Code(f"%deploy {offer.variable}"))) for offer in found)
    return Card(head="What can be deployed here", rows=rows, foot="`%deploy?` explains every flag.")


def _label(offer: Offer) -> str:
    return offer.variable if len(offer.variable) <= 10 else offer.variable[:9] + "…"


def _said(offer: Offer) -> str:
    if not offer.data:
        return f"{offer.kind} · its training data was not found: name it with --data"
    return f"{offer.kind} · data {offer.data}" + (f" · labels {offer.labels}" if offer.labels else "")
