"""``-o`` is a format in every command; files are named by ``--out``."""

from __future__ import annotations

from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from edgeboot.cli.formats import Format, OutFile
from edgeboot.cli.main import cli
from tests.support.commands import commands

OUTPUTS = [
    (" ".join(path), parameter)
    for path, command in commands()
    for parameter in command.params
    if {"-o", "--output"} & set(parameter.opts)
]
FILES = [(name, p) for name, p in OUTPUTS if isinstance(p.type, Format) and p.type.or_path]


@pytest.mark.parametrize(("name", "parameter"), OUTPUTS, ids=[name for name, _ in OUTPUTS])
def test_output_is_a_format(name: str, parameter: click.Parameter) -> None:
    assert isinstance(parameter.type, Format), name
    assert {"-o", "--output"} <= set(parameter.opts)


def test_files_are_named_by_out() -> None:
    for path, command in commands():
        outs = [p for p in command.params if "--out" in p.opts]
        assert all(isinstance(p.type, OutFile) for p in outs), path


@pytest.mark.parametrize("name", [name for name, _ in FILES])
def test_a_word_that_is_not_a_format_is_a_mistake_and_writes_nothing(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    words = [*name.split(), "-o", "jsn"]
    done = CliRunner().invoke(cli, words)
    assert done.exit_code == 2
    assert "Invalid value for '-o' / '--output': 'jsn' is not a format: use " in done.output
    assert "--out jsn" in done.output
    assert list(tmp_path.iterdir()) == []


def test_json_is_never_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name, _ in FILES:
        CliRunner().invoke(cli, [*name.split(), "-o", "json", "x", "y"])
        assert not (tmp_path / "json").exists(), name


def test_a_path_given_by_o_is_still_written_with_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "hosts.yml").write_text(
        "k3s_cluster:\n  children:\n    server: {hosts: {192.0.2.11: {}}}\n"
    )
    for words, path in (
        (["bundle", "init"], "my site.yml"),
        (["bundle", "init"], "./b"),
        (["inventory", "import", "hosts.yml"], "o.yml"),
    ):
        done = CliRunner().invoke(cli, [*words, "-o", path])
        assert done.exit_code == 0, done.output
        assert (tmp_path / path).is_file()
        assert done.stderr.count("\n") == 1
        assert "--out" in done.stderr
        done = CliRunner().invoke(cli, [*words, "-o", path, "--out", "other.yml"])
        assert done.exit_code == 2
        assert not (tmp_path / "other.yml").exists()


def test_documents_are_printed_by_o(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "hosts.yml").write_text(
        "k3s_cluster:\n  children:\n    server: {hosts: {192.0.2.11: {}}}\n"
    )
    before = sorted(tmp_path.iterdir())
    for words, begin in (
        (["bundle", "init", "-o", "yaml"], "name: edge"),
        (["inventory", "import", "hosts.yml", "-oyaml"], "cluster:"),
    ):
        done = CliRunner().invoke(cli, words)
        assert done.exit_code == 0, done.output
        assert any(line.startswith(begin) for line in done.stdout.splitlines())
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize("words", [["bundle", "init", "--out", "-"], ["bundle", "delta", "a", "b"]])
def test_a_file_is_named(words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(cli, words)
    assert done.exit_code == 2
    assert "--out" in done.output
    assert list(tmp_path.iterdir()) == []
