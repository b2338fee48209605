"""A trial leaves nothing behind: while it runs, its thread writes no file, starts no process and reaches no host."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections.abc import Iterator
from typing import Any

# what writes without Python's knowing, and so is not run at all
WRITING = frozenset({
    "to_csv", "to_sql", "to_parquet", "to_pickle", "to_excel", "to_json", "to_feather", "to_hdf", "to_clipboard", "to_orc",
    "tofile", "savez", "savez_compressed", "savetxt", "save", "savefig", "dump", "write", "write_table", "write_text",
    "write_bytes",
})  # fmt: skip
_LASTING = (
    "os.remove", "os.rename", "os.rmdir", "os.mkdir", "os.truncate", "os.chmod", "os.link", "os.symlink", "os.system", "os.exec",
    "os.posix_spawn", "os.spawn", "os.fork", "shutil.", "subprocess.Popen", "socket.connect", "socket.bind", "sqlite3.connect",
)  # fmt: skip
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_watched: set[int] = set()
_hooked: list[bool] = []


@contextlib.contextmanager
def untouched() -> Iterator[None]:
    """Raise `PermissionError` in this thread where it would change anything outside the process."""
    if not _hooked:  # a hook stays for good; without a trial it looks at one empty set
        _hooked.append(True)
        sys.addaudithook(_refuse)
    me = threading.get_ident()
    _watched.add(me)
    try:
        yield
    finally:
        _watched.discard(me)


def _refuse(event: str, arguments: tuple[Any, ...]) -> None:
    if not _watched or threading.get_ident() not in _watched:
        return
    if event == "open":
        path, mode, flags = arguments
        lasting = bool(set(mode or "") & set("wax+")) or bool((flags or 0) & _WRITES)
        if lasting and path != os.devnull:
            raise PermissionError(f"it writes {path}")
    elif event.startswith(_LASTING):
        raise PermissionError(f"it calls {event}")
