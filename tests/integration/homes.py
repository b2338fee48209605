"""Homes of tests: they go, and what they made in the shared cache stays for the tests that follow."""

from __future__ import annotations

import tempfile
from pathlib import Path

from nb2prod import environments
from nb2prod.home import Home
from nb2prod.lifecycle.upkeep import removal


def uninstalled(home: Home) -> removal.Removed:
    """Uninstall a home while another one leases every environment that there is."""
    with tempfile.TemporaryDirectory() as other:
        for folder in (*home.environments.iterdir(), *home.control.iterdir()):
            if (folder / "bin").is_dir():
                environments.lease(folder, Path(other))
        return removal.uninstall(home)
