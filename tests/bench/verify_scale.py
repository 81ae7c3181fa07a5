"""Verifying a large fleet that answers at once: what it costs the operator's machine."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from dataclasses import replace

from edgeboot.report.verification.document import verification_json
from edgeboot.report.verification.html.page import verification_html
from edgeboot.verify.expectation import ExpectedFile
from tests.support.verify_hosts import sampling, site, verified

FLEETS = (3, 10, 50)
_FILES, _IMAGES = 20, 8


def once(nodes: int) -> dict[str, float]:
    """One verification of ``nodes`` hosts with the files and images of a real one."""
    made = site(*(f"agent-{number}" for number in range(1, nodes)))
    files = tuple(ExpectedFile(f"/etc/rancher/file-{n}", 0o600, "c" * 64) for n in range(_FILES))
    for name, host in made.hosts.items():
        (digest,) = made.expectations[name].images.values()
        images = {f"docker.io/rancher/image-{n}:1": digest for n in range(_IMAGES)}
        made.expect(name, files=files, images=images)
        host.state.modes |= {file.path: "600 0:0 regular file" for file in files}
        host.state.hashes |= {file.path: "c" * 64 for file in files}
        rows = "\n".join(f"{image} t {digest} complete (3/3) 4MiB true" for image in images)
        host.state.images = f"REF TYPE DIGEST STATUS SIZE UNPACKED\n{rows}\n"
        host.state.sample = sampling(60)
    began = time.monotonic()
    found = verified(made)
    checked = time.monotonic()
    assert found.exit_code == 0, [r for r in found.results if r.message][:3]
    html = verification_html(replace(found, cluster="bench"))
    done = time.monotonic()
    return {
        "checks": len(found.results),
        "seconds": checked - began,
        "html_seconds": done - checked,
        "html_kib": len(html.encode()) / 1024,
        "json_kib": len(json.dumps(verification_json(found))) / 1024,
        "mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def main() -> None:
    """A process for each size, so that its peak of memory is its own."""
    print("\n## Verifying fleets that answer immediately\n\n`python -m tests.bench.verify_scale`\n")
    print("| hosts | checks | read and checked, s | HTML, s | HTML, KiB | JSON, KiB | peak, MiB |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for nodes in FLEETS:
        argv = [sys.executable, "-m", "tests.bench.verify_scale", str(nodes)]
        done = subprocess.run(argv, capture_output=True, text=True, check=True)
        f = json.loads(done.stdout)
        print(
            f"| {nodes} | {f['checks']} | {f['seconds']:.2f} | {f['html_seconds']:.2f} "
            f"| {f['html_kib']:.0f} | {f['json_kib']:.0f} | {f['mib']:.0f} |"
        )


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(json.dumps(once(int(sys.argv[1]))))
    else:
        main()
