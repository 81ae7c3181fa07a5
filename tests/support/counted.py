"""A K3s release whose binary notes each call on the host and then becomes the real one.

``install`` puts it on hosts as K3s, so every start of a program of K3s's is counted, whoever it is.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from collections import Counter
from pathlib import Path

from tests.support.fleet import Fleet

CALLS = "/run/k3s-calls"
REAL = "/usr/local/lib/k3s-counted"
COSTLY = ("kubectl", "crictl", "ctr")  # each is a program of 222 MB in a real K3s
_SHIM = f"""package main

import (
	"fmt"
	"os"
	"syscall"
)

func main() {{
	const flags = os.O_APPEND | os.O_CREATE | os.O_WRONLY
	if file, err := os.OpenFile("{CALLS}", flags, 0o600); err == nil && len(os.Args) > 1 {{
		fmt.Fprintln(file, os.Args[1])
		file.Close()
	}}
	fmt.Fprintln(os.Stderr, syscall.Exec("{REAL}", os.Args, os.Environ()))
	os.Exit(126)
}}
"""


def counted_release(release: Path, out: Path) -> Path:
    """A copy of a release for this machine's architecture with the counting binary."""
    shutil.copytree(release, out)
    source = out.parent / "shim"
    source.mkdir()
    (source / "main.go").write_text(_SHIM)
    (source / "go.mod").write_text("module shim\n\ngo 1.21\n")
    (out / "k3s").unlink()
    subprocess.run(
        ["go", "build", "-trimpath", "-ldflags", "-s -w", "-o", str(out / "k3s"), "."],
        cwd=source,
        env={**os.environ, "CGO_ENABLED": "0"},
        check=True,
    )
    sums = out / "sha256sum-amd64.txt"
    rows = {line.split()[1]: line.split()[0] for line in sums.read_text().splitlines()}
    rows["k3s"] = hashlib.sha256((out / "k3s").read_bytes()).hexdigest()
    sums.write_text("".join(f"{digest}  {name}\n" for name, digest in rows.items()))
    return out


def place_real(fleet: Fleet, release: Path) -> None:
    """The binary that the counting one becomes, on every host."""
    data = (release / "k3s").read_bytes()
    for host in fleet.lab.hosts:
        put = f"cat >{REAL} && chmod 755 {REAL}"
        done = host.exec(("sh", "-c", put), stdin=data, timeout=120)
        assert done.returncode == 0, done.stderr


def remove_real(fleet: Fleet) -> None:
    for host in fleet.lab.hosts:
        fleet.on(host.name, f"rm -f {REAL} {CALLS}")


def calls(fleet: Fleet) -> dict[str, Counter[str]]:
    """What was called on each host since this was last asked."""
    found = {}
    for host in fleet.lab.hosts:
        said = fleet.on(host.name, f"cat {CALLS} 2>/dev/null; rm -f {CALLS}")
        found[host.name] = Counter(said.split())
    return found


def costly(found: dict[str, Counter[str]]) -> dict[str, int]:
    """How many programs of 222 MB were started on each host."""
    return {host: sum(counts[name] for name in COSTLY) for host, counts in found.items()}
