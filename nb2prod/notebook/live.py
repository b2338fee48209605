"""One output that changes in place: progress while a step runs, then the card. In a terminal: lines as they come."""

from __future__ import annotations

import uuid
from typing import Any

from nb2prod.records.lifecycle import Step
from nb2prod.sdk.card import Card, in_cell, progress
from nb2prod.sdk.card.shape import step_text


class Live:
    """The output of one `%deploy`.

    A front end gets HTML with its text through one display id; a terminal, which cannot change what it printed, gets each
    step's line when it is done.
    """

    def __init__(self, shell: Any) -> None:
        self._shell = shell
        self._in_place = hasattr(shell, "kernel")
        self._id = uuid.uuid4().hex
        self._begun = False
        self._steps: dict[str, Step] = {}

    @property
    def steps(self) -> tuple[Step, ...]:
        return tuple(self._steps.values())

    def step(self, step: Step) -> None:
        """The SDK's progress: called when a step begins, says more, and ends."""
        self._steps[step.name] = step
        if self._in_place:
            self.show(progress(self.steps))
        elif step.state != "running":
            print(step_text(step), flush=True)

    def show(self, card: Card) -> None:
        """Put the card where the progress was."""
        card = in_cell(card)
        if not self._in_place:
            # the lines of the steps are on the screen already
            print(("\n" if self._steps else "") + _without_steps(card).text(), flush=True)
            return
        from IPython.display import display

        if self._begun:
            display(card.bundle(), raw=True, display_id=self._id, update=True)
        else:
            display(card.bundle(), raw=True, display_id=self._id)
        self._begun = True

    def broken(self) -> tuple[Step, ...]:
        """The steps so far, the running one marked as failed."""
        import msgspec

        return tuple(
            msgspec.structs.replace(step, state="failed") if step.state == "running" else step for step in self.steps
        )


def _without_steps(card: Card) -> Card:
    import dataclasses

    return dataclasses.replace(card, steps=())
