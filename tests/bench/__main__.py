"""Measures edgeboot against peers in the same run, on lab hosts. Prints Markdown; asserts nothing.

``make bench``; the figures of a run stand in docs/benchmarks.md.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import yaml

from edgeboot.blob import BytesSource, Source
from edgeboot.cli.run.connect import connected
from edgeboot.cli.run.inputs import open_bundle
from edgeboot.events import silent
from edgeboot.inventory.load import load
from edgeboot.lifecycle.install.run import install
from edgeboot.secret import Secret
from edgeboot.transport.base import (
    Channel,
    Command,
    Held,
    NoChannel,
    Progress,
    Result,
    Snippet,
    Transport,
)
from edgeboot_lab import lab as labs
from edgeboot_lab.lab import Lab, LabSpec
from tests.bench import bundle_build, bundle_pull
from tests.standin.release import build_release
from tests.support.fleet import Fleet

NAME = "bench"
RUNS = 5
MEGABYTES = 300


class Counting:
    """A transport that counts the commands it is asked to start."""

    def __init__(self, inner: Transport) -> None:
        self.inner = inner
        self.node = inner.node
        self.execs = 0

    def run(
        self, command: Command, *, stdin: bytes | Secret | None = None, deadline: float
    ) -> Result:
        self.execs += 1
        return self.inner.run(command, stdin=stdin, deadline=deadline)

    def put(self, source: Source, command: Snippet, *, progress: Progress, stall: float) -> Result:
        self.execs += 1
        return self.inner.put(source, command, progress=progress, stall=stall)

    def hold(self, command: Snippet, *, ready: str, deadline: float) -> Held | Result:
        self.execs += 1
        return self.inner.hold(command, ready=ready, deadline=deadline)

    def open_channel(self, host: str, port: int, *, deadline: float) -> Channel | NoChannel:
        return self.inner.open_channel(host, port, deadline=deadline)

    def reconnect(self) -> None:
        self.inner.reconnect()

    def close(self) -> None:
        self.inner.close()


def timed(work: Callable[[], object], runs: int = RUNS) -> tuple[float, float, float]:
    """Minimum, median and maximum wall-clock seconds of some runs."""
    seconds = []
    for _ in range(runs):
        began = time.monotonic()
        work()
        seconds.append(time.monotonic() - began)
    return min(seconds), statistics.median(seconds), max(seconds)


def row(what: str, figures: tuple[float, float, float], peer: float | None = None) -> None:
    ratio = f"{figures[1] / peer:.2f}" if peer else "1.00"
    print(f"| {what} | {figures[0]:.2f} | {figures[1]:.2f} | {figures[2]:.2f} | {ratio} |")


def heading(title: str, command: str = "make bench") -> None:
    print(f"\n## {title}\n\n`{command}`\n")
    print("| | min s | median s | max s | ratio |\n| --- | --- | --- | --- | --- |")


@contextmanager
def made_lab() -> Iterator[Lab]:
    try:
        yield labs.up(LabSpec(name=NAME, nodes=3), lambda line: print(line, file=sys.stderr))
    finally:
        labs.down(NAME, labs.STATE_DIR, lambda _line: None)


def no_op(fleet: Fleet, inventory: Path) -> None:
    """A second install: nothing to do on three hosts."""

    def ssh_true() -> None:
        started = [subprocess.Popen([*host.ssh_argv(), "true"]) for host in fleet.lab.hosts]
        for process in started:
            process.wait()

    def whole(*words: str | Path) -> None:
        argv = fleet.argv(*words)
        subprocess.run(argv, env=fleet.env, stdout=subprocess.DEVNULL, check=True)

    heading("No-op install of 3 hosts, against three parallel `ssh HOST true`")
    peer = timed(ssh_true)
    row("three parallel `ssh HOST true`", peer)
    row(
        "`edgeboot install`, whole process",
        timed(lambda: whole("install", "-i", inventory, "--yes")),
        peer[1],
    )
    row("`edgeboot --version` (start of Python)", timed(lambda: whole("--version")), peer[1])
    cluster = load(inventory)
    with (
        open_bundle(cluster, None) as bundle,
        connected(cluster, accept_new=False) as transports,
    ):
        counting = {name: Counting(transport) for name, transport in transports.items()}
        install(cluster, bundle, counting, confirm=lambda _p: True, tell=silent, patience=60)
    counts = ", ".join(f"{name} {transport.execs}" for name, transport in counting.items())
    print(f"\nCommands started after connecting: {counts}.")


def upload(fleet: Fleet, inventory: Path) -> None:
    """One large file to one host."""
    host = fleet.lab.hosts[0]
    data = os.urandom(MEGABYTES * 1_000_000)
    local = fleet.work / "random"
    local.write_bytes(data)
    target = "/var/lib/rancher/bench"
    scp = ["scp", "-q", *host.ssh_argv("root")[1:-1], str(local)]
    destination = f"root@{host.address}:{target}"

    def copy() -> None:
        subprocess.run([*scp, destination], check=True)

    def honest() -> None:
        copy()
        check = f"sha256sum {target} && sync {target}"
        subprocess.run([*host.ssh_argv("root"), check], check=True, stdout=subprocess.DEVNULL)

    heading(f"One upload of {MEGABYTES} MB to one host, against OpenSSH")
    peer = timed(honest)
    row("`scp`, then `sha256sum` and `sync` on the host (the honest peer)", peer)
    row("`scp` alone", timed(copy), peer[1])
    source = BytesSource(data)
    digest = source.sha256
    cluster = load(inventory)
    with connected(cluster, accept_new=False) as transports:
        transport = transports[host.name]

        def put() -> None:
            snippet = Snippet("put", (target, "644", digest))
            result = transport.put(source, snippet, progress=lambda _done: None, stall=60)
            assert result.ok, result.stderr

        row("edgeboot: staged, hashed, flushed, renamed, flushed", timed(put), peer[1])
    fleet.on(host.name, f"rm -f {target}")


def memory(fleet: Fleet, inventory: Path) -> None:
    """Peak memory of the controller during a first install."""
    fleet.wipe()
    argv = fleet.argv("install", "-i", inventory, "--yes")
    timed_argv = ["/usr/bin/env", "python3", "-c", _PEAK, *argv]
    done = subprocess.run(timed_argv, env=fleet.env, capture_output=True, text=True, check=True)
    print("\n## Peak memory of the controller\n\n`make bench`\n")
    size = fleet.bundle.stat().st_size / 1e6
    print(
        f"First install of 3 hosts from a bundle of {size:.0f} MB: {done.stdout.split()[-1]} MiB."
    )


_PEAK = (
    "import resource, subprocess, sys; subprocess.run(sys.argv[1:], check=True, "
    "stdout=subprocess.DEVNULL); "
    "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024)"
)


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="edgeboot-bench-") as directory, made_lab() as lab:
        work = Path(directory)
        release = Path(os.environ.get("K3S_RELEASE") or work / "release")
        if not release.exists():
            build_release(release, archs=("amd64",), pad_mib=100)
        (work / "spec.yml").write_text(
            f"name: bench\nk3s:\n  source: {release}\n  arches: [amd64]\n"
        )
        base = yaml.safe_load(lab.inventory.read_text())
        fleet = Fleet(lab, base, work / "bench.tar", work)
        built = fleet.run("bundle", "build", "-f", work / "spec.yml", "--out", fleet.bundle)
        assert built.code == 0, built.all
        inventory = fleet.inventory()
        memory(fleet, inventory)
        no_op(fleet, inventory)
        upload(fleet, inventory)
    bundle_pull.main()
    bundle_build.main()
    bundle_build.main()


if __name__ == "__main__":
    main()
