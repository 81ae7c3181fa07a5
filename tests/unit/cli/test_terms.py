"""Options that cannot be combined are refused before anything is read."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from edgeboot.cli.main import cli
from edgeboot.errors import BadInput


@pytest.mark.parametrize("command", ["plan", "install"])
def test_one_token_after_the_other(command: str) -> None:
    words = [command, "-i", "nowhere.yml", "--new-agent-token", "--new-server-token"]
    error = CliRunner().invoke(cli, words, prog_name="edgeboot").exception
    assert isinstance(error, BadInput)
    assert "--new-server-token cannot be combined" in error.what
