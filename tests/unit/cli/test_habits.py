"""What people type who know other programs."""

from __future__ import annotations

import json
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from edgeboot import __version__
from edgeboot.cli.main import cli
from edgeboot.errors import BadInput
from tests.support.commands import commands

INVENTORY = """\
cluster: {name: CLUSTER}
nodes:
  - {name: server-1, address: 192.0.2.11, role: server}
"""


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("EDGEBOOT_INVENTORY", "EDGEBOOT_BUNDLE"):
        monkeypatch.delenv(name, raising=False)


def write(name: str, cluster: str) -> None:
    Path(name).write_text(INVENTORY.replace("CLUSTER", cluster))


def run(*words: str) -> Result:
    return CliRunner().invoke(cli, words, prog_name="edgeboot")


@pytest.mark.parametrize("name", ["inventory.yml", "inventory.yaml"])
def test_the_inventory_in_this_directory_is_found(name: str) -> None:
    write(name, "here")
    assert "cluster 'here'" in run("inventory", "check").output


def test_two_inventories_in_this_directory_are_not_chosen_from() -> None:
    write("inventory.yml", "one")
    write("inventory.yaml", "two")
    error = run("inventory", "check").exception
    assert isinstance(error, BadInput)
    assert "both inventory.yml and inventory.yaml exist" in str(error)
    assert "cluster 'two'" in run("inventory", "check", "-i", "inventory.yaml").output


@pytest.mark.parametrize("option", ["-i", "-f", "--inventory"])
def test_an_inventory_is_named(option: str, monkeypatch: pytest.MonkeyPatch) -> None:
    write("other.yml", "other")
    write("by-variable.yml", "variable")
    monkeypatch.setenv("EDGEBOOT_INVENTORY", "by-variable.yml")
    assert "cluster 'variable'" in run("inventory", "check").output
    assert "cluster 'other'" in run("inventory", "check", option, "other.yml").output


@pytest.mark.parametrize(
    ("words", "command"),
    [
        ((), "edgeboot inventory init"),
        (("-f", "sites/a b.yml"), "edgeboot inventory init --out 'sites/a b.yml'"),
    ],
)
def test_without_an_inventory_init_is_named(words: tuple[str, ...], command: str) -> None:
    for name in ("plan", "install", "reset", "status", "preflight", "kubeconfig", "verify"):
        error = run(name, *words).exception
        assert isinstance(error, BadInput), name
        assert error.error_id == "no-inventory"
        assert (error.hint or "").endswith(command)


def test_every_command_with_an_inventory_takes_both_letters_and_the_variable() -> None:
    found = [
        p for _, c in commands() for p in c.params if p.name in {"inventory_path", "bundle_path"}
    ]
    assert len(found) > 10
    for parameter in found:
        assert isinstance(parameter, click.Option)
        assert parameter.show_envvar
        assert ("-f" in parameter.opts) == ("-i" in parameter.opts)
        assert parameter.envvar in {"EDGEBOOT_INVENTORY", "EDGEBOOT_BUNDLE"}


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        ("instal", "edgeboot install"),
        ("VERIFY", "edgeboot verify"),
        ("apply -f x.yml", "edgeboot install"),
        ("uninstall", "edgeboot reset"),
        ("init", "edgeboot inventory init"),
        ("build", "edgeboot bundle build"),
        ("bundle biuld", "edgeboot bundle build"),
        ("bundle cache prun", "edgeboot bundle cache prune"),
        ("inventory chek", "edgeboot inventory check"),
        ("report dif", "edgeboot report diff"),
        ("lab upp", "edgeboot lab up"),
        ("help instal", "edgeboot install"),
        ("install --bundel x", "--bundle"),
        ("bundle build --look", "--locked"),
    ],
)
def test_the_command_that_was_meant_is_named(words: str, meant: str) -> None:
    done = run(*words.split())
    assert done.exit_code == 2
    assert f"Did you mean '{meant}'?" in done.output


def test_every_other_name_is_of_a_command() -> None:
    known = {" ".join(path) for path, _ in commands()}
    assert set(cli.elsewhere.values()) <= known
    assert not set(cli.elsewhere) & set(cli.lazy)


def test_version() -> None:
    assert run("version").output == run("--version").output == f"edgeboot, version {__version__}\n"
    assert json.loads(run("version", "-o", "json").output)["version"] == __version__


@pytest.mark.parametrize("words", [(), ("install",), ("bundle",), ("bundle", "cache", "ls")])
def test_help_is_what_the_option_shows(words: tuple[str, ...]) -> None:
    assert run("help", *words).output == run(*words, "--help").output


def test_an_install_that_is_dry_is_a_plan(monkeypatch: pytest.MonkeyPatch) -> None:
    write("inventory.yml", "edge")
    asked: list[tuple[str, bool]] = []

    def planned(*args: object, whole: bool) -> int:
        asked.append((str(args[-1]), whole))
        return 10

    monkeypatch.setattr("edgeboot.cli.cluster.install.planned", planned)
    for words in (["--dry-run", "--diff"], ["--plan", "-o", "jsonl"]):
        done = CliRunner().invoke(cli, ["install", *words], standalone_mode=False)
        assert done.return_value == 10
    assert asked == [("text", True), ("jsonl", False)]
