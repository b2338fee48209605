"""Where packages come from: pip's own configuration, which uv does not read, handed to uv in memory.

Index addresses may carry credentials. They go into the environment of the uv process and nowhere else: no file, no log, no
`repr`, no lock.
"""

from __future__ import annotations

import configparser
import hashlib
import os
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlsplit

_LISTS = ("extra-index-url", "find-links", "trusted-host", "constraint")
_CREDENTIALS = re.compile(r"(?<=://)[^/@\s]+@")


@dataclass(frozen=True)
class IndexSettings:
    """Indexes, find-links, certificates and constraints as pip would use them.

    Examples
    --------
    >>> IndexSettings.of_pip({"PIP_INDEX_URL": "https://mirror.example/simple"}).environ()["UV_DEFAULT_INDEX"]
    'https://mirror.example/simple'
    """

    index: str | None = field(default=None, repr=False)
    extra: tuple[str, ...] = field(default=(), repr=False)
    find_links: tuple[str, ...] = field(default=(), repr=False)
    trusted: tuple[str, ...] = ()
    constraints: tuple[str, ...] = ()
    no_index: bool = False
    certificate: str | None = None
    client_certificate: str | None = None
    proxy: str | None = field(default=None, repr=False)
    keyring: str | None = None
    timeout: str | None = None

    @classmethod
    def of_pip(cls, environ: Mapping[str, str] | None = None) -> IndexSettings:
        """Read pip's configuration files and `PIP_*` variables, in pip's own order of precedence."""
        options = _options(os.environ if environ is None else environ)
        lists = {name: tuple(options.get(name, "").split()) for name in _LISTS}
        return cls(
            index=options.get("index-url"),
            extra=tuple(url for url in lists["extra-index-url"] if _usable(url)),
            find_links=tuple(_plain(url) for url in lists["find-links"] if _usable(url)),
            trusted=lists["trusted-host"],
            constraints=lists["constraint"],
            no_index=options.get("no-index", "").lower() in ("1", "true", "yes", "on"),
            certificate=options.get("cert"),
            client_certificate=options.get("client-cert"),
            proxy=options.get("proxy"),
            keyring="subprocess" if options.get("keyring-provider") in ("subprocess", "import") else None,
            timeout=options.get("timeout") or options.get("default-timeout"),
        )

    def environ(self) -> dict[str, str]:
        """The variables that tell uv the same; what the user has set for uv already goes before them."""
        said: dict[str, str | None] = {
            "UV_DEFAULT_INDEX": self.index,
            "UV_INDEX": " ".join(self.extra),
            "UV_FIND_LINKS": ",".join(self.find_links),
            "UV_INSECURE_HOST": " ".join(self.trusted),
            "UV_NO_INDEX": "1" if self.no_index else None,
            "UV_KEYRING_PROVIDER": self.keyring,
            "UV_HTTP_TIMEOUT": self.timeout,
            "SSL_CERT_FILE": self.certificate,
            "SSL_CLIENT_CERT": self.client_certificate,
            "ALL_PROXY": self.proxy,
            # pip takes the best version of all indexes, uv by default the first index that knows the name
            "UV_INDEX_STRATEGY": "unsafe-best-match" if self.extra else None,
        }
        return {name: value for name, value in said.items() if value}

    @property
    def digest(self) -> str:
        """Names the settings without their credentials; part of a lock's cache key."""
        said = [f"{name}={without_credentials(value)}" for name, value in sorted(self.environ().items())]
        said += [f"{path}={_digest_of(path)}" for path in self.constraints]
        return hashlib.sha256("\n".join(said).encode()).hexdigest()


def without_credentials(text: str) -> str:
    """`text` with the user part of every address blanked.

    Examples
    --------
    >>> without_credentials("Failed to fetch: https://me:secret@host.example/simple/x/")
    'Failed to fetch: https://***@host.example/simple/x/'
    """
    return _CREDENTIALS.sub("***@", text)


def _options(environ: Mapping[str, str]) -> dict[str, str]:
    options: dict[str, str] = {}
    for path in _files(environ):
        parser = configparser.RawConfigParser()
        try:
            parser.read(path, encoding="utf-8")
        except (configparser.Error, UnicodeDecodeError, OSError):
            continue  # pip itself stops at such a file, so nothing was installed by it
        for section in ("global", "install"):
            if parser.has_section(section):
                options.update({key.replace("_", "-"): value for key, value in parser.items(section)})
    for key, value in environ.items():
        if key.startswith("PIP_") and value:
            options[key[4:].lower().replace("_", "-")] = value
    return options


def _files(environ: Mapping[str, str]) -> list[Path]:
    chosen = environ.get("PIP_CONFIG_FILE")
    if chosen == os.devnull:
        return []
    home = Path(environ.get("HOME") or Path.home())
    user = Path(environ.get("XDG_CONFIG_HOME") or home / ".config") / "pip"
    if sys.platform == "darwin":
        shared = [Path("/Library/Application Support/pip")]
        mac = home / "Library" / "Application Support" / "pip"
        user = mac if mac.is_dir() else user
    else:
        shared = [Path(base) / "pip" for base in environ.get("XDG_CONFIG_DIRS", "/etc/xdg").split(":") if base] + [
            Path("/etc")
        ]
    folders = [*shared, home / ".pip", user, Path(sys.prefix)]
    return [folder / "pip.conf" for folder in folders] + ([Path(chosen)] if chosen else [])


def _usable(location: str) -> bool:
    """A local folder that is not there is left out, as pip does; uv would stop."""
    if location.startswith("file:"):
        return Path(unquote(urlsplit(location).path)).exists()
    return "://" in location or Path(location).expanduser().exists()


def _plain(location: str) -> str:
    return location if "://" in location else str(Path(location).expanduser().absolute())


def _digest_of(path: str) -> str:
    try:
        return hashlib.sha256(Path(path).read_bytes()).hexdigest()
    except OSError:
        return ""
