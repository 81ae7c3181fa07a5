"""Every command of the README and of the documents beside it, as a reader would type them."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest
import yaml

from tests.support.documents import commands_in
from tests.support.fleet import Fleet

ROOT = Path(__file__).parents[2]


ELSEWHERE = {
    "edgeboot bundle update -f bundles/edge.yml --dry-run": "against a registry, as the bundle's",
    "edgeboot bundle images -f bundles/monitoring.yml --helm /opt/bin/helm": "with a helm, too",
    "edgeboot reset -i inventory.yml --limit agent-3": "of a fourth host; see test_identity",
    "edgeboot ssh -i inventory.yml server-1 sudo k3s kubectl delete node agent-3": "the same",
    "edgeboot reset -i inventory.yml --limit server-2 --plan": "with several servers, in test_ha",
}


@pytest.mark.parametrize(
    "documents", [("README.md", "docs/troubleshooting.md"), ("docs/install.md",)], ids=" ".join
)
def test_the_tour_of_the_documents_works(
    bare: Fleet, release: Path, documents: tuple[str, ...]
) -> None:
    """Each command of them, in their order, on hosts and a release of ours."""
    inventory = bare.work / "inventory.yml"
    inventory.write_text(yaml.safe_dump({**bare.base, "bundle": "edge.tar"}, sort_keys=False))
    ran = 0
    lines = (line for document in documents for line in commands_in(ROOT / document))
    for line in dict.fromkeys(lines):
        words = shlex.split(line, comments=True)[1:]
        if words[0] == "completion" or line in ELSEWHERE:
            continue
        done = bare.in_work(ROOT, release, words)
        plans = "plan" in words or "--plan" in words
        allowed = {0, 10} if plans else {0, 1, 6} if words[0] == "verify" else {0}
        assert done.code in allowed, f"{line}\n{done.all}"
        ran += 1
    assert ran >= 6
    written = bare.work / "init.yml"
    if written.exists():
        assert bare.run("inventory", "check", "-i", written).code == 0, written.read_text()
