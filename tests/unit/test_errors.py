"""Errors say where, why, fix and kept, everywhere in the same order."""

import pytest

from nb2prod import errors


def test_an_error_prints_its_four_lines_in_order() -> None:
    error = errors.Refused(
        "`clf` is not fitted", code="not-fitted", where="cell 3", why="it has no classes_", fix="clf.fit(X, y)"
    )
    assert str(error).splitlines() == [
        "`clf` is not fitted",
        "  where    cell 3",
        "  why      it has no classes_",
        "  fix      clf.fit(X, y)",
    ]


@pytest.mark.parametrize("kind", [errors.UsageError, errors.Refused, errors.Unverified, errors.NoSpace])
def test_an_error_carries_its_seven_fields(kind: type[errors.Nb2prodError]) -> None:
    assert list(kind("t", code="c").as_dict()) == ["code", "title", "where", "why", "fix", "kept", "status"]


def test_a_status_of_its_own_wins_over_the_class() -> None:
    assert errors.Refused("t", code="c", status=413).status == 413
    assert errors.Refused("t", code="c").status == 422
