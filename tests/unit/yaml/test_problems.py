"""All mistakes of a file at once, in its order."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgeboot.errors import BadInput, BadInputs
from edgeboot.yaml.parser import load, parse
from edgeboot.yaml.position import Position
from edgeboot.yaml.problems import MOST, Problems, each, reported
from edgeboot.yaml.reader import reader_of


def found(problems: Problems) -> list[str]:
    with pytest.raises(BadInput) as caught:
        problems.raise_any()
    return [f"{error.where}: {error.what}" for error in each(caught.value)]


def mistake(what: str, line: int, column: int = 0) -> BadInput:
    return BadInput(what, where=Position.at("f", line, column))


def test_nothing_to_raise() -> None:
    Problems().raise_any()


def test_one_mistake_is_raised_as_it_is() -> None:
    problems, only = Problems(), mistake("a", 1)
    with problems:
        raise only
    with pytest.raises(BadInput) as caught:
        problems.raise_any()
    assert caught.value is only


def test_several_come_in_the_order_of_the_file() -> None:
    problems = Problems()
    for line, column in ((10, 0), (2, 7), (2, 3)):
        problems.report(mistake(f"column {column}", line, column))
    problems.report(BadInput("no line", where="f"))
    assert found(problems) == ["f: no line", "f:2: column 3", "f:2: column 7", "f:10: column 0"]


def test_several_of_a_part_are_taken_one_by_one() -> None:
    problems = Problems()
    with problems:
        raise BadInputs([mistake("b", 2), mistake("a", 1)])
    assert found(problems) == ["f:1: a", "f:2: b"]


def test_a_place_has_one_message() -> None:
    problems = Problems()
    problems.report(mistake("in defaults", 3, 5))
    problems.report_new(BadInputs([mistake("in a node", 3, 5), mistake("else", 3, 9)]))
    assert found(problems) == ["f:3: in defaults", "f:3: else"]


def test_what_was_reported_already_adds_no_message_and_is_no_success() -> None:
    problems = Problems()
    with problems:
        raise reported()
    assert found(problems) == []


def test_other_errors_pass_through() -> None:
    with pytest.raises(KeyError), Problems():
        raise KeyError


def test_there_are_bounds() -> None:
    problems = Problems()
    for line in range(MOST):
        problems.report(mistake("x", line))
    with pytest.raises(BadInputs):
        problems.report(mistake("x", MOST))


def test_the_parser_reads_on_after_what_it_refuses() -> None:
    problems = Problems()
    top = parse("a: &x 1\nb: *x\nc: !!int 3\nd: 4\nd: 5\n<<: {}\n", "f", problems)
    reader = reader_of(top, tuple("abcd"), "the file", problems)
    assert reader.integer("d") == 4
    with problems:  # no message of its own
        reader.value("a")
    assert found(problems) == [
        "f:1: anchors and aliases (& and *) are not supported",
        "f:2: anchors and aliases (& and *) are not supported",
        "f:3: tags (!) are not supported",
        "f:5: duplicate key 'd'",
        "f:6: merge keys (<<) are not supported",
    ]


def test_what_ends_the_parser_comes_with_what_was_found_before(tmp_path: Path) -> None:
    path = tmp_path / "f.yml"
    path.write_text("a: 1\na: 2\nb: [1\n")
    for problems in (None, Problems()):
        with pytest.raises(BadInputs) as caught:
            load(path, problems)
        assert [error.what for error in caught.value.errors] == [
            "duplicate key 'a'",
            "unclosed bracket or missing comma",
        ]
