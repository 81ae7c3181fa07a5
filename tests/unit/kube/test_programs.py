"""Which snippets may start a program of K3s's on a host: each is one of 222 MB."""

from __future__ import annotations

import re
from pathlib import Path

import edgeboot.shell

FOLDER = Path(edgeboot.shell.__file__).parent
_STARTS = re.compile(r"(?:k3s|\"\$k3s\") (kubectl|crictl|ctr)\b")

# The way to the API where nothing is forwarded (kubectl, reach), the guard of probe pods, which
# starts it only after the connection has broken, and verify's check of images.
ALLOWED = {
    "kubernetes/kubectl.sh": ["kubectl"],
    "kubernetes/probe-guard.sh": ["kubectl"],
    "look/reach.sh": ["kubectl"],
    "look/inspect.sh": ["ctr"],
}


def starts(path: Path) -> list[str]:
    lines = (line.partition("#")[0] for line in path.read_text().splitlines())
    return [found for line in lines for found in _STARTS.findall(line)]


def test_no_other_snippet_starts_one() -> None:
    found = {str(path.relative_to(FOLDER)): starts(path) for path in FOLDER.rglob("*.sh")}
    assert {name: some for name, some in found.items() if some} == ALLOWED
