"""What `verify` refuses before any host is bothered, and what it shows without one."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from rich.console import Console

from edgeboot.cli.verify.command import _until_interrupted, verify
from edgeboot.cli.verify.options import Seconds
from edgeboot.cli.verify.output import checked_reports, render, save
from edgeboot.cli.verify.record import record
from edgeboot.cli.verify.stages import stage
from edgeboot.cli.verify.watch import watch_use
from edgeboot.errors import BadInput, Interrupted, NotMeasured
from edgeboot.inventory.budget.file import load_budget
from edgeboot.inventory.model import Role
from edgeboot.report.verification.text import watch_table
from edgeboot.transport.base import Command
from edgeboot.transport.base import Result as Ran
from edgeboot.verify.results import Measured, NodeReport
from edgeboot.verify.suite import Fleet
from tests.support.verification import FOUND
from tests.support.verify_hosts import MIB, Host, site, verified


def call(*words: str) -> Result:
    return CliRunner().invoke(verify, words, standalone_mode=False)


def test_list_needs_no_inventory() -> None:
    said = call("--list").output
    assert "Health (--only health)" in said
    assert "  dns_from_pod" in said
    assert "Configuration" not in call("--list", "--only", "budget").output


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (("--tests", "/nowhere"), "no such file"),
        (("--report", "x.pdf"), "unknown report format '.pdf'"),
        (("--report", "/nowhere/x.html"), "no such directory"),
        (("--budget", "k3s-clasic"), "no budget"),
    ],
)
def test_mistakes_are_told_before_the_inventory_is_read(words: Sequence[str], what: str) -> None:
    done = call(*words, "-i", "/nowhere.yml")
    assert isinstance(done.exception, BadInput)
    assert what in str(done.exception)


@pytest.mark.parametrize(("text", "seconds"), [("60s", 60), ("2m", 120), ("15", 15)])
def test_windows(text: str, seconds: int) -> None:
    assert Seconds().convert(text, None, None) == seconds


@pytest.mark.parametrize("text", ["1s", "2h", "4000s", "-5"])
def test_windows_that_are_none(text: str) -> None:
    assert call("--window", text).exit_code != 0 or call("--window", text).exception


def test_every_form_goes_to_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    starts = {"json": "{", "jsonl": '{"event"', "junit": "<?xml", "html": "<!DOCTYPE html>"}
    for form, start in {**starts, "prometheus": "# HELP", "text": "node"}.items():
        render(FOUND, form)
        assert capsys.readouterr().out.startswith(start), form


def test_every_suffix_is_written_whole(tmp_path: Path) -> None:
    paths = [tmp_path / f"x.{suffix}" for suffix in ("json", "jsonl", "xml", "html", "prom")]
    checked_reports(paths)
    save(FOUND, paths)
    assert sorted(tmp_path.iterdir()) == sorted(paths)
    lines = [json.loads(line) for line in paths[1].read_text().splitlines()]
    assert [line["event"] for line in lines] == ["Check"] * 6 + ["Verification"]


def test_what_was_used_is_recorded_by_role(tmp_path: Path) -> None:
    made = site()
    fleet = Fleet(made.cluster, list(made.expectations.values()), made.hosts)
    fleet.sample(4)
    record(fleet, verified(made), tmp_path / "site.yml", 50)
    assert load_budget(tmp_path / "site.yml")[Role.AGENT]["memory"] == 150 * MIB


def test_nothing_measured_is_nothing_recorded(tmp_path: Path) -> None:
    made = site()
    fleet = Fleet(made.cluster, list(made.expectations.values()), made.hosts)
    with pytest.raises(NotMeasured):
        record(fleet, verified(made), tmp_path / "site.yml", 50)
    assert not list(tmp_path.iterdir())


def test_watching_goes_on_until_it_is_interrupted(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    made = site()
    fleet = Fleet(made.cluster, list(made.expectations.values()), made.hosts)
    asked = []
    answer = Host.run

    def few(self: Host, command: Command, **words: float) -> Ran:
        asked.append(self.node)
        if len(asked) > 6:
            raise Interrupted("Ctrl-C")
        return answer(self, command, deadline=words["deadline"])

    monkeypatch.setattr(Host, "run", few)
    with pytest.raises(Interrupted):
        watch_use(fleet, 4)
    assert "memory-pss" in capsys.readouterr().out


def many(count: int) -> list[NodeReport]:
    """Nodes whose use grows with their number."""

    def figures(n: int) -> tuple[Measured, ...]:
        limited = [Measured(what, n * 25 * MIB, 1600 * MIB, True) for what in ("memory", "disk")]
        free = [Measured(what, n, None, None) for what in ("load", "files", "writes")]
        return (limited[0], Measured("cpu", n * 10, 1000, True), limited[1], *free)

    return [NodeReport(f"agent-{n:02}", "agent", figures(n)) for n in range(1, count + 1)]


@pytest.mark.parametrize(("count", "shown"), [(2, 2), (20, 20), (40, 20)])
def test_a_watched_fleet_fits_on_a_screen_of_80_by_24(count: int, shown: int) -> None:
    out = io.StringIO()
    console = Console(file=out, width=80, height=24)
    console.print(watch_table(many(count), 21, 80))
    lines = [line.rstrip() for line in out.getvalue().splitlines()]
    assert len(lines) <= 22
    assert all(len(line) <= 80 and not line.endswith("…") for line in lines)
    assert sum(line.startswith("agent-") for line in lines) == shown
    if shown < count:  # the busiest are shown
        assert lines[-1] == f"… {count - shown} more"
        assert "agent-40" in lines[-2]


def test_while_hosts_are_sampled_there_are_signs_of_life(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("edgeboot.cli.verify.stages._EVERY", {True: 0.001, False: 0.001})
    said = ""
    with stage("sampling 2 hosts", 60):
        while "  sampling 2 hosts: 0 of 60 s" not in said:
            said += capsys.readouterr().err
    assert said.startswith("sampling 2 hosts for 60 s\n")


@pytest.mark.parametrize(("watch", "begun", "ends"), [(True, True, True), (True, False, False)])
def test_ctrl_c_ends_watching_well_once_it_has_begun(watch: bool, begun: bool, ends: bool) -> None:
    def run() -> None:
        with _until_interrupted(watch) as watching:
            if begun:
                watching.set()
            raise Interrupted("interrupted")

    if ends:
        run()
    else:
        with pytest.raises(Interrupted):
            run()
