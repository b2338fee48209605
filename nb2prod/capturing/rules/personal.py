"""Columns that look personal, by their name or by what stands in them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, ClassVar

from nb2prod.capturing.rules.base import Case, Rule
from nb2prod.capturing.values import is_frame
from nb2prod.records.capture import Finding

_NAME = re.compile(
    r"(^|[_\W])(e_?mail|phone|mobile|telephone|fax|ssn|social_?security|passport|iban|credit_?card|card_?number|"
    r"(first|last|sur|full|middle|maiden|family|given|user|customer|patient|client|person)_?name|surname|street|"
    r"(home_|street_|postal_|mail_|ip_)?address|zip_?code|post_?code|postal_?code|birth_?(day|date)?|date_of_birth|dob|"
    r"national_?id|tax_?id|driver_?licen[cs]e|license_?plate|ip_?addr)($|[_\W])",
    re.IGNORECASE,
)
_VALUES = {
    "mail addresses": re.compile(r"^[\w.+-]+@[\w-]+\.[\w.]+$"),
    "telephone numbers": re.compile(r"^\+?\d[\d ()/-]{7,}\d$"),
    "IP addresses": re.compile(r"^\d{1,3}(\.\d{1,3}){3}$"),
    "IBANs": re.compile(r"^[A-Z]{2}\d{2}[A-Z0-9 ]{11,30}$"),
}
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")


class PersonalColumns(Rule):
    code: ClassVar[str] = "personal-columns"
    about: ClassVar[str] = "columns look personal"
    fix: ClassVar[str] = 'X = X.drop(columns=["email"])'

    def look(self, case: Case) -> Iterator[Finding]:
        data = case.found.data
        if not is_frame(data):
            return
        found = {
            str(name): what for i, name in enumerate(data.columns) if (what := personal(str(name), data.iloc[:, i]))
        }
        if not found:
            return
        names, rows = list(found), case.found.data_name
        yield self.finding(
            f"{', '.join(f'`{name}`' for name in names[:5])} {'look' if len(names) > 1 else 'looks'} personal",
            where=f"{case.found.data_name}: {names[0]} ({found[names[0]]})",
            why="The capture keeps counts and frequent categories, no rows; every caller sends these to the service.",
            fix=f"{rows if rows.isidentifier() else case.fresh('X')} = {rows}.drop(columns={names!r})\n"
            f"# above the fit, and fit again on it; or keep them, and say why in a cell: # nb2prod: accept {self.code}: REASON",
        )


def personal(name: str, values: Any) -> str | None:
    """Why a column looks personal, or None."""
    if _NAME.search(_CAMEL.sub("_", name)):
        return "by its name"
    if str(values.dtype) not in ("object", "str", "string"):
        return None
    seen = [value for value in values.dropna().head(200) if isinstance(value, str)]
    for what, pattern in _VALUES.items():
        if seen and sum(pattern.match(value.strip()) is not None for value in seen) > len(seen) / 2:
            return f"holds {what}"
    return None
