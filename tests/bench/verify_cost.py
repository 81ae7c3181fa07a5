"""What verifying costs a host: CPU, memory and bytes written of each snippet. Prints Markdown.

    python -m tests.bench.verify_cost

On lab hosts with the stand-in, whose answers cost nothing, so that what is left is edgeboot's own;
`kubectl` and `ctr` of a real K3s come on top, see tests/bench/footprint.py.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from edgeboot import shell
from edgeboot.plan import paths
from edgeboot.verify.measure.budgets import shown
from edgeboot.verify.measure.figures import DISK_PATHS
from edgeboot_lab import lab as labs
from edgeboot_lab.lab import LabSpec
from tests.standin.release import build_release
from tests.support.fleet import Fleet, base_of

NAME = "cost"
WINDOW = 15

# Puts the shell that reads this into a control group of its own, then measures what follows.
_COST = """
for controller in memory cpuacct; do
    top=/sys/fs/cgroup/$controller
    mount -o remount,rw,bind $top 2>/dev/null
    mkdir -p $top/cost; echo $$ >$top/cost/cgroup.procs
done
before=$(sed -n 's/^write_bytes: //p' /proc/self/io)
spent=$(cat /sys/fs/cgroup/cpuacct/cost/cpuacct.usage)
echo 0 >/sys/fs/cgroup/memory/cost/memory.max_usage_in_bytes
sent=$("$@" 2>/dev/null | wc -c)
echo cpu $(($(cat /sys/fs/cgroup/cpuacct/cost/cpuacct.usage) - spent))
echo memory $(cat /sys/fs/cgroup/memory/cost/memory.max_usage_in_bytes)
echo written $(($(sed -n 's/^write_bytes: //p' /proc/self/io) - before))
echo sent $sent
"""


def cost(fleet: Fleet) -> None:
    """One row a snippet and role."""
    print(f"\n`python -m tests.bench.verify_cost`, a window of {WINDOW} s\n")
    print("| on | snippet | CPU, ms | peak of memory, with page cache | written | sent |")
    print("| --- | --- | --- | --- | --- | --- |")
    for node, service, role in (("server-1", "k3s", "server"), ("agent-1", "k3s-agent", "agent")):
        images = fleet.on(node, f"ls {paths.IMAGES}/*.tar").split()
        snippets: tuple[tuple[str, tuple[str, ...]], ...] = (
            ("sample", (service, str(WINDOW), *DISK_PATHS)),
            ("inspect", (role, service, paths.K3S_BINARY, paths.CONFIG, *images)),
            *((("cluster", ()),) if role == "server" else ()),
        )
        for name, words in snippets:
            host = fleet.lab.host(node)
            argv = ("sh", "-c", _COST, "cost", "sh", "-c", shell.text(name), name, *words)
            said = host.exec(argv, timeout=200).stdout.decode()
            got = {key: int(value) for key, value in map(str.split, said.splitlines())}
            sizes = (shown("memory", got[key]) for key in ("memory", "written", "sent"))
            print(f"| {role} | `{name}` | {got['cpu'] / 1e6:.0f} | {' | '.join(sizes)} |")


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="edgeboot-cost-") as directory:
        work = Path(directory)
        release = build_release(work / "release", archs=("amd64",))
        lab = labs.up(LabSpec(name=NAME, nodes=2), lambda line: print(line, file=sys.stderr))
        try:
            spec = work / "spec.yml"
            spec.write_text(f"name: cost\nk3s:\n  source: {release}\n  arches: [amd64]\n")
            fleet = Fleet(lab, base_of(lab), work / "cost.tar", work)
            for done in (
                fleet.run("bundle", "build", "-f", spec, "--out", fleet.bundle),
                fleet.install(fleet.inventory()),
            ):
                assert done.code == 0, done.all
            cost(fleet)
        finally:
            labs.down(NAME, labs.STATE_DIR, lambda _line: None)


if __name__ == "__main__":
    main()
