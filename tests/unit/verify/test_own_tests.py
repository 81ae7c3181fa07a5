"""Tests of a user's own: their fixtures, their ends, and what is wrong with their files."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgeboot.errors import BadInput, Interrupted
from edgeboot.verify.catalogue import catalogue
from edgeboot.verify.results import Category, Outcome
from edgeboot.verify.selection import CheckSelection
from edgeboot.verify.suite import own_tests
from tests.support.verify_hosts import run, site

OWN = frozenset({Category.OWN})


def write(directory: Path, text: str) -> CheckSelection:
    # pytest imports by base name, and all of these are imported by one process.
    (directory / f"test_{directory.name}.py").write_text(text)
    return CheckSelection(only=OWN, tests=(directory,))


def ends(scope: CheckSelection) -> dict[tuple[str, str], tuple[Outcome, str]]:
    found = run(site(), scope)
    return {(r.node, r.check): (r.outcome, r.message) for r in found.results}


def test_fixtures_and_every_end(tmp_path: Path) -> None:
    scope = write(
        tmp_path,
        """
import pytest

def test_command(host, node):
    assert "ran" in host.check_output("true"), "nothing ran"

def test_fails(node):
    assert node.role == "server", f"{node.name} is no server"

def test_skips(node):
    pytest.skip("not today")

def test_breaks(node):
    {}["nothing"]

def test_budget(budget):
    assert budget["memory"].used == 100 << 20
    budget.check("cpu")

def test_over_budget(budget):
    budget._subject.expected.limits["files"] = 1
    budget.check("files")

def test_cluster(cluster):
    assert sorted(cluster.reading.nodes) == ["agent-1", "server-1"]

def test_nothing_at_all():
    print("this is nobody's standard output")
""",
    )
    found = ends(scope)
    assert found["agent-1", "command"] == (Outcome.PASSED, "")
    assert found["server-1", "fails"] == (Outcome.PASSED, "")
    assert found["agent-1", "fails"] == (Outcome.FAILED, "agent-1 is no server")
    assert found["agent-1", "skips"] == (Outcome.SKIPPED, "not today")
    assert found["agent-1", "breaks"] == (Outcome.NOT_MEASURED, "KeyError: 'nothing'")
    assert found["server-1", "budget"] == (Outcome.PASSED, "")
    assert found["server-1", "over budget"] == (Outcome.FAILED, "20 of 1")
    assert found["cluster", "cluster"] == (Outcome.PASSED, "")
    assert found["cluster", "nothing at all"] == (Outcome.PASSED, "")


def test_a_conftest_of_the_directory_takes_part(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text(
        "import pytest\n@pytest.fixture\ndef port():\n    return 6443\n"
    )
    scope = write(tmp_path, "def test_port(port):\n    assert port == 6443\n")
    assert ends(scope) == {("cluster", "port"): (Outcome.PASSED, "")}


def test_what_tests_print_does_not_come_out(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    ends(write(tmp_path, "def test_loud():\n    print('loud')\n"))
    assert capfd.readouterr().out == ""


@pytest.mark.parametrize("text", ["def test_(:\n", "import nothing_of_this_name\n"])
def test_a_file_that_cannot_be_read_is_bad_input(tmp_path: Path, text: str) -> None:
    with pytest.raises(BadInput) as raised:
        run(site(), write(tmp_path, text))
    assert raised.value.where == str(tmp_path / f"test_{tmp_path.name}.py")


def test_a_directory_that_is_not_there_is_bad_input(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no such file"):
        own_tests([tmp_path / "nowhere"])


@pytest.mark.parametrize("keyword", ["no_check_is_called_this", "budget and ("])
def test_a_keyword_that_leaves_nothing_is_bad_input(keyword: str) -> None:
    with pytest.raises(BadInput, match="no check is left"):
        run(site(), CheckSelection(keyword=keyword))


def test_a_keyword_chooses() -> None:
    found = run(site(), CheckSelection(keyword="certificates or workload"))
    assert {r.check for r in found.results} == {"certificates", "workload"}


def test_only_one_question_reads_only_what_it_needs() -> None:
    made = site()
    found = run(made, CheckSelection(only=frozenset({Category.CONFIG})))
    assert {r.category for r in found.results} == {Category.CONFIG}
    assert "sample" not in made.hosts["agent-1"].ran
    assert "probe" not in made.hosts["server-1"].ran


def test_the_catalogue_has_own_tests_without_running_them(tmp_path: Path) -> None:
    scope = write(tmp_path, 'raise SystemExit(1)\ndef test_x():\n    """What it is."""\n')
    (own,) = (c for c in catalogue(scope.tests) if c.category is Category.OWN)
    assert (own.name, own.what) == ("x", "What it is.")
    assert all(check.what for check in catalogue())


def test_an_interruption_ends_the_run_and_is_no_result(tmp_path: Path) -> None:
    scope = write(
        tmp_path,
        """
from edgeboot.errors import Interrupted

def test_a():
    raise Interrupted("Ctrl-C")

def test_b():
    raise SystemExit("it went on")
""",
    )
    with pytest.raises(Interrupted, match="Ctrl-C"):
        run(site(), scope)


def test_a_fixture_of_the_users_may_be_called_as_one_of_ours(tmp_path: Path) -> None:
    scope = write(
        tmp_path,
        """
import pytest

@pytest.fixture
def image():
    return "mine"

def test_image(image, node):
    assert image == "mine"
""",
    )
    assert set(ends(scope)) == {("server-1", "image"), ("agent-1", "image")}
