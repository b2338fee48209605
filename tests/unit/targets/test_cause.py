"""A process that ended is explained in one line; its traceback stands below, and no line for machines."""

from nb2prod.targets.local.cause import NOTHING, cause, readable

TRACE = ["Traceback (most recent call last):", '  File "a.py", line 3, in load', "    raise ValueError('bad')"]
JSON = '{"error":{"code":"worker","title":"The model cannot be loaded","where":"","why":"ValueError: bad\\nmore","fix":""}}'


def test_the_error_that_a_worker_told_is_the_cause() -> None:
    assert cause([*TRACE, "ValueError: bad", JSON]) == "The model cannot be loaded. ValueError: bad."


def test_without_one_the_end_of_the_traceback_is() -> None:
    assert cause([*TRACE, "ValueError: bad", "    at the end, indented"]) == "ValueError: bad"


def test_a_missing_module_is_named_even_if_something_else_was_said_after() -> None:
    assert cause([*TRACE, "ModuleNotFoundError: No module named 'x'", "stopping"]) == (
        "ModuleNotFoundError: No module named 'x'"
    )


def test_a_silent_process_is_said_to_be_one() -> None:
    assert cause(["", "  "]) == NOTHING


def test_the_line_for_machines_is_not_shown() -> None:
    assert readable([*TRACE, JSON, ""]) == tuple(TRACE)
