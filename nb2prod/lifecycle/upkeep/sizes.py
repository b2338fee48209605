"""How many bytes lie where."""

from __future__ import annotations

import os
from pathlib import Path

from nb2prod.home import Home


def tree_bytes(folder: Path) -> int:
    """Bytes of the files under a folder, or of one file; what vanishes meanwhile counts as nothing, a link as itself."""
    if not folder.is_dir() or folder.is_symlink():
        return _bytes(folder)
    return sum(_bytes(Path(base, name)) for base, _, names in os.walk(folder) for name in names)


def by_kind(home: Home) -> dict[str, int]:
    """Bytes of a home and of the shared cache by what they are for, the largest first."""
    kinds = {
        "captures": home.captures,
        "bentos": home.bentos,
        "registry": home.mlflow,
        "deployments": home.root / "deployments",
        "store": home.database,
        "logs": home.local,
        "environments (cache)": home.environments,
        "control (cache)": home.control,
        "wheels (cache)": home.wheels,
        "locks (cache)": home.locks,
        "templates (cache)": home.templates,
    }
    sizes = {kind: tree_bytes(folder) for kind, folder in kinds.items()}
    return dict(sorted(sizes.items(), key=lambda item: -item[1]))


def mebibytes(size: int) -> str:
    """`41 MB`, `1.2 GB`: for people."""
    return f"{size / 2**30:.1f} GB" if size >= 2**30 else f"{size / 2**20:.0f} MB"


def _bytes(file: Path) -> int:
    try:
        return file.lstat().st_size
    except OSError:
        return 0
