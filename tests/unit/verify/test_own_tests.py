"""Tests of a user's own: their fixtures, their ends, and what is wrong with their files."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from edgeboot.errors import BadInput, Interrupted
from edgeboot.verify.catalogue import catalogue
from edgeboot.verify.results import Category, CheckResult, Outcome
from edgeboot.verify.selection import CheckSelection
from edgeboot.verify.session.recorder import Recorder
from edgeboot.verify.suite import Fleet, check_selection, collect_tests, verify
from tests.support.verify_hosts import site, verified

OWN = frozenset({Category.OWN})


def write(directory: Path, text: str) -> CheckSelection:
    (directory / "test_site.py").write_text(text)
    return CheckSelection(only=OWN, tests=(directory,))


def ends(scope: CheckSelection) -> dict[tuple[str, str], tuple[Outcome, str]]:
    found = verified(site(), scope)
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
    assert found["server-1", "over_budget"] == (Outcome.FAILED, "20 of 1")
    assert found["cluster", "cluster"] == (Outcome.PASSED, "")
    assert found["cluster", "nothing_at_all"] == (Outcome.PASSED, "")


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


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("def test_(:\n", "SyntaxError: invalid syntax"),
        ("import nothing_of_this_name\n", "No module named 'nothing_of_this_name'"),
    ],
)
def test_a_file_that_cannot_be_read_is_bad_input(tmp_path: Path, text: str, what: str) -> None:
    with pytest.raises(BadInput, match=what) as raised:
        verified(site(), write(tmp_path, text))
    assert raised.value.where == str(tmp_path / "test_site.py:1")


def test_a_directory_that_is_not_there_is_bad_input(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no such file"):
        check_selection(CheckSelection(tests=(tmp_path / "nowhere",)))


def test_no_tests_of_ones_own_are_bad_input(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(BadInput, match="no tests found"):
        check_selection(CheckSelection(tests=(tmp_path,)))
    (tmp_path / "test_here.py").write_text("def test_here():\n    pass\n")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(BadInput, match="--only own needs tests"):
        check_selection(CheckSelection(only=OWN))
    with pytest.raises(BadInput, match="no checks are selected"):
        verified(site(), CheckSelection(only=OWN))


def test_a_keyword_that_leaves_nothing_is_bad_input() -> None:
    with pytest.raises(BadInput, match="no checks match -k 'no_check_is_called_this'"):
        verified(site(), CheckSelection(keyword="no_check_is_called_this"))


def test_a_keyword_chooses() -> None:
    found = verified(site(), CheckSelection(keyword="certificates or workload"))
    assert {r.check for r in found.results} == {"certificates", "workload"}


def test_only_one_question_reads_only_what_it_needs() -> None:
    made = site()
    found = verified(made, CheckSelection(only=frozenset({Category.CONFIG})))
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
        verified(site(), scope)


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


def test_files_of_two_directories_may_be_called_alike(tmp_path: Path) -> None:
    made: list[Path] = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "helper.py").write_text(f"NAME = {name!r}\n")
        text = f"from helper import NAME\ndef test_{name}():\n    assert NAME == {name!r}\n"
        made += write(tmp_path / name, text).tests
    found = ends(CheckSelection(only=OWN, tests=tuple(made)))
    assert found == {("cluster", name): (Outcome.PASSED, "") for name in ("a", "b")}


def test_marks_of_pytest_mean_what_they_mean(tmp_path: Path) -> None:
    scope = write(
        tmp_path,
        """
import unittest

import pytest

@pytest.mark.xfail(reason="known")
def test_known():
    raise AssertionError("wrong")

@pytest.mark.xfail
def test_better():
    pass

@pytest.mark.xfail(strict=True, reason="known")
def test_strict():
    pass

@pytest.fixture
def leaves():
    yield
    raise OSError("the port is still open")

def test_cleans_up(leaves):
    pass

class TestOld(unittest.TestCase):
    def test_old(self):
        self.skipTest("too old")
""",
    )
    found = verified(site(), scope)
    got = {(r.check, r.outcome, r.message) for r in found.results}
    assert got == {
        ("known", Outcome.SKIPPED, "expected to fail: known"),
        ("better", Outcome.PASSED, ""),
        ("strict", Outcome.FAILED, "[XPASS(strict)] known"),
        ("cleans_up", Outcome.PASSED, ""),
        ("cleans_up", Outcome.NOT_MEASURED, "OSError: the port is still open"),
        ("old", Outcome.SKIPPED, "too old"),
    }


def test_leaving_early_is_no_success(tmp_path: Path) -> None:
    scope = write(
        tmp_path,
        """
