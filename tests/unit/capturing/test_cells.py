"""What the executed cells did is read off their syntax trees."""

from __future__ import annotations

from nb2prod.capturing import cells
from nb2prod.capturing.cells import Graph

FLIGHTS = [
    (1, "import pandas as pd\nfrom sklearn.linear_model import LogisticRegression"),
    (2, "df = pd.read_csv('flights.csv')"),
    (3, "def clean(frame):\n    out = frame.dropna()\n    return out[COLUMNS]"),
    (4, "COLUMNS = ['a', 'b']"),
    (5, "X = clean(df)\ny = df['late']"),
    (6, "unrelated = 1"),
    (7, "model = LogisticRegression().fit(X, y)"),
    (8, "df['late'] = 0"),
]


def test_a_cell_reads_what_it_uses_before_binding_it() -> None:
    facts = cells.facts(1, "b = a + 1\nc = b\nfor i in range(n): total = i")
    assert facts.reads == {"a", "n"}
    assert facts.writes == {"b", "c", "i", "total"}


def test_a_function_reads_its_globals_later() -> None:
    facts = cells.facts(1, "def f(x, k=START):\n    y = x + OFFSET\n    return [y * z for z in g(x)]")
    assert facts.reads == {"START"}
    assert facts.later == {"OFFSET", "g"}


def test_a_method_of_a_class_reads_its_globals_later() -> None:
    facts = cells.facts(1, "class A(Base):\n    def go(self):\n        return LIMIT + self.x")
    assert "Base" in facts.reads
    assert facts.later == {"LIMIT"}


def test_names_inside_comprehensions_and_lambdas_are_their_own() -> None:
    facts = cells.facts(1, "squares = [n * n for n in numbers]\nkey = lambda row: row[column]")
    assert facts.reads == {"numbers"}
    assert facts.later == {"column"}
    assert facts.writes == {"squares", "key"}


def test_an_assignment_into_a_frame_changes_it() -> None:
    facts = cells.facts(1, "df['a'] = 1\ndf.drop(columns='b', inplace=True)\nother.append(2)")
    assert facts.changes == {"df", "other"}
    assert not facts.writes


def test_what_lies_behind_a_name_is_found_through_functions() -> None:
    behind = [cell.execution for cell in Graph(FLIGHTS).behind("model", at=7)]
    assert behind == [1, 2, 3, 4, 5, 7]


def test_a_change_in_place_counts_as_a_maker() -> None:
    behind = [cell.execution for cell in Graph([*FLIGHTS, (9, "z = df.sum()")]).behind("z")]
    assert behind == [1, 2, 8, 9]


def test_a_fit_call_tells_its_data_and_labels() -> None:
    (call,) = list(Graph(FLIGHTS).fits())
    assert (call.data, call.labels, call.assigned, call.execution, call.line) == ("X", "y", "model", 7, 1)


def test_a_fit_call_is_found_by_receiver_keyword_and_alias() -> None:
    graph = Graph([(1, "pipe = make()"), (2, "pipe.fit(X=X[cols], y=y)"), (3, "model = pipe")])
    (call,) = graph.fits()
    assert any(call.fits(alias) for alias in graph.aliases("model"))
    assert not call.fits("model")
    assert (call.receiver, call.data, call.labels) == ("pipe", "X[cols]", "y")


def test_magics_are_passed_over_and_lines_stay_in_place() -> None:
    source = "%matplotlib inline\n!pip install x\nfiles = !ls\nmodel.fit(A, B)"
    facts = cells.facts(1, source)
    assert [(fit.data, fit.line) for fit in facts.fits] == [("A", 4)]
    assert "files" in facts.writes


def test_a_timed_cell_is_python_and_a_shell_cell_is_not() -> None:
    assert cells.facts(1, "%%time\nmodel.fit(A, B)").fits
    assert (
        cells.facts(1, "%%bash\necho hello").tree == cells.facts(1, "").tree or not cells.facts(1, "%%bash\necho").reads
    )


def test_layout_and_comments_do_not_make_another_cell() -> None:
    assert cells.digest("a = 1  # one") == cells.digest("a  =  1")
    assert cells.digest("a = 1") != cells.digest("a = 2")


def test_a_cell_that_is_no_python_has_no_facts() -> None:
    facts = cells.facts(1, "this is not python at all")
    assert not facts.reads
    assert not facts.writes
