"""How hosts are named to ``inventory init``, and what they become."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from edgeboot.cli.inventory.init import init
from edgeboot.cli.inventory.write import Target
from edgeboot.errors import BadInput
from edgeboot.inventory.draft import Draft, DraftNode, DraftSsh, named, text_of
from edgeboot.inventory.load import load
from edgeboot.inventory.model import Role
from edgeboot.lifecycle.enrol import Candidate, Enrolled, draft_nodes
from edgeboot.plan.facts import HostTraits, parse_facts
from tests.support.payloads import PAYLOADS


@pytest.mark.parametrize(
    "host", ["a b", "root@", "x=master", "x:999999", "-oProxyCommand=x", "x/A", *PAYLOADS]
)
def test_what_is_no_host(host: str, tmp_path: Path) -> None:
    if host.strip() in {"a", "a/b"}:  # these are hosts
        return
    words = ["--yes", "--out", str(tmp_path / "i.yml"), "--", host]
    done = CliRunner().invoke(init, words, standalone_mode=False)
    assert isinstance(done.exception, BadInput), host
    assert list(tmp_path.iterdir()) == []


def test_no_terminal_to_ask_for_hosts(tmp_path: Path) -> None:
    done = CliRunner().invoke(init, ["--out", str(tmp_path / "i.yml")], standalone_mode=False)
    assert isinstance(done.exception, BadInput)
    assert "no terminal to ask for them" in str(done.exception)


def test_names_are_the_hosts_own_where_they_tell_them_apart() -> None:
    hosts = [("barn.example.com", Role.SERVER), ("raspberrypi", Role.AGENT)]
    hosts += [("pi", Role.AGENT), ("pi", Role.AGENT), ("agent-1", Role.AGENT), ("A_b", Role.AGENT)]
    nodes = named(DraftNode(f"192.0.2.{n}", role, name) for n, (name, role) in enumerate(hosts))
    assert [n.name for n in nodes] == [
        "barn",
        "agent-2",
        "agent-3",
        "agent-4",
        "agent-1",
        "agent-5",
    ]


@pytest.fixture
def traits() -> HostTraits:
    lines = "machine aarch64,os debian 12,init systemd,cgroup-version 2,cgroup-controllers cpu,"
    lines += "memory-kib 1048576,cpus 4,hostname raspberrypi,machine-id 0,clock 1,"
    lines += "default-route yes,board Raspberry Pi 4,k3s-version "
    output = "".join(f"trait {line}\n" for line in lines.split(",")) + "end\n"
    return parse_facts(output, "x").traits


def test_the_first_host_is_the_server_unless_told(traits: HostTraits, tmp_path: Path) -> None:
    hosts = [Enrolled(Candidate(f"192.0.2.{n}"), "pi", "", traits) for n in range(3)]
    assert [n.role.value for n in draft_nodes(hosts)] == ["server", "agent", "agent"]
    hosts[2] = replace(hosts[2], candidate=Candidate("192.0.2.2", role=Role.SERVER))
    nodes = draft_nodes(hosts)
    assert [n.name for n in nodes] == ["agent-1", "agent-2", "server-1"]
    assert "Raspberry Pi 4, arm64, 1.00 GiB memory" in nodes[0].remark
    path = tmp_path / "inventory.yml"
    draft = Draft("edge", tuple(replace(n, ssh=DraftSsh("pi")) for n in nodes))
    Target(path, force=False).write(draft, "3 nodes")
    assert path.read_text().count("user: pi") == 1  # once, in defaults
    assert "# Raspberry Pi 4" in path.read_text()


def test_whatever_is_in_it_the_text_is_yaml_of_that(tmp_path: Path) -> None:
    path = tmp_path / "inventory.yml"
    for payload in PAYLOADS:
        ssh = DraftSsh(jump=payload)
        node = DraftNode(payload, Role.SERVER, payload, ssh, remark=f"{payload}\nx: {payload}")
        path.write_text(text_of(Draft(payload, (node,))))
        with pytest.raises(BadInput):
            load(path)
