"""How a cluster does, on fake hosts: well, unreachable, broken; and hosts of another cluster."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from edgeboot.engine.fleet import FleetError
from edgeboot.errors import Refused, Unreachable
from edgeboot.lifecycle.install.run import make_plan
from edgeboot.lifecycle.status import ClusterReport, report
from edgeboot.plan import paths
from edgeboot.report.status import status_json, status_lines
from edgeboot.secret import Secret
from edgeboot.transport.base import Command, Result, Snippet
from edgeboot.transport.fake.host import FakeFile, FakeHost
from tests.support.small_cluster import BUNDLE, CLUSTER, hosts, run

NOW = 1_790_000_000


class Told(FakeHost):
    """A fake host whose answer to status.sh gets more sections."""

    more = f"== clock 0\n{NOW}\n== version 0\nk3s version v1.36.2+k3s1 (abc)\n"
    instead: str | None = None

    def run(
        self, command: Command, *, stdin: bytes | Secret | None = None, deadline: float
    ) -> Result:
        done = super().run(command, stdin=stdin, deadline=deadline)
        if isinstance(command, Snippet) and command.name == "status":
            return replace(done, stdout=self.more + (self.instead or done.stdout))
        return done


def installed() -> dict[str, FakeHost]:
    fakes = hosts()
    run(fakes)
    for fake in fakes.values():
        fake.__class__ = Told
    return fakes


def look(fakes: dict[str, FakeHost], **missing: Unreachable | Refused) -> ClusterReport:
    gone = {name.replace("_", "-"): error for name, error in missing.items()}
    used = {name: fake for name, fake in fakes.items() if name not in gone}
    return report(CLUSTER, used, gone, now=NOW)


def test_all_is_well_in_one_exec_a_host() -> None:
    fakes = installed()
    before = {name: fake.execs for name, fake in fakes.items()}
    found = look(fakes)
    assert found.exit_code == 0
    assert [(n.ready, n.why, n.version) for n in found.nodes] == [(True, None, "v1.36.2+k3s1")] * 3
    assert all(fake.execs == before[name] + 1 for name, fake in fakes.items())


def test_a_host_with_a_changed_key_is_5_also_beside_an_unreachable_one() -> None:
    found = look(
        installed(), agent_1=Refused("wrong host key"), server_1=Unreachable("it is silent")
    )
    assert found.exit_code == 5


def test_an_unreachable_host_is_3_and_the_others_are_told() -> None:
    found = look(installed(), agent_1=Unreachable("it refuses connections", hint="check it"))
    assert found.exit_code == 3
    assert [node.reachable for node in found.nodes] == [True, False, True]
    assert "agent-1: it refuses connections [unreachable]" in list(status_lines(found))


def test_a_failed_agent_says_why_and_what_to_try() -> None:
    fakes = installed()
    agent = fakes["agent-1"]
    assert isinstance(agent, Told)
    agent.instead = (
        "== unit 0\nActiveState=activating\n== journal 0\ndial tcp 192.0.2.11:6443: connect: "
        "connection refused\n"
    )
    found = look(fakes)
    assert found.exit_code == 1
    text = "\n".join(status_lines(found))
    assert "agent-1: its service is activating: it cannot reach 192.0.2.11:6443" in text
    assert "[port-unreachable]" in text
    assert "connection refused" in text
    assert "next: " in text


def test_a_stopped_service_is_not_explained_by_what_it_said_before() -> None:
    fakes = installed()
    agent = fakes["agent-1"]
    assert isinstance(agent, Told)
    agent.instead = (
        "== unit 0\nActiveState=inactive\n== journal 0\nlevel=error etcdserver: no leader\n"
    )
    text = "\n".join(status_lines(look(fakes)))
    assert "agent-1: its service is inactive [not-ready]" in text
    assert "etcdserver" not in text


def test_a_containerd_that_is_not_up_is_explained_by_its_own_log() -> None:
    fakes = installed()
    agent = fakes["agent-1"]
    assert isinstance(agent, Told)
    agent.instead = (
        "== unit 0\nActiveState=active\nRuntime=no\n"
        "== journal 0\nlevel=error msg=other\n"
        "== containerd 0\ncontainerd: failed to load TOML: (4, 3): unexpected token\n"
    )
    text = "\n".join(status_lines(look(fakes)))
    assert "container runtime is not up: containerd cannot read its configuration" in text
    assert "[containerd-config]" in text
    assert "    containerd: failed to load TOML: (4, 3): unexpected token" in text
    assert "msg=other" not in text


def test_a_wrong_clock_is_told_though_all_runs() -> None:
    fakes = installed()
    agent = fakes["agent-2"]
    assert isinstance(agent, Told)
    agent.more = agent.more.replace(str(NOW), str(NOW - 3600))
    found = look(fakes)
    assert found.exit_code == 1
    assert found.nodes[2].error_id == "clock"
    assert "3600 s behind" in str(found.nodes[2].why)


def test_without_the_server_nothing_is_said_to_be_ready() -> None:
    found = look(installed(), server_1=Unreachable("gone"))
    assert [node.ready for node in found.nodes] == [None] * 3
    assert "unknown whether it is Ready" in str(found.nodes[1].why)


def test_json_holds_no_secret() -> None:
    fakes = installed()
    text = json.dumps(status_json(look(fakes)))
    password = fakes["server-1"].cluster.password
    assert password is not None
    assert password.decode() not in text


@pytest.mark.parametrize("fresh", [True, False])
def test_an_agent_of_another_cluster_is_refused_before_anything_is_changed(fresh: bool) -> None:
    fakes = hosts() if fresh else installed()
    fakes["agent-1"].files[paths.SERVER_CA] = FakeFile(0o644, b"another CA")
    with pytest.raises(FleetError) as caught:
        make_plan(CLUSTER, BUNDLE, fakes)
    error = caught.value.errors["agent-1"]
    assert isinstance(error, Refused)
    assert error.error_id == "other-cluster"
    assert set(caught.value.errors) == {"agent-1"}


def test_the_clusters_own_ca_is_no_obstacle() -> None:
    fakes = installed()
    for name in ("server-1", "agent-1"):
        fakes[name].files[paths.SERVER_CA] = FakeFile(0o644, b"fake CA")
    assert make_plan(CLUSTER, BUNDLE, fakes).empty
