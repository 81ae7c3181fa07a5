"""What a real K3s uses on small hosts, and what verifying costs them. Prints Markdown.

    K3S_RELEASE=DIR [K3S_DISABLE=traefik,…] python -m tests.bench.footprint

One server and one agent; the server's memory limit and Go's knobs are changed from row to row. The
stand-in is refused: its figures are not K3s's.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from edgeboot.inventory.budget.values import ALL_FIGURES
from edgeboot.verify.measure.budgets import shown
from edgeboot_lab import lab as labs
from edgeboot_lab.lab import LabSpec
from tests.bench.verify_cost import cost
from tests.support.fleet import Fleet, base_of
from tests.support.guardian import guarded

NAME = "footprint"
MIB = 1 << 20
WINDOW = 20
SETTLE = 25  # seconds after K3s is ready: what it does first is not what it does all day
LEAN = "Environment=GOGC=40 GOMEMLIMIT=300MiB"
COLUMNS = (
    *("memory", "memory-pss", "k3s.memory", "containerd.memory", "memory-available"),
    *("cpu", "disk", "image-store", "files", "writes", "startup", "api-latency"),
)
_COMPONENT_IMAGES = {
    "coredns": "coredns",
    "traefik": "traefik",
    "metrics-server": "metrics-server",
    "local-storage": "local-path",
    "servicelb": "klipper-lb",
}


@contextmanager
def made(work: Path, release: Path) -> Iterator[Fleet]:
    with guarded(NAME):
        lab = labs.up(LabSpec(name=NAME, nodes=2, memory_bytes=1024 * MIB), say)
        spec = work / "spec.yml"
        spec.write_text(f"name: footprint\nk3s:\n  source: {release}\n  arches: [amd64]\n")
        fleet = Fleet(lab, base_of(lab), work / "footprint.tar", work)
        images = (release / "k3s-images.txt").read_text()
        unwanted = os.environ.get("K3S_DISABLE", "").split(",")
        off = [n for n, image in _COMPONENT_IMAGES.items() if image not in images or n in unwanted]
        fleet.base["cluster"]["config"]["disable"] = off
        say(f"without {', '.join(off) or 'nothing'}")
        done = fleet.run("bundle", "build", "-f", spec, "--out", fleet.bundle)
        assert done.code == 0, done.all
        yield fleet


def say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def limit(fleet: Fleet, node: str, size: int) -> None:
    """Another memory limit, as this machine's cgroup v1 has it."""
    group = Path("/sys/fs/cgroup/memory") / fleet.lab.host(node).cgroup
    knobs = [group / f"memory.{name}limit_in_bytes" for name in ("", "memsw.")]
    for knob in (*knobs, *knobs):  # memsw may never be the lower: one of the two orders works
        if knob.exists():
            with suppress(OSError):
                knob.write_text(str(size))
    say(f"{node}: {knobs[0].read_text().strip()} bytes")


def lean(fleet: Fleet, node: str, service: str, *, on: bool) -> None:
    """Go's knobs for a service, in a drop-in that edgeboot does not know of."""
    path = f"/etc/systemd/system/{service}.service.d"
    script = f"mkdir -p {path}; printf '[Service]\\n{LEAN}\\n' >{path}/lean.conf"
    fleet.on(node, script if on else f"rm -rf {path}")
    fleet.on(node, "systemctl daemon-reload")


def restart(fleet: Fleet, node: str, service: str) -> bool:
    """Starts K3s anew; whether its API answers within three minutes."""
    fleet.on(
        node, f"systemctl kill -s KILL {service}; sleep 1; systemctl restart --no-block {service}"
    )
    for _ in range(60):
        time.sleep(3)
        said = fleet.on(
            node, "timeout 20 k3s kubectl get --raw /readyz 2>/dev/null; true", timeout=60
        )
        if said.strip() == "ok":
            time.sleep(SETTLE)
            return True
    return False


def figures(fleet: Fleet, *words: str) -> dict[str, Any]:
    path = fleet.work / "figures.json"
    reports = ("--window", f"{WINDOW}s", "--report", path)
    done = fleet.run("verify", "-i", fleet.inventory(), *reports, *words)
    say(done.all)
    found: dict[str, Any] = json.loads(path.read_text())["nodes"]
    return found


def cells(found: dict[str, Any]) -> str:
    values = []
    for name in COLUMNS:
        used = found.get(name, {}).get("used")
        values.append("" if used is None else shown(name, used))
    return " | ".join(values)


def pressure(fleet: Fleet, node: str) -> str:
    group = Path("/sys/fs/cgroup/memory") / fleet.lab.host(node).cgroup
    return (group / "memory.failcnt").read_text().strip()


def footprint(fleet: Fleet) -> None:
    done = fleet.install(fleet.inventory())
    assert done.code == 0, done.all
    time.sleep(SETTLE)
    head = [n + (" ≥" if ALL_FIGURES[n].at_least else "") for n in COLUMNS]
    print(f"| host limit | role | environment | failed charges | {' | '.join(head)} |")
    print("| --- " * (len(head) + 4) + "|", flush=True)
    # The first time with all that verify asks: pods ask each other after use was sampled.
    row(fleet, "1024 MiB", "default", ("server-1", "agent-1"))
    for size, on in ((1024, True), (512, True), (512, False)):
        lean(fleet, "server-1", "k3s", on=on)
        limit(fleet, "server-1", size * MIB)
        name = "lean" if on else "default"
        if restart(fleet, "server-1", "k3s"):
            row(fleet, f"{size} MiB", name, ("server-1",), "--only", "budget")
        else:
            failed = pressure(fleet, "server-1")
            print(f"| {size} MiB | server | {name} | {failed} | the API did not answer |")
    lean(fleet, "server-1", "k3s", on=False)
    limit(fleet, "server-1", 1024 * MIB)


def row(fleet: Fleet, size: str, name: str, nodes: Sequence[str], *words: str) -> None:
    before = {node: int(pressure(fleet, node)) for node in nodes}
    found = figures(fleet, *words)
    for node in nodes:
        failed = int(pressure(fleet, node)) - before[node]
        role, own = found[node]["role"], found[node]["figures"]
        print(f"| {size} | {role} | {name} | {failed} | {cells(own)} |", flush=True)


def main() -> None:
    given = os.environ.get("K3S_RELEASE")
    if not given:
        sys.exit("K3S_RELEASE=DIR: a real K3s release; the stand-in's footprint means nothing")
    with tempfile.TemporaryDirectory(prefix="edgeboot-footprint-") as directory:
        work = Path(directory)
        with made(work, Path(given)) as fleet:
            footprint(fleet)
            restart(fleet, "server-1", "k3s")
            cost(fleet)


if __name__ == "__main__":
    main()
