"""`--dry-run`: what would go, and nothing is made."""

from __future__ import annotations

import shutil

from nb2prod.records.capture import Capture
from nb2prod.records.lifecycle import Plan


def plan(capture: Capture, *, made: bool) -> Plan:
    """Describe a capture and take its folder away again, unless it was there before (`made` is false)."""
    files = tuple(sorted(capture.manifest.files))
    size = sum((capture.folder / path).stat().st_size for path in files)
    if made:
        shutil.rmtree(capture.folder, ignore_errors=True)
    return Plan(
        name=capture.name,
        capture=capture.record,
        packages=capture.record.environment.packages,
        bytes=size,
        files=files,
    )
