"""Threads of the numerical libraries while the model is asked."""

from __future__ import annotations

import threading

import pytest
import threadpoolctl

from nb2prod.capturing import threads


def used() -> set[int]:
    return {one["num_threads"] for one in threadpoolctl.threadpool_info()}


def test_one_thread_while_asked_and_as_many_as_before_afterwards() -> None:
    import sklearn.ensemble  # noqa: F401  (its OpenMP)

    before = used()
    with threads.one():
        assert used() == {1}
    assert used() == before


def test_the_rest_of_the_cores_is_never_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: 1)
    with threads.the_rest():
        assert used() == {1}


def test_the_lookup_that_calls_back_from_c_is_in_no_thread_that_an_interruption_reaches(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen = []
    made = threadpoolctl.ThreadpoolController

    def looked_up() -> threadpoolctl.ThreadpoolController:
        seen.append(threading.current_thread())
        return made()

    monkeypatch.setattr(threadpoolctl, "ThreadpoolController", looked_up)
    with threads.one():
        pass
    assert len(seen) == 1
    assert threading.main_thread() not in seen
