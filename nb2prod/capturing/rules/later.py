"""What only a later step can see: while the model is asked, its environment locked, the capture replayed or loaded.

The step itself raises or tells it, with the thing and the line that mends it; here it is listed with the others.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from nb2prod.capturing.rules.base import Case, Rule
from nb2prod.records.capture import Finding, Severity


class Later(Rule):
    """A rule that looks at nothing by itself."""

    code: ClassVar[str] = ""
    severity: ClassVar[Severity] = "refuse"
    acceptable: ClassVar[bool] = False

    def look(self, case: Case) -> Iterator[Finding]:
        yield from ()


class FailsHere(Later):
    code: ClassVar[str] = "fails-here"
    about: ClassVar[str] = "the model fails on its own training rows"
    fix: ClassVar[str] = "model.predict(ROWS)"


class WrongCount(Later):
    code: ClassVar[str] = "wrong-count"
    about: ClassVar[str] = "the model does not give one answer a row"
    fix: ClassVar[str] = "return one prediction a row from predict"


class Nondeterministic(Later):
    code: ClassVar[str] = "nondeterministic"
    about: ClassVar[str] = "the same rows, asked twice, get two answers"
    fix: ClassVar[str] = "a random_state in the model; or %deploy model --tolerance SHARE"


class DependsOnCalls(Later):
    code: ClassVar[str] = "depends-on-calls"
    about: ClassVar[str] = "predict changes what its next answers depend on"
    fix: ClassVar[str] = "change a copy of it in predict, or nothing"


class NotOnIndex(Later):
    code: ClassVar[str] = "not-on-index"
    about: ClassVar[str] = "a package, or this version of it, is on no index that can be reached"
    fix: ClassVar[str] = "%deploy model --wheel FILE.whl"


class LockConflict(Later):
    code: ClassVar[str] = "lock-conflict"
    about: ClassVar[str] = "the kernel's versions and the serving packages exclude each other"
    fix: ClassVar[str] = "pip install the version that is named, then run the notebook again"


class OtherPython(Later):
    code: ClassVar[str] = "other-python"
    about: ClassVar[str] = "the model was captured with another Python than this one"
    fix: ClassVar[str] = "uv venv --python VERSION"


class EditedModule(Later):
    code: ClassVar[str] = "edited-module"
    severity: ClassVar[Severity] = "warn"
    about: ClassVar[str] = "a local module's file was edited after the kernel imported it"
    fix: ClassVar[str] = "Kernel, Restart and Run All"


class OtherThanLocked(Later):
    code: ClassVar[str] = "other-than-locked"
    severity: ClassVar[Severity] = "warn"
    about: ClassVar[str] = "the kernel is not what the notebook's own lock says"
    fix: ClassVar[str] = "pip install the versions that are named, then run the notebook again"


class OtherPythonThanLocked(Later):
    code: ClassVar[str] = "other-python-than-locked"
    severity: ClassVar[Severity] = "warn"
    about: ClassVar[str] = "the notebook's own lock asks for another Python than the kernel's"
    fix: ClassVar[str] = "uv venv --python VERSION, then start the notebook's kernel from it"


class OtherWheel(Later):
    code: ClassVar[str] = "other-wheel"
    severity: ClassVar[Severity] = "warn"
    about: ClassVar[str] = "a wheel that was given is of another version than the kernel's"
    fix: ClassVar[str] = "pip install --force-reinstall FILE.whl, then run the notebook again"


class HeavyCode(Later):
    code: ClassVar[str] = "heavy-code"
    severity: ClassVar[Severity] = "warn"
    about: ClassVar[str] = "a local package has much data beside its code, and all of it goes along"
    fix: ClassVar[str] = "mv FILE elsewhere, if predict does not read it"


class FreshProcess(Later):
    code: ClassVar[str] = "fresh-process"
    severity: ClassVar[Severity] = "note"
    about: ClassVar[str] = "a fresh process of this interpreter could not load or ask the model"
    fix: ClassVar[str] = "the proof in the clean environment tells more"


class SystemLibraries(Later):
    code: ClassVar[str] = "system-libraries"
    severity: ClassVar[Severity] = "note"
    about: ClassVar[str] = "an extension module links to a library of the system that no wheel carries"
    fix: ClassVar[str] = "install it where the service runs"


class NoRowsStay(Later):
    code: ClassVar[str] = "no-rows-stay"
    severity: ClassVar[Severity] = "note"
    about: ClassVar[str] = "no golden rows stay, so a later start is not replayed"
    fix: ClassVar[str] = "%deploy model --golden sample"


class NoReferenceScores(Later):
    code: ClassVar[str] = "no-reference-scores"
    severity: ClassVar[Severity] = "note"
    about: ClassVar[str] = "there is no hold-out, so confidence is not watched"
    fix: ClassVar[str] = "%deploy model --holdout ROWS ANSWERS"


class OutOfFold(Later):
    code: ClassVar[str] = "out-of-fold"
    severity: ClassVar[Severity] = "note"
    about: ClassVar[str] = (
        "there is no hold-out, so reference scores come from copies of the model fitted on parts of the rows"
    )
    fix: ClassVar[str] = "%deploy model --holdout ROWS ANSWERS"


class AnswersDiffer(Later):
    code: ClassVar[str] = "answers-differ"
    about: ClassVar[str] = "a clean environment gives other answers than the kernel"
    fix: ClassVar[str] = "give predict what it depends on: an argument, an attribute, or --env NAME"


class Tampered(Later):
    code: ClassVar[str] = "tampered"
    about: ClassVar[str] = "a file of the capture is not what was captured, or is a link or a device"
    fix: ClassVar[str] = "%deploy model"


class ForeignKey(Later):
    code: ClassVar[str] = "foreign-key"
    about: ClassVar[str] = "the capture was signed by a key that is not trusted here"
    fix: ClassVar[str] = "put its public key among NB2PROD_TRUSTED_KEYS, if you know whose it is"
