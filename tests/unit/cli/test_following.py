"""The next command is complete: what this run was given, quoted, and nothing the command lacks."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import click
import pytest

from edgeboot.cli.main import cli
from edgeboot.cli.run.following import completed, completing, tell_next
from edgeboot.cli.run.told import known_warnings
from edgeboot.engine.fleet import FleetError
from edgeboot.errors import EdgebootError, Refused
from edgeboot.inventory.model import Cluster
from edgeboot.plan.findings import Finding, Severity
from edgeboot.plan.plan import Plan
from edgeboot.report.warnings import told
from tests.support.documents import parse

AWKWARD = "my sites/it's $HOME;x.yml"
Enter = Callable[[str], None]


@pytest.fixture
def given() -> Iterator[Enter]:
    """Enters a command line, as if its command ran now."""
    with ExitStack() as stack:

        def enter(line: str) -> None:
            words = shlex.split(line)
            command: click.Command = cli
            context = stack.enter_context(click.Context(cli, info_name="edgeboot"))
            while isinstance(command, click.Group):
                found = command.get_command(context, words.pop(0))
                assert found
                command = found
            stack.enter_context(command.make_context("x", words, parent=context))

        yield enter


@pytest.mark.parametrize(
    ("line", "command", "told"),
    [
        ("plan", "install", "edgeboot install"),
        ("plan -i a.yml", "install", "edgeboot install -i a.yml"),
        (
            "plan -i a.yml --bundle e.tar --allow-unsigned --limit agent-3 -K --diff",
            "install",
            "edgeboot install -i a.yml --bundle e.tar --allow-unsigned -K --limit agent-3",
        ),
        (
            "preflight --allow preflight.memory --allow preflight.disk --no-reboot",
            "plan",
            "edgeboot plan --no-reboot --allow preflight.memory --allow preflight.disk",
        ),
        ("plan --new-agent-token", "install", "edgeboot install --new-agent-token"),
        (
            "install -y --new-agent-token --accept-new --bundle e.tar",
            "verify",
            "edgeboot verify --bundle e.tar",
        ),
        (
            "reset --plan --limit agent-1 --foreign",
            "reset",
            "edgeboot reset --limit agent-1 --foreign",
        ),
        ("status -i a.yml --ask-pass", "verify", "edgeboot verify -i a.yml --ask-pass"),
    ],
)
def test_the_next_command_has_what_this_one_was_given(
    given: Enter, capsys: pytest.CaptureFixture[str], line: str, command: str, told: str
) -> None:
    given(line)
    tell_next(command)
    said = capsys.readouterr().out.removeprefix("next: ").rstrip()
    assert sorted(said.split()) == sorted(told.split())
    parse(said)


def test_what_needs_quoting_is_quoted(given: Enter, capsys: pytest.CaptureFixture[str]) -> None:
    given(f"plan -i {shlex.quote(AWKWARD)}")
    tell_next("install")
    said = capsys.readouterr().out.removeprefix("next: ")
    assert shlex.split(said) == ["edgeboot", "install", "-i", AWKWARD]


def test_a_whole_cluster_leaves_the_limit_behind(
    given: Enter, capsys: pytest.CaptureFixture[str]
) -> None:
    given("reset -i a.yml --limit agent-1")
    tell_next("plan", whole=True)
    assert capsys.readouterr().out == "next: edgeboot plan -i a.yml\n"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("see `edgeboot status`", "see `edgeboot status -i a.yml`"),
        (
            "run `edgeboot reset --limit agent-1`, then",
            "run `edgeboot reset -i a.yml --limit agent-1`, then",
        ),
        (
            "see `edgeboot status`, then `edgeboot install` again",
            "see `edgeboot status -i a.yml`, then `edgeboot install -i a.yml --bundle e.tar` again",
        ),
        ("fetch it: edgeboot kubeconfig --merge", "fetch it: edgeboot kubeconfig -i a.yml --merge"),
        ("fetch it: edgeboot kubeconfig -i b.yml", "fetch it: edgeboot kubeconfig -i b.yml"),
        ("`edgeboot ssh NODE ls -l`", "`edgeboot ssh -i a.yml NODE ls -l`"),
        ("create it with `edgeboot bundle lock`", "create it with `edgeboot bundle lock`"),
        ("`edgeboot nonsense` and `edgeboot`", "`edgeboot nonsense` and `edgeboot`"),
    ],
)
def test_commands_in_hints_are_completed(given: Enter, text: str, told: str) -> None:
    given("install -i a.yml --bundle e.tar --limit agent-2 --new-agent-token")
    assert completed(text) == told


def test_every_error_of_a_fleet_names_complete_commands(given: Enter) -> None:
    def fails() -> None:
        hint = "see `edgeboot status`"
        errors: dict[str, EdgebootError] = {n: Refused("no", hint=hint) for n in "ab"}
        raise FleetError(errors)

    given("install -i a.yml")
    with pytest.raises(FleetError) as caught:
        completing(fails)()
    assert {e.hint for e in caught.value.errors.values()} == {"see `edgeboot status -i a.yml`"}


SLOW = (Finding("preflight.x", Severity.WARN, "slow", "-"),)


def test_a_warning_is_news_once_and_again_after_it_was_gone(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
    cluster = Cluster("edge", ())
    with_it, without = Plan((), {"a": SLOW, "b": ()}), Plan((), {"a": (), "b": ()})
    known = {told("a", *SLOW)}
    assert known_warnings(cluster, with_it) == frozenset()
    assert known_warnings(cluster, with_it) == known
    assert known_warnings(cluster, Plan((), {"b": ()})) == known  # a took no part
    assert known_warnings(cluster, without) == known
    assert known_warnings(cluster, with_it) == frozenset()


def test_other_words_of_the_same_check_are_news_and_other_figures_are_not() -> None:
    first, same, other = (
        Finding("preflight.x", Severity.WARN, what, "-")
        for what in ("it has 400.0 MiB", "it has 396 MiB", "it has no memory")
    )
    assert told("a", first) == told("a", same)
    assert told("a", first) != told("a", other)


def test_where_nothing_can_be_kept_every_warning_is_news(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    file = tmp_path_factory.mktemp("state") / "file"
    file.write_text("not a directory")
    monkeypatch.setenv("XDG_STATE_HOME", str(file))
    plan = Plan((), {"a": SLOW})
    assert known_warnings(Cluster("edge", ()), plan) == frozenset()
    assert known_warnings(Cluster("edge", ()), plan) == frozenset()
