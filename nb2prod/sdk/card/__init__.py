"""What a person sees, as data: text first, HTML from the same structure; the words are the same in every front door."""

from nb2prod.sdk.card.deploy import outcome, plan, progress, verification
from nb2prod.sdk.card.difference import difference
from nb2prod.sdk.card.problem import error
from nb2prod.sdk.card.rules import rules
from nb2prod.sdk.card.service import canary, deployment, deployments, no_canary
from nb2prod.sdk.card.shape import Card, Code, Fold, Row, Table
from nb2prod.sdk.card.voice import in_cell
from nb2prod.sdk.card.watch import drift, performance

__all__ = [
    "Card",
    "Code",
    "Fold",
    "Row",
    "Table",
    "canary",
    "deployment",
    "deployments",
    "difference",
    "drift",
    "error",
    "in_cell",
    "no_canary",
    "outcome",
    "performance",
    "plan",
    "progress",
    "rules",
    "verification",
]
