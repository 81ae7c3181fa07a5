"""edgeboot on a stick: a new environment without an index installs it from a bundle."""

from __future__ import annotations

import subprocess
import sys
import venv
from pathlib import Path

import pytest

from edgeboot import __version__
from edgeboot.bundle.build import wheelhouse
from edgeboot.bundle.format.archive import Bundle, write
from edgeboot.bundle.format.contents import Contents, Item, Role
from edgeboot.bundle.format.extract import extract
from edgeboot.bundle.store.blobs import Store, readable
from edgeboot.errors import BadInput, StepFailed


def bundle_of(files: list[Path], work: Path) -> Path:
    store = Store(work / "store")
    items = [
        Item(Role.FILE, path.name, store.add(readable(path), expected=None, what=path.name))
        for path in files
    ]
    contents = Contents(
        "stick", "v1.36.2+k3s1", ("amd64",), tuple(sorted(items, key=lambda i: i.name)), (), ()
    )
    write(work / "stick.tar", contents, store.source)
    return work / "stick.tar"


def test_a_controller_is_set_up_from_the_stick(tmp_path: Path) -> None:
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    entries = wheelhouse.collect(wheels, wheelhouse.Target())
    with Bundle.open(bundle_of([entry.path for entry in entries], tmp_path)) as bundle:
        written = extract(bundle, tmp_path / "stick", [Role.FILE])
    assert {p.name for p in written} == {entry.path.name for entry in entries}
    readme = (tmp_path / "stick" / wheelhouse.README).read_text()
    commands = [line.strip() for line in readme.splitlines() if line.startswith("    ")]
    assert len(commands) == 3
    home = tmp_path / "home"
    for command in commands:
        words = command.replace("~", str(home)).replace("python3", sys.executable).split()
        done = subprocess.run(
            words, cwd=tmp_path / "stick", capture_output=True, text=True, timeout=240
        )
        assert done.returncode == 0, done.stderr
    assert __version__ in done.stdout


def test_pips_own_words_are_told(tmp_path: Path) -> None:
    bare = tmp_path / "venv"
    venv.create(bare, with_pip=False)
    before, sys.executable = sys.executable, str(bare / "bin" / "python")
    try:
        with pytest.raises(StepFailed, match="No module named pip") as caught:
            wheelhouse.collect(tmp_path, wheelhouse.Target())
    finally:
        sys.executable = before
    assert caught.value.hint == (
        f"add pip to edgeboot's environment, then rerun: {bare}/bin/python -m ensurepip"
    )


@pytest.mark.parametrize(
    ("prefix", "command"),
    [
        ("/root/.local/share/pipx/venvs/edgeboot", "pipx inject edgeboot pip"),
        ("/root/.local/share/uv/tools/edgeboot", "uv tool install --with pip --force edgeboot"),
    ],
)
def test_who_made_the_environment_adds_pip(
    prefix: str, command: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    bare = tmp_path / "venv"
    venv.create(bare, with_pip=False)
    monkeypatch.setattr(sys, "executable", str(bare / "bin" / "python"))
    monkeypatch.setattr(sys, "prefix", prefix)
    with pytest.raises(StepFailed) as caught:
        wheelhouse.collect(tmp_path, wheelhouse.Target())
    assert (caught.value.hint or "").endswith(command)


def test_nothing_is_written_over_and_links_are_not_followed(tmp_path: Path) -> None:
    for name in ("a.txt", "b.txt"):
        (tmp_path / name).write_text(name)
    made = bundle_of([tmp_path / "a.txt", tmp_path / "b.txt"], tmp_path)
    target = tmp_path / "out"
    target.mkdir()
    (target / "b.txt").symlink_to(tmp_path / "canary")
    with Bundle.open(made) as bundle, pytest.raises(BadInput, match="already exists"):
        extract(bundle, target, [Role.FILE])
    assert not (tmp_path / "canary").exists()
    assert [p.name for p in target.iterdir()] == ["b.txt"]
