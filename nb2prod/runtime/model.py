"""A captured model, loaded and ready to be asked."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from nb2prod.baseline import Baseline
from nb2prod.errors import Refused
from nb2prod.records.base import read
from nb2prod.records.capture import Answers, CaptureRecord, Manifest, Signature
from nb2prod.runtime import flavors, manifest, modules, signatures, wire
from nb2prod.runtime.frames import Containers
from nb2prod.runtime.rows import Reader, Rows


class ServedModel:
    """A captured model that answers rows as its kernel did.

    Examples
    --------
    ``ServedModel.load(folder).answer(rows_from_wire([{"age": 41}], signature)).predictions``
    """

    def __init__(self, folder: Path, record: CaptureRecord, checked: Manifest, model: Any) -> None:
        self.folder = folder
        self.record = record
        self.manifest = checked
        self.model = model
        self.reader = Reader(record.signature)
        self._flavor = flavors.named(record.model.flavor)
        self._contain = Containers(record.signature)

    @classmethod
    def load(cls, folder: Path, *, environment: Mapping[str, str] | None = None) -> ServedModel:
        """Check the manifest, set the declared environment variables, make ``code/`` importable, load the model.

        Parameters
        ----------
        environment
            Values of declared environment variables; those that are missing are looked for in the process's own.

        Raises
        ------
        Refused
            ``tampered``, or ``missing-environment`` where a declared variable has no value.
        """
        folder = Path(folder).absolute()
        checked = manifest.check(folder)
        record = read(folder / "capture.json", CaptureRecord)
        _set(record.environment.variables, environment or {})
        modules.expose(folder / "code")
        return cls(folder, record, checked, flavors.load(folder / "model", record.model))

    @cached_property
    def checked(self) -> str:
        """What was held against the files before anything was loaded: `hashes`, or also whose signature."""
        return signatures.checked(self.folder)

    @property
    def signature(self) -> Signature:
        return self.record.signature

    @cached_property
    def baseline(self) -> Baseline | None:
        """The training data as counts, or None where the capture has none."""
        folder = self.folder / "baseline"
        return Baseline.load(folder) if folder.is_dir() else None

    def answer(self, rows: Rows) -> Answers:
        """Ask the model. No rows give no answers, without asking it."""
        if rows.n == 0:
            has = self.signature.output.probabilities
            return Answers(predictions=(), probabilities=() if has else None)
        predictions, probabilities = self._flavor.answer(self.model, self._contain(rows))
        answers = wire.answers_to_wire(predictions, probabilities, self.signature)
        if len(answers.predictions) != rows.n:
            raise Refused(
                f"The model gave {len(answers.predictions)} answers to {rows.n} rows",
                code="wrong-count",
                where=self.record.model.model_class,
                why="A service needs one answer for each row, in their order.",
                fix="return one prediction a row from predict",
                status=500,
            )
        return answers


def environment_file(path: str | None) -> dict[str, str]:
    """Values of declared environment variables from their 0600 JSON file; empty where there is none."""
    if not path:
        return {}
    file = Path(path)
    try:
        if file.stat().st_mode & 0o077:
            raise Refused(
                "The file of environment values can be read by others",
                code="environment-readable",
                where=path,
                why="It holds secrets; only its owner may read it.",
                fix=f"chmod 600 {path}",
            )
        return {str(name): str(value) for name, value in json.loads(file.read_bytes()).items()}
    except (OSError, ValueError, AttributeError) as error:
        raise Refused(
            "The file of environment values cannot be read",
            code="environment-unreadable",
            where=path,
            why=type(error).__name__,
            fix="deploy again with --env NAME",
        ) from None


def _set(names: tuple[str, ...], values: Mapping[str, str]) -> None:
    for name in names:
        if name in values:
            os.environ[name] = values[name]
        elif name not in os.environ:
            raise Refused(
                f"The environment variable {name} has no value here",
                code="missing-environment",
                where=name,
                why="The model was deployed with `--env` for it; its value never travels with the model.",
                fix=f"export {name}=…      then start again",
                kept="nothing was loaded",
            )
