"""How often programs of K3s's are started on hosts: a look at one costs it at most one."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.command import Done
from tests.support.counted import calls, costly, counted_release, place_real, remove_real
from tests.support.fleet import Fleet

NODES = ("server-1", "agent-1")
NO_FORWARDING = "/etc/ssh/sshd_config.d/00-no-forwarding.conf"


@pytest.fixture(scope="module")
def fleet(
    shared_fleet: Fleet, release: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Fleet]:
    """Bare hosts, and a bundle with a K3s that counts its calls."""
    work = tmp_path_factory.mktemp("counted")
    counted = counted_release(release, work / "release")
    said = subprocess.run([release / "k3s", "--version"], capture_output=True, text=True)
    version = said.stdout.split()[2]
    (work / "bundle.yml").write_text(
        f"name: counted\nk3s:\n  source: {counted}\n  version: {version}\n  arches: [amd64]\n"
    )
    built = work / "counted.tar"
    argv = Fleet.argv("bundle", "build", "-f", work / "bundle.yml", "--out", built)
    subprocess.run(argv, check=True, timeout=300)
    shared_fleet.wipe()
    place_real(shared_fleet, release)
    yield Fleet(shared_fleet.lab, shared_fleet.base, built, work)
    remove_real(shared_fleet)
    shared_fleet.wipe()


Counted = Callable[..., tuple[Done, dict[str, int]]]


@pytest.fixture
def counted(fleet: Fleet) -> Counted:
    """Runs a command and counts what it started; what it was is printed, for docs/benchmarks.md."""

    def run(*words: str) -> tuple[Done, dict[str, int]]:
        inventory = fleet.inventory(*NODES)
        calls(fleet)
        options = ("--yes", "--timeout", "240") if words[0] == "install" else ()
        done = fleet.run(words[0], "-i", inventory, *options, *words[1:])
        found = calls(fleet)
        sys.stdout.write(f"{' '.join(words)} { ({host: dict(found[host]) for host in NODES}) }\n")
        return done, {host: number for host, number in costly(found).items() if host in NODES}

    return run


def test_an_install_starts_none(counted: Counted) -> None:
    done, found = counted("install")
    assert done.code == 0, done.all
    assert found == {"server-1": 0, "agent-1": 0}


def test_nor_does_one_that_changes_nothing(counted: Counted) -> None:
    done, found = counted("install")
    assert done.code == 0, done.all
    assert found == {"server-1": 0, "agent-1": 0}


def test_nor_does_status(counted: Counted) -> None:
    done, found = counted("status")
    assert done.code == 0, done.all
    assert found == {"server-1": 0, "agent-1": 0}


def test_verify_checks_images_by_one_a_host(counted: Counted) -> None:
    done, found = counted("verify", "--window", "2", "-o", "json")
    assert done.code in {0, 1, 6}, done.all
    checks = json.loads(done.out)["checks"]
    images = [check for check in checks if check["check"] == "image"]
    assert images
    assert found == {"server-1": 1, "agent-1": 1}


@pytest.fixture
def no_forwarding(fleet: Fleet) -> Iterator[None]:
    """SSH servers that forward nothing."""
    reload = "systemctl reload ssh"
    for node in NODES:
        fleet.on(node, f"echo 'AllowTcpForwarding no' >{NO_FORWARDING} && {reload}")
    yield
    for node in NODES:
        fleet.on(node, f"rm -f {NO_FORWARDING} && {reload}")


@pytest.mark.usefixtures("no_forwarding")
def test_where_nothing_is_forwarded_a_look_is_one_kubectl_on_the_server(counted: Counted) -> None:
    done, found = counted("status")
    assert done.code == 0, done.all
    assert found == {"server-1": 1, "agent-1": 0}
    # An install looks twice: which hosts the Nodes are, before the plan; then whether all is well.
    done, found = counted("install")
    assert done.code == 0, done.all
    assert found == {"server-1": 2, "agent-1": 0}


@pytest.mark.usefixtures("no_forwarding")
@pytest.mark.parametrize("value", ["edge", "core"])
def test_where_nothing_is_forwarded_steps_of_the_cluster_go_the_same_way(
    fleet: Fleet, value: str
) -> None:
    taint = f"dedicated={value}:NoSchedule"
    done = fleet.install(fleet.inventory(*NODES, agent_1={"taints": [taint]}))
    assert done.code == 0, done.all
    node = json.loads(fleet.on("server-1", "k3s kubectl get node agent-1 -o json"))
    wanted = {"key": "dedicated", "value": value, "effect": "NoSchedule"}
    assert node["spec"]["taints"] == [wanted]
