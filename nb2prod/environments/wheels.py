"""Wheels of what no index has, put together again from the files that the kernel runs: nothing is built, nothing can differ."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import os
import re
import sys
import tempfile
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from urllib.parse import unquote, urlsplit

from packaging.utils import InvalidWheelFilename, parse_wheel_filename

from nb2prod.environments import uv
from nb2prod.environments.indexes import IndexSettings, without_credentials
from nb2prod.environments.installed import Distribution
from nb2prod.errors import Refused, UsageError
from nb2prod.home import write_atomic

_OURS = ("RECORD", "RECORD.jws", "RECORD.p7s", "INSTALLER", "REQUESTED", "direct_url.json")
_EPOCH = (1980, 1, 1, 0, 0, 0)


def repack(distribution: Distribution, folder: Path) -> Path:
    """The installed distribution as a wheel under `folder`; the same files give the same bytes.

    Raises
    ------
    Refused
        Files of the distribution are gone.
    """
    files = dict(_members(distribution))
    if not any(not name.startswith(_info(distribution)) for name in files):
        raise Refused(
            f"The files of {distribution.pin} are not where its metadata says",
            code="broken-install",
            where=str(distribution.folder),
            why="None of the files in its RECORD is there, so that it cannot travel.",
            fix=f"pip install --force-reinstall '{distribution.pin}'",
            kept="nothing was registered",
        )
    return write(distribution.name, distribution.version, files, folder)


def of_direct(distribution: Distribution, folder: Path) -> tuple[Path, str] | None:
    """A wheel, and where it came from, of what was installed from a repository, an archive or a folder; None from an index.

    An index may have something else under the same name and version, so that its own files travel.
    """
    direct = distribution.direct_url
    if direct is None:
        return None
    url = without_credentials(str(direct.get("url", "")))
    if "vcs_info" in direct:
        commit = direct["vcs_info"].get("commit_id", "")
        url = f"{direct['vcs_info'].get('vcs', 'vcs')}+{url}@{commit}" if commit else url
    archive = Path(unquote(urlsplit(url).path))
    if url.startswith("file:") and archive.suffix == ".whl" and archive.is_file():
        return archive, url
    return (built(distribution, folder) if distribution.source else repack(distribution, folder)), url


def given(paths: Iterable[str | Path]) -> tuple[Path, ...]:
    """Wheels that the caller named, each a wheel that this interpreter can install.

    Raises
    ------
    UsageError
        There is no such file, it is no wheel, or it is one for another Python or platform.
    """
    from packaging.tags import sys_tags

    found = tuple(Path(path).expanduser().absolute() for path in paths)
    here = frozenset(sys_tags()) if found else frozenset()
    for path in found:
        if not path.is_file():
            raise _unfit(path, "There is no such file.", f"pip wheel --no-deps -w {path.parent} PACKAGE")
        try:
            tags = parse_wheel_filename(path.name)[3]
        except InvalidWheelFilename as error:
            raise _unfit(path, str(error), f"pip wheel --no-deps -w {path.parent} PACKAGE") from error
        if not zipfile.is_zipfile(path):
            raise _unfit(path, "It is no zip archive.", f"pip wheel --no-deps -w {path.parent} PACKAGE")
        if not tags & here:
            name = path.name.partition("-")[0]
            why = f"It is for {', '.join(sorted(map(str, tags))[:3])}; this interpreter takes none of these."
            raise _unfit(path, why, f"{sys.executable} -m pip wheel --no-deps -w {path.parent} {name}")
    return found


def _unfit(path: Path, why: str, fix: str) -> UsageError:
    return UsageError(
        f"{path.name} cannot travel as a wheel",
        code="bad-wheel",
        where=f"--wheel {path}",
        why=why,
        fix=fix,
        kept="nothing was captured",
    )


def built(distribution: Distribution, folder: Path) -> Path:
    """The wheel of an editable install, built by its own build system."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="nb2prod-wheel-") as temporary:
        arguments = [
            "build",
            "--wheel",
            str(distribution.source),
            "-o",
            temporary,
            "--python",
            sys.executable,
            "--quiet",
        ]
        uv.run(arguments, IndexSettings.of_pip(), folder=Path(temporary))
        made = next(Path(temporary).glob("*.whl"))
        target = folder / sha256(made)[:16] / made.name
        target.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(target, made.read_bytes())
    return target


def write(name: str, version: str, files: Mapping[str, bytes], folder: Path) -> Path:
    """Write a wheel of `files` (path inside the wheel → bytes), which hold the `.dist-info` folder but no RECORD.

    The wheel lies in a folder named by its content, under `folder`.
    """
    info = f"{_escaped(name)}-{_escaped_version(version)}.dist-info"
    digest = hashlib.sha256("".join(f"{path}\0{_sha256(files[path]).hex()}\n" for path in sorted(files)).encode())
    target = folder / digest.hexdigest()[:16] / f"{info[:-10]}-{_tag(files[f'{info}/WHEEL'])}.whl"
    if not target.is_file():
        target.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(target, _archive({**files, f"{info}/RECORD": _record(files, info)}))
    return target


