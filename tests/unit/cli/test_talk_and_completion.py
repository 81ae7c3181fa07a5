"""--verbose and --quiet on either side of a command, and completion."""

from __future__ import annotations

import click
import pytest
from click.testing import CliRunner

from edgeboot.cli.main import cli
from edgeboot.cli.terminal import verbosity
from edgeboot.secret import Secret
from edgeboot.transport.base import Snippet
from edgeboot.transport.fake.host import FakeCluster, FakeHost


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_is_clicks_script_for_edgeboot(shell: str) -> None:
    done = CliRunner().invoke(cli, ["completion", shell], prog_name="edgeboot")
    assert done.exit_code == 0
    assert f"_EDGEBOOT_COMPLETE={shell}_complete" in done.output


def test_completion_completes() -> None:
    words = {
        "COMP_WORDS": "edgeboot stat",
        "COMP_CWORD": "1",
        "_EDGEBOOT_COMPLETE": "bash_complete",
    }
    done = CliRunner(env=words).invoke(cli, [], prog_name="edgeboot")
    assert done.output.strip() == "plain,status"


@pytest.mark.parametrize("words", [["--verbose", "x"], ["x", "-v"]])
def test_the_options_count_before_and_after_the_command(words: list[str]) -> None:
    seen: list[bool] = []

    @click.group()
    def group() -> None:
        pass

    @group.command()
    def x() -> None:
        host = FakeHost("pi", FakeCluster("v1", {}))
        wrapped = verbosity.verbosely()(host)
        wrapped.run(
            Snippet("directory", ("/secret-parameter", "700")), stdin=Secret(b"s3"), deadline=1.0
        )
        seen.append(wrapped is not host)
        seen.append(verbosity.is_quiet())

    verbosity.add_options(group)
    done = CliRunner().invoke(group, words)
    assert done.exit_code == 0, done.output
    assert seen == [True, False]
    assert "pi: directory: exit code 0" in done.output
    assert "secret-parameter" not in done.output
    assert "s3" not in done.output


def test_outside_a_command_nothing_is_set() -> None:
    assert not verbosity.is_quiet()
