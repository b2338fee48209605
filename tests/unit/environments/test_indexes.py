"""pip's configuration reaches uv, and no credential reaches anything else."""

from pathlib import Path

import pytest

from nb2prod.environments.indexes import IndexSettings, without_credentials


def configured(folder: Path, text: str, **variables: str) -> IndexSettings:
    (folder / "pip").mkdir(exist_ok=True)
    (folder / "pip" / "pip.conf").write_text(text)
    nowhere = {"XDG_CONFIG_DIRS": str(folder / "none"), "HOME": str(folder / "none")}
    return IndexSettings.of_pip({"XDG_CONFIG_HOME": str(folder), **nowhere, **variables})


def test_the_users_file_names_index_and_certificate(tmp_path: Path) -> None:
    settings = configured(tmp_path, "[global]\nindex-url = https://mirror.example/simple\n[install]\ncert = /ca.pem\n")
    assert settings.environ()["UV_DEFAULT_INDEX"] == "https://mirror.example/simple"
    assert settings.environ()["SSL_CERT_FILE"] == "/ca.pem"


def test_a_variable_goes_before_the_file(tmp_path: Path) -> None:
    settings = configured(tmp_path, "[global]\nindex-url = https://a.example\n", PIP_INDEX_URL="https://b.example")
    assert settings.index == "https://b.example"


def test_find_links_that_are_not_there_are_left_out_as_pip_does(tmp_path: Path) -> None:
    (tmp_path / "wheels").mkdir()
    settings = configured(tmp_path, "", PIP_FIND_LINKS=f"{tmp_path / 'wheels'} /nowhere/at/all")
    assert settings.find_links == (str(tmp_path / "wheels"),)


def test_with_extra_indexes_the_best_version_of_all_is_taken_as_pip_does(tmp_path: Path) -> None:
    settings = configured(tmp_path, "[global]\nextra-index-url =\n    https://a.example\n    https://b.example\n")
    assert settings.environ()["UV_INDEX"] == "https://a.example https://b.example"
    assert settings.environ()["UV_INDEX_STRATEGY"] == "unsafe-best-match"


def test_no_credential_shows_in_repr_or_digest(tmp_path: Path) -> None:
    one = configured(tmp_path, "", PIP_INDEX_URL="https://me:secret@mirror.example/simple")
    other = configured(tmp_path, "", PIP_INDEX_URL="https://you:other@mirror.example/simple")
    assert "secret" not in repr(one)
    assert one.digest == other.digest


@pytest.mark.parametrize("text", ["https://u:p@h/x", "git+https://token@h/x"])
def test_addresses_lose_their_user(text: str) -> None:
    assert "@h/x" in without_credentials(text)
    assert "token" not in without_credentials(text)
    assert ":p@" not in without_credentials(text)
