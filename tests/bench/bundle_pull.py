"""Pulls of images against ``skopeo copy``, from one registry in one run. Prints Markdown.

``python -m tests.bench.bundle_pull [MEGABYTES]``; the figures of a run stand in
docs/benchmarks-bundles.md. skopeo copies to a ``dir:`` each, in one process an image, as its users
do; the table says what both write.
"""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from edgeboot.json_document import canonical
from tests.support.bundle import fakes
from tests.support.bundle.registries import docker_registry

IMAGES = 12
SHARED = 3  # layers that all images have

PULL = """
import sys
from pathlib import Path
from edgeboot.bundle.reference import parse
from edgeboot.bundle.registry import Registry
from edgeboot.bundle.registry_pull import Pull, Wanted
from edgeboot.bundle.store import Store
from edgeboot.platform import AMD64
wanted = [Wanted(parse(name), (AMD64,)) for name in sys.argv[2:]]
outcomes = Pull(Registry(), Store(Path(sys.argv[1]))).run(wanted)
assert all(isinstance(one, tuple) for one in outcomes), outcomes
status = Path("/proc/self/status").read_text()  # getrusage would tell the parent's peak, too
print(int(status.split("VmHWM:")[1].split()[0]) // 1024)
"""


def packed(data: bytes) -> bytes:
    """A layer as registries have it: skopeo would compress one that is not."""
    return gzip.compress(data, 0, mtime=0)


