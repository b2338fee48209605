"""Credentials as people write them to each other."""

from __future__ import annotations

import pytest

from nb2prod.capturing.credentials.texts import in_source, in_text

TYPED = "Copper#4217"


@pytest.mark.parametrize(
    "line",
    [
        f"log in as loader with {TYPED} (only from the office)",
        f"connect with user loader / password {TYPED}, ask Kim",
        f"Benutzer loader, Kennwort {TYPED}",
        f"login: loader / {TYPED}",
        f"user loader / {TYPED}",
        f"jenkins: loader / {TYPED}",
        f"kim@corp.example / {TYPED}",
        f"ssh as deploy using {TYPED}",
        f"Temporary password for user loader: {TYPED}",
        f"user loader, pass {TYPED}",
        f"the pw {TYPED} is for staging alone",
        f"Use **loader** with password **{TYPED}**",
    ],
)
def test_a_password_beside_its_user_is_found_in_comments_and_markdown(line: str) -> None:
    assert any(in_source(f"# {line}\nx = 1"))
    assert any(in_text(line))
    assert any(in_source(f'def load():\n    """Loads.\n\n    {line}\n    """'))


@pytest.mark.parametrize(
    "line",
    [
        "user and password come from the vault / ask Kim",
        "log in with your account (see wiki/Login2)",
        "See the user guide / Section4.2: login with PKCE (RFC7636).",
        "The user Anna/Bert-2024 pair has the account Basic/Premium-2.",
        "contact: kim@corp.example / lee@corp.example",
        "login: SSO -> Okta-Verify2 for all",
        "connect as reader with the read-only role",
        "the second pass Phase-3a! is slow",
        "Enter your password for user loader: it is not stored.",
    ],
)
def test_prose_that_only_speaks_of_them_is_passed_over(line: str) -> None:
    assert not any(in_text(line))


@pytest.mark.parametrize(
    "text", ["# grafana: admin / Bergen.143", "# kibana: `elastic` / Fjord-2210x", "db: root / Tulpen7.rot"]
)
def test_a_usual_user_and_a_varied_word_are_a_login(text: str) -> None:
    assert list(in_source(text) if text.startswith("#") else in_text(text))


@pytest.mark.parametrize(
    "text",
    [
        "# roles: admin / Editor",
        "# paths: root / data_2024",
        "# rates: north / South.143",
        "# owner: admin / operations",
    ],
)
def test_two_words_of_another_kind_are_no_login(text: str) -> None:
    assert not list(in_source(text))


@pytest.mark.parametrize(
    "place", ["ChIJN1t_tDeuEmsRUsoyG83frY4", "ChIJD7fiBh9u5kcRYJSMaMOCCwQ", "GhIJQWDl0CIeQUARxks3icF8U8A"]
)
def test_the_id_of_a_place_is_no_credential(place: str) -> None:
    assert not list(in_source(f"place = {place!r}\n# see {place}"))