import pytest

def test_a():
    pytest.exit("enough")

def test_b():
    pass
""",
    )
    assert ends(scope) == {
        ("cluster", name): (Outcome.NOT_MEASURED, "this test did not run: Exit: enough")
        for name in ("a", "b")
    }


def test_ctrl_c_within_pytest_is_an_interruption(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The signal's handler raises wherever the session happens to be."""

    def raises(_self: object, session: object) -> None:
        del session
        raise Interrupted("Ctrl-C")

    monkeypatch.setattr(Recorder, "pytest_runtestloop", raises, raising=False)
    with pytest.raises(Interrupted, match="Ctrl-C"):
        verified(site(), write(tmp_path, "def test_a():\n    pass\n"))
    with pytest.raises(Interrupted, match="Ctrl-C"):
        verified(site())


def test_results_are_reported_as_they_end(tmp_path: Path) -> None:
    scope = write(
        tmp_path,
        """
from edgeboot.errors import NotMeasured

def test_unknown():
    raise NotMeasured("no camera\\nat all", where="agent-1")
""",
    )
    made = site()
    told: list[CheckResult] = []
    fleet = Fleet(made.cluster, list(made.expectations.values()), made.hosts)
    selection = replace(scope, only=frozenset({Category.CONFIG, Category.OWN}))
    found = verify(fleet, selection, window=4, when="2027-01-15T08:00:00+00:00", tell=told.append)
    assert tuple(told) == found.results
    (own,) = (r for r in told if r.category is Category.OWN)
    assert (own.outcome, own.message, own.detail) == (
        Outcome.NOT_MEASURED,
        "no camera",
        "at all",
    )
    assert len(told) > 10


def test_what_breaks_pytest_is_not_printed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def raises(_self: object, session: object) -> None:
        del session
        raise OSError("broken")

    monkeypatch.setattr(Recorder, "pytest_runtestloop", raises, raising=False)
    found = verified(site(), write(tmp_path, "def test_a():\n    pass\n"))
    assert [r.message for r in found.results] == ["this test did not run: OSError: broken"]
    assert capfd.readouterr() == ("", "")


def test_a_command_of_testinfras_that_fails_is_not_measured(tmp_path: Path) -> None:
    """testinfra asserts that its own commands succeed; nothing of the host was compared yet."""
    scope = write(
        tmp_path,
        """
def test_camera(host):
    host.check_output("false")

def test_plain(host):
    assert host.run("false").succeeded, ""
""",
    )
    found = {(r.node, r.check): r for r in verified(site(), scope).results}
    assert found["agent-1", "camera"].outcome is Outcome.NOT_MEASURED
    assert "AssertionError: Unexpected exit code 1" in found["agent-1", "camera"].message
    assert found["agent-1", "plain"].outcome is Outcome.FAILED
    assert found["agent-1", "plain"].message


@pytest.mark.parametrize(
    ("text", "what", "line"),
    [
        ("def test_a(:\n    pass\n", "SyntaxError", 1),
        ("import nowhere_at_all\n", "No module named", 1),
        ("\n\nx = 1 / 0\n", "division by zero", 3),
    ],
)
def test_a_mistake_in_tests_is_told_before_any_host_is_read(
    tmp_path: Path, text: str, what: str, line: int
) -> None:
    scope = write(tmp_path, text)
    with pytest.raises(BadInput, match=what) as raised:
        collect_tests(scope, ["agent-1"])
    assert str(raised.value.where).endswith(f".py:{line}")


def test_tests_are_collected_without_being_run(tmp_path: Path) -> None:
    scope = write(tmp_path, "def test_a(host, budget, cluster):\n    raise SystemExit\n")
    collect_tests(scope, ["agent-1", "agent-2"])
    with pytest.raises(BadInput, match="no checks match -k 'camera'"):
        collect_tests(replace(scope, keyword="camera"), ["agent-1"])


def test_a_selection_without_figures_is_not_sampled() -> None:
    made = site()
    found = verified(made, CheckSelection(keyword="service"))
    assert {r.check for r in found.results} == {"service"}
    assert made.hosts["agent-1"].ran == ["inspect"]
    assert "probe-guard" not in made.hosts["server-1"].ran