def fill(host: str, megabytes: int, work: Path) -> tuple[list[str], int]:
    """Push images of ``megabytes`` altogether, 30 % of it in shared layers; names, unique bytes."""
    shared = [os.urandom(megabytes * 300_000 // SHARED) for _ in range(SHARED)]
    own = megabytes * 700_000 // IMAGES
    names, sizes = [], {}
    for number in range(IMAGES):
        layers = [*shared, os.urandom(own)]
        digests = [f"sha256:{hashlib.sha256(data).hexdigest()}" for data in layers]
        config = canonical(
            {
                "architecture": "amd64",
                "os": "linux",
                "rootfs": {"type": "layers", "diff_ids": digests},
            }
        )
        directory = work / "layout"
        layout = fakes.Layout()
        document = {
            "schemaVersion": 2,
            "mediaType": fakes.OCI_MANIFEST,
            "config": layout.blob(fakes.OCI_CONFIG, config),
            "layers": [layout.blob(fakes.OCI_LAYER, packed(data)) for data in layers],
        }
        layout.name("x:1", layout.blob(fakes.OCI_MANIFEST, canonical(document)))
        for path, data in layout.files().items():
            (directory / path).parent.mkdir(parents=True, exist_ok=True)
            (directory / path).write_bytes(data)
        sizes.update({path: len(data) for path, data in layout.blobs.items()})
        name = f"{host}/bench/image-{number}:1"
        places = (f"oci:{directory}:1", f"docker://{name}")
        subprocess.run(
            ["skopeo", "copy", "-q", "--preserve-digests", "--dest-tls-verify=false", *places],
            check=True,
        )
        shutil.rmtree(directory)
        names.append(name)
    return names, sum(sizes.values())


def timed(*argv: str) -> tuple[float, str]:
    began = time.monotonic()
    done = subprocess.run(argv, check=True, stdout=subprocess.PIPE, text=True)
    return time.monotonic() - began, done.stdout


def edgeboot(store: Path, names: list[str]) -> tuple[float, int]:
    """Seconds of the whole process, and its peak memory in MiB."""
    seconds, said = timed(sys.executable, "-c", PULL, str(store), *names)
    return seconds, int(said)


def skopeo(target: Path, names: list[str], kind: str) -> float:
    began = time.monotonic()
    for number, name in enumerate(names):
        place = f"dir:{target / str(number)}" if kind == "dir" else f"oci:{target}:{number}"
        target.mkdir(parents=True, exist_ok=True)
        timed("skopeo", "copy", "-q", "--src-tls-verify=false", f"docker://{name}", place)
    return time.monotonic() - began


@contextmanager
def gone(path: Path) -> Iterator[Path]:
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def cold(names: list[str], work: Path, runs: int) -> None:
    figures: dict[str, list[float]] = {"edgeboot": [], "oci": [], "dir": []}
    peak, warm = 0, []
    for _ in range(runs):
        with gone(work / "oci") as target:
            figures["oci"].append(skopeo(target, names, "oci"))
        with gone(work / "dir") as target:
            figures["dir"].append(skopeo(target, names, "dir"))
        with gone(work / "store") as store:
            seconds, peak = edgeboot(store, names)
            figures["edgeboot"].append(seconds)
            warm.append(edgeboot(store, names)[0])
    figures["warm"] = warm
    labels = {
        "oci": "`skopeo copy` of each to one `oci:` layout (shared layers once)",
        "dir": "`skopeo copy` of each to a `dir:`",
        "edgeboot": "edgeboot, all to its store, flushed",
        "warm": "edgeboot again: every blob hashed, none fetched",
    }
    base = min(figures["oci"])
    print("| | best s | worst s | ratio of the best |\n| --- | --- | --- | --- |")
    for key, label in labels.items():
        found = figures[key]
        print(f"| {label} | {min(found):.2f} | {max(found):.2f} | {min(found) / base:.2f} |")
    print(f"\nPeak memory of edgeboot: {peak} MiB.")


class Wire:
    """Counts bytes that a relay passes from the registry to clients."""

    def __init__(self, upstream: str) -> None:
        self.count = 0
        self._upstream = upstream.rpartition(":")
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.host = f"127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            client, _ = self._listener.accept()
            server = socket.create_connection((self._upstream[0], int(self._upstream[2])))
            for source, target, counted in ((client, server, False), (server, client, True)):
                threading.Thread(
                    target=self._pump, args=(source, target, counted), daemon=True
                ).start()

    def _pump(self, source: socket.socket, target: socket.socket, counted: bool) -> None:
        try:
            while data := source.recv(1 << 18):
                target.sendall(data)
                self.count += len(data) if counted else 0
            target.shutdown(socket.SHUT_WR)
        except OSError:
            target.close()


def arrived(store: Path) -> int:
    """Bytes that are on the disk: what the kernel still holds for a killed process is lost."""
    total = 0
    for path in store.glob("*"):
        with contextlib.suppress(FileNotFoundError):
            total += path.stat().st_size
    return total


def wire(host: str, names: list[str], unique: int, work: Path) -> None:
    """Bytes of a pull, and of the one after a kill at 90 %."""
    relay = Wire(host)
    relayed = [name.replace(host, relay.host) for name in names]
    with gone(work / "store") as store:
        edgeboot(store, relayed)
    print(f"\nBytes on the wire: {relay.count:,} for {unique:,} bytes of unique blobs ", end="")
    print(f"({relay.count / unique:.4f}).")
    with gone(work / "store") as store:
        relay.count = 0
        process = subprocess.Popen([sys.executable, "-c", PULL, str(store), *relayed])
        while arrived(store) < unique * 9 // 10:
            time.sleep(0.002)
        process.send_signal(signal.SIGKILL)
        process.wait()
        time.sleep(0.5)
        relay.count = 0
        edgeboot(store, relayed)
    print(f"After SIGKILL at 90 %: {relay.count:,} bytes again ({relay.count / unique:.1%}).")


def main(sizes: Sequence[int] = (100, 1000)) -> None:
    for megabytes in sizes:
        with tempfile.TemporaryDirectory(prefix="edgeboot-bench-") as directory:
            work = Path(directory)
            with docker_registry(work / "registry") as host:
                names, unique = fill(host, megabytes, work)
                print(f"\n## Cold pull of {IMAGES} images, {unique / 1e6:.0f} MB of unique blobs\n")
                print(f"`python -m tests.bench.bundle_pull {megabytes}`\n")
                cold(names, work, 3 if megabytes < 500 else 2)
                wire(host, names, unique, work)


if __name__ == "__main__":
    main([int(argument) for argument in sys.argv[1:]] or (100, 1000))
