"""docs/cluster.md: every example is an inventory, and every section has an example."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from edgeboot.inventory.cluster import KEYS
from edgeboot.inventory.load import load
from tests.support.tls_api import issue

TEXT = (Path(__file__).parents[2] / "docs" / "cluster.md").read_text()
EXAMPLES = re.findall(r"```yaml\n(.*?)```", TEXT, re.S)
NODES = "nodes:\n  - {name: server-1, address: 192.0.2.11, role: server}\n"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files that the examples point to."""
    work = tmp_path_factory.mktemp("site")
    for name in ("certs", "secrets"):
        (work / name).mkdir()
    made = issue("site")
    (work / "certs" / "site.key").write_bytes(made.key_pem)
    for name in ("site.crt", "site-ca.pem"):
        (work / "certs" / name).write_bytes(made.certificate_pem)
    (work / "containerd.toml").write_text("[debug]\n  level = 'info'\n")
    for name in ("secrets/registry", "secrets/proxy-url", "certs/site.key"):
        (work / name).touch()
        (work / name).chmod(0o600)
    return work


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_is_an_inventory(example: str, site: Path) -> None:
    path = site / "inventory.yml"
    indented = "".join(f"  {line}\n" for line in example.splitlines())
    path.write_text(f"cluster:\n  name: edge\n{indented}{NODES}")
    assert load(path).components.places.keys() == yaml.safe_load(example).keys()


def test_every_section_has_an_example_and_a_heading() -> None:
    shown = {key for example in EXAMPLES for key in yaml.safe_load(example)}
    assert shown == {key.name for key in KEYS}
    headings = " ".join(re.findall(r"^## (.+)$", TEXT, re.M))
    assert all(re.search(rf"\b{key.name}\b", headings) for key in KEYS)