def name_and_version(wheel: Path) -> tuple[str, str]:
    """Name and version in a wheel's file name.

    Examples
    --------
    >>> name_and_version(Path("my_pkg-1.0+cpu-py3-none-any.whl"))
    ('my-pkg', '1.0+cpu')
    """
    name, version = wheel.name.split("-")[:2]
    return re.sub(r"[-_.]+", "-", name).lower(), version.replace("_", "-")


def sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def metadata_files(distribution: Distribution, *, pure: bool = True) -> dict[str, bytes]:
    """The `.dist-info` of a wheel for a distribution, whatever kind of metadata it has here."""
    info, files = _info(distribution), {}
    if distribution.folder.is_dir():
        for path in sorted(distribution.folder.rglob("*")):
            if path.is_file() and path.name not in _OURS:
                files[f"{info}/{path.relative_to(distribution.folder).as_posix()}"] = path.read_bytes()
    if f"{info}/METADATA" not in files:
        files = {f"{info}/METADATA": _from_egg(distribution), **_kept(files, info)}
    if f"{info}/WHEEL" not in files:
        files[f"{info}/WHEEL"] = _wheel_file(pure)
    return files


def _members(distribution: Distribution) -> Iterator[tuple[str, bytes]]:
    members = {}
    extension = False
    for name in distribution.files:
        path = distribution.site / name
        if name.endswith((".pyc", "/")) or not path.is_file() or distribution.folder.name in Path(name).parts:
            continue
        inside = _inside(name, distribution)
        if inside:
            members[inside] = path.read_bytes()
            extension = extension or name.endswith((".so", ".dylib", ".pyd"))
    yield from sorted({**members, **metadata_files(distribution, pure=not extension)}.items())


def _inside(name: str, distribution: Distribution) -> str | None:
    """The path inside the wheel; scripts and shared data go where wheels keep them."""
    if not name.startswith(".."):
        return name
    path = Path(os.path.normpath(distribution.site / name))
    data = f"{_info(distribution)[:-10]}.data"
    if path.parent.name == "bin":
        return None if path.name in _entry_points(distribution) else f"{data}/scripts/{path.name}"
    prefix = distribution.site.parents[2] if len(distribution.site.parents) > 2 else None
    return f"{data}/data/{path.relative_to(prefix).as_posix()}" if prefix and path.is_relative_to(prefix) else None


def _entry_points(distribution: Distribution) -> set[str]:
    path = distribution.folder / "entry_points.txt"
    lines = path.read_text("utf-8").splitlines() if path.is_file() else []
    return {line.partition("=")[0].strip() for line in lines if "=" in line}


def _from_egg(distribution: Distribution) -> bytes:
    head, blank, body = distribution.metadata.partition("\n\n")
    listed = distribution.folder / "requires.txt"
    needs = [] if "Requires-Dist:" in head or not listed.is_file() else list(_requirements(listed.read_text("utf-8")))
    return (
        "\n".join([head.rstrip("\n"), *(f"Requires-Dist: {need}" for need in needs)]) + (blank or "\n\n") + body
    ).encode()


def _requirements(text: str) -> Iterator[str]:
    """requires.txt's sections as PEP 508: `[extra:marker]`."""
    marker = ""
    for line in filter(None, map(str.strip, text.splitlines())):
        if line.startswith("["):
            extra, _, condition = line.strip("[]").partition(":")
            parts = [f"({condition})" if condition else "", f"extra == '{extra}'" if extra else ""]
            marker = " and ".join(filter(None, parts))
        else:
            yield f"{line} ; {marker}" if marker else line


def _kept(files: Mapping[str, bytes], info: str) -> dict[str, bytes]:
    return {name: data for name, data in files.items() if name == f"{info}/entry_points.txt"}


def _wheel_file(pure: bool) -> bytes:
    from packaging.tags import sys_tags

    tag = "py3-none-any" if pure else str(next(iter(sys_tags())))
    return f"Wheel-Version: 1.0\nGenerator: nb2prod\nRoot-Is-Purelib: {str(pure).lower()}\nTag: {tag}\n".encode()


def _tag(wheel_file: bytes) -> str:
    tags = [line.partition(":")[2].strip() for line in wheel_file.decode().splitlines() if line.startswith("Tag:")]
    parts = [tag.split("-", 2) for tag in tags] or [["py3", "none", "any"]]
    return "-".join(".".join(dict.fromkeys(part[position] for part in parts)) for position in range(3))


def _archive(files: Mapping[str, bytes]) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name in files:
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = (0o755 if ".data/scripts/" in name else 0o644) << 16
            archive.writestr(entry, files[name])
    return held.getvalue()


def _record(files: Mapping[str, bytes], info: str) -> bytes:
    held = io.StringIO()
    lines = csv.writer(held, lineterminator="\n")
    for name, data in files.items():
        lines.writerow([name, f"sha256={base64.urlsafe_b64encode(_sha256(data)).decode().rstrip('=')}", len(data)])
    lines.writerow([f"{info}/RECORD", "", ""])
    return held.getvalue().encode()


def _sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def _info(distribution: Distribution) -> str:
    return f"{_escaped(distribution.name)}-{_escaped_version(distribution.version)}.dist-info"


def _escaped(name: str) -> str:
    return re.sub(r"[-_.]+", "_", name).lower()


def _escaped_version(version: str) -> str:
    return version.replace("-", "_")
