"""Whole builds: cold and warm, their memory, and the delta to the next K3s. Prints Markdown.

``python -m tests.bench.bundle_build [MEGABYTES …]``; the figures of a run stand in
docs/benchmarks-bundles.md. Every figure is of the real command in a process of its own.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from edgeboot.bundle.format import encoding
from edgeboot.bundle.format.archive import Bundle
from edgeboot.platform import AMD64
from tests.bench.bundle_pull import IMAGES, Wire, fill
from tests.support.bundle import fakes
from tests.support.bundle.registries import docker_registry

_PEAK = """
import atexit, sys
from pathlib import Path
from edgeboot.cli.main import main

peak = Path(sys.argv.pop(1))

@atexit.register
def tell():  # getrusage would tell the parent's peak, too
    peak.write_text(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0])

main()
"""
OLD, NEW = "v1.36.2+k3s1", "v1.36.3+k3s1"
IMAGE_MB, BINARY_MB = 10, 60  # of the two releases that a delta leads between


@dataclass(frozen=True)
class Run:
    """One run of the command: seconds, and its peak memory in MiB."""

    seconds: float
    peak: int


def edgeboot(work: Path, *words: str | Path) -> Run:
    peak = work / "peak"
    argv = [sys.executable, "-c", _PEAK, str(peak), "bundle", *map(str, words)]
    environment = {**os.environ, "HOME": str(work), "XDG_CACHE_HOME": str(work / "cache")}
    began = time.monotonic()
    done = subprocess.run(argv, env=environment, capture_output=True, text=True, check=False)
    seconds = time.monotonic() - began
    assert done.returncode == 0, done.stderr
    return Run(seconds, int(peak.read_text()) // 1024)


def builds(megabytes: int, work: Path) -> None:
    """A table row for a bundle of so many megabytes: cold, and again with nothing changed."""
    fakes.release(work / "release", ("amd64",))
    with docker_registry(work / "registry") as host:
        names, unique = fill(host, megabytes, work)
        relay = Wire(host)
        lines = "".join(f"- name: {name.replace(host, relay.host)}\n" for name in names)
        text = f"name: bench\nk3s: {{source: release, arches: [amd64]}}\nimages:\n{lines}"
        spec, out = fakes.spec_file(work, text), work / "bench.tar"
        cold = edgeboot(work, "build", "-f", spec, "--out", out)
        fetched, relay.count = relay.count, 0
        first = out.read_bytes() if megabytes <= 100 else b""
        warm = edgeboot(work, "build", "-f", spec, "--out", out)
        assert not first or out.read_bytes() == first
        whole = edgeboot(work, "verify", out)
    print(
        f"| {unique / 1e6:.0f} MB | {cold.seconds:.1f} | {warm.seconds:.1f} "
        f"| {warm.seconds / cold.seconds:.2f} | {fetched / unique:.4f} | {relay.count:,} "
        f"| {cold.peak} | {warm.peak} | {whole.peak} |"
    )


def next_version(work: Path) -> None:
    """The delta between two releases with four images each, of which two changed."""
    layers = {name: os.urandom(IMAGE_MB * 1_000_000) for name in ("a", "b", "c", "d", "c2", "d2")}
    versions = ((OLD, ("a", "b", "c", "d")), (NEW, ("a", "b", "c2", "d2")))
    for version, names in versions:
        layout = fakes.Layout()
        for name in names:
            tag = f"docker.io/rancher/{name[0]}:{len(name)}"
            layout.name(tag, layout.manifest([layers[name]], "amd64"))
        binary = fakes.elf(AMD64, version) + os.urandom(BINARY_MB * 1_000_000)
        directory = work / version
        directory.mkdir()
        fakes.put_release(directory, AMD64, binary, layout.tar(), ".tar")
        text = f"name: bench\nk3s: {{source: '{directory}', arches: [amd64]}}\n"
        edgeboot(work, "build", "-f", fakes.spec_file(work, text), "--out", work / f"{version}.tar")
    old, new, delta = work / f"{OLD}.tar", work / f"{NEW}.tar", work / "delta"
    edgeboot(work, "delta", old, new, "--out", delta)
    edgeboot(work, "apply-delta", old, delta, "--out", work / "again.tar")
    same = subprocess.run(["cmp", work / "again.tar", new], check=False).returncode == 0
    with Bundle.open(old) as before, Bundle.open(new) as after:
        known = set(encoding.all_blobs(before.contents))
        changed = sum(b.size for b in encoding.all_blobs(after.contents) if b not in known)
    size, full = delta.stat().st_size, new.stat().st_size
    print("\n## Delta from one K3s patch version to the next\n")
    print("`python -m tests.bench.bundle_build`\n")
    print(f"Two of four images of {IMAGE_MB} MB changed, and the binary of {BINARY_MB} MB.\n")
    print("| | bytes | ratio to the changed blobs |\n| --- | --- | --- |")
    print(f"| blobs that changed | {changed:,} | 1.0000 |")
    print(f"| delta | {size:,} | {size / changed:.4f} |")
    print(f"| the new bundle whole | {full:,} | {full / changed:.4f} |")
    print(f"\nThe delta gives the new bundle byte for byte: {'yes' if same else 'NO'}.")


def main(sizes: Sequence[int] = (100, 1000, 2000)) -> None:
    print("\n## Whole builds, cold and again with nothing changed\n")
    print(f"`python -m tests.bench.bundle_build`: {IMAGES} images, verified afterwards.\n")
    print(
        "| unique blobs | cold s | warm s | ratio | bytes fetched, ratio to blobs "
        "| bytes fetched again | MiB cold | MiB warm | MiB verify |"
    )
    print("| --- | --- | --- | --- | --- | --- | --- | --- | --- |")
    for megabytes in sizes:
        with tempfile.TemporaryDirectory(prefix="edgeboot-bench-") as directory:
            builds(megabytes, Path(directory))
    with tempfile.TemporaryDirectory(prefix="edgeboot-bench-") as directory:
        next_version(Path(directory))


if __name__ == "__main__":
    main([int(argument) for argument in sys.argv[1:]] or (100, 1000, 2000))
