"""Lab hosts for tests: labs of their own, and what is left of them on the machine."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from edgeboot_lab import lab as labs
from edgeboot_lab import requirements
from edgeboot_lab.errors import LabRefused
from edgeboot_lab.lab import Lab, LabSpec
from edgeboot_lab.names import LabNames
from tests.support.guardian import guarded

_numbers = itertools.count(1)


def fresh_spec(state_dir: Path, nodes: int = 1) -> LabSpec:
    """A lab whose name no other test run on this machine uses."""
    name = f"test-{os.getpid()}-{next(_numbers)}"
    return LabSpec(name=name, nodes=nodes, memory_bytes=512 << 20, state_dir=state_dir)


def quiet(_text: str) -> None:
    """Progress that nobody follows."""


def skip_without_lab() -> None:
    """Skip, saying why, where no lab can be made."""
    try:
        requirements.check()
    except LabRefused as refused:
        pytest.skip(str(refused))


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A server and an agent for a whole module; tests leave them running."""
    skip_without_lab()
    spec = fresh_spec(tmp_path_factory.mktemp("lab"), nodes=2)
    with guarded(spec.name, spec.state_dir):
        yield labs.up(spec, quiet)


@pytest.fixture
def spec(tmp_path: Path) -> Iterator[LabSpec]:
    """A lab of one host, not up yet; gone after the test whatever the test made of it."""
    skip_without_lab()
    one = fresh_spec(tmp_path / "state")
    with guarded(one.name, one.state_dir):
        yield one


@pytest.fixture
def traces() -> Callable[[LabSpec], frozenset[str]]:
    """What a look at the machine finds of a lab; knows names and places, not the lab's code."""
    return traces_of


def traces_of(spec: LabSpec) -> frozenset[str]:
    """Links, namespaces, mounts, control groups, processes, nspawn's directories, files."""
    names = LabNames(spec.name)
    applied_labels = (names.host_prefix, f"{spec.state_dir}/{spec.name}")
    found = {f"link {path.name}" for path in Path("/sys/class/net").glob(f"{names.bridge}*")}
    found |= {f"netns {path.name}" for path in _listed("/run/netns") if names.lab in path.name}
    mounts = Path("/proc/self/mounts").read_text().splitlines()
    found |= {f"mount {line}" for line in mounts if any(mark in line for mark in applied_labels)}
    for top, groups, _ in os.walk("/sys/fs/cgroup"):
        found |= {f"cgroup {top}/{group}" for group in groups if names.host_prefix in group}
    for process in Path("/proc").glob("[0-9]*"):
        texts = [_text(process / "cgroup"), _text(process / "cmdline")]
        # A zombie is dead; when the machine's PID 1 looks at its orphans is not the lab's to say.
        if "State:\tZ" in _text(process / "status"):
            continue
        if any(mark in text for mark in applied_labels for text in texts):
            found.add(f"process {process.name} {texts[1]}")
    nspawn = _listed("/run/systemd/nspawn/propagate") + _listed("/run/systemd/nspawn/locks")
    found |= {f"nspawn {path}" for path in nspawn if names.lab in path.name}
    found |= {f"file {path}" for path in _listed(spec.state_dir) if spec.name in path.name}
    return frozenset(found)


def _listed(directory: str | Path) -> list[Path]:
    path = Path(directory)
    return list(path.iterdir()) if path.is_dir() else []


def _text(path: Path) -> str:
    try:
        return path.read_text(errors="replace").replace("\0", " ")
    except OSError:
        return ""
