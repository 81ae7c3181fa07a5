"""What the lab decides without touching anything."""

from __future__ import annotations

import itertools
from ipaddress import IPv4Network
from pathlib import Path

import pytest
import yaml

from edgeboot.errors import BadInput, Refused
from edgeboot_lab import access, requirements, teardown
from edgeboot_lab.cgroup.base import Launch, entrances
from edgeboot_lab.cgroup.v1 import hierarchies
from edgeboot_lab.cgroup.v2 import service_argv
from edgeboot_lab.errors import LabError
from edgeboot_lab.inventory_file import HostEntry, inventory_text
from edgeboot_lab.lab import LabSpec, find_lab, list_labs, up
from edgeboot_lab.locks import held
from edgeboot_lab.names import LabNames, check_lab_name, node_names
from edgeboot_lab.nspawn.boot import argv
from edgeboot_lab.nspawn.image import FILES, MASKED, Image
from edgeboot_lab.nspawn.mounts import Mount, parse
from edgeboot_lab.nspawn.network import choose_subnet
from edgeboot_lab.state import HostFiles, LabFiles, LabRecord, load, save

RECORD = LabRecord("lab", ("server-1", "agent-1"), 1 << 30, IPv4Network("10.213.7.0/24"))


@pytest.mark.parametrize("name", ["a", "lab", "e2e-1", "0", "a" * 32])
def test_lab_names_that_do(name: str) -> None:
    assert check_lab_name(name) == name


@pytest.mark.parametrize(
    "name", ["", "-a", "a-", "A", "a b", "a.b", "a_b", "../x", "a/b", "a\n", "é", "a" * 33, "$(id)"]
)
def test_lab_names_that_do_not(name: str) -> None:
    with pytest.raises(BadInput, match="invalid lab name"):
        check_lab_name(name)


def test_the_first_node_is_the_server() -> None:
    assert node_names(1) == ("server-1",)
    assert node_names(3) == ("server-1", "agent-1", "agent-2")
    for count in (0, -1, 100):
        with pytest.raises(BadInput):
            node_names(count)


def test_link_names_fit_the_kernel_and_never_meet() -> None:
    labs = ["a", "a-1", "lab", "lab-1", "lab-10", "e2e", "a" * 7, "a" * 8, "a" * 32, "a" * 31 + "b"]
    links = [
        link
        for names in map(LabNames, labs)
        for link in (names.bridge, *(names.link(index) for index in range(99)))
    ]
    assert max(map(len, links)) <= 15
    assert len(set(links)) == len(links)
    assert all(link.startswith("eb-") for link in links)


def test_no_lab_takes_another_labs_things_for_its_own() -> None:
    labs = [LabNames(name) for name in ("a", "a-1", "a-server-1", "server-1", "lab")]
    for one, other in itertools.permutations(labs, 2):
        assert not other.host("server-1").startswith(one.host_prefix)
        assert not other.link(0).startswith(one.link_prefix)
        assert not other.bridge.startswith(one.link_prefix)


def test_the_first_free_subnet_is_taken() -> None:
    def chosen(*used: str) -> str:
        return str(choose_subnet(IPv4Network(network) for network in used))

    assert chosen() == "10.213.0.0/24"
    assert chosen("10.213.0.0/24", "10.213.1.128/25", "192.0.2.0/24") == "10.213.2.0/24"
    assert chosen("10.213.0.7/32") == "10.213.1.0/24"
    # a default route or a wide VPN does not forbid a lab
    assert chosen("0.0.0.0/0", "10.0.0.0/8") == "10.213.0.0/24"
    with pytest.raises(Refused, match="in use"):
        chosen("10.213.0.0/16")


def test_addresses() -> None:
    assert str(RECORD.gateway) == "10.213.7.1"
    assert [str(RECORD.address(node)) for node in RECORD.nodes] == ["10.213.7.11", "10.213.7.12"]
    assert RECORD.mac("agent-1") == "02:eb:0a:d5:07:0c"


def test_a_record_reads_as_it_was_written(tmp_path: Path) -> None:
    files = LabFiles(tmp_path, "lab")
    assert load(files) is None
    files.root.mkdir()
    save(RECORD, files)
    assert load(files) == RECORD
    assert files.record.stat().st_mode & 0o777 == 0o600
    assert [status.states for status in list_labs(tmp_path)] == [("off", "off")]
    assert find_lab("lab", tmp_path).host("agent-1").address == "10.213.7.12"
    with pytest.raises(BadInput, match="server-1, agent-1"):
        find_lab("lab", tmp_path).host("agent-9")


def test_a_damaged_record_is_an_error_that_helps(tmp_path: Path) -> None:
    files = LabFiles(tmp_path, "lab")
    files.root.mkdir()
    for damage in ("", "{", "{}", '{"name": "lab", "nodes": 3, "memory_bytes": 1, "subnet": "x"}'):
        files.record.write_text(damage)
        with pytest.raises(LabError, match=r"lab down --name lab"):
            load(files)


@pytest.mark.parametrize("version", [1, 2])
def test_the_inventory_is_what_edgeboot_reads(version: int) -> None:
    key = Path("/s/lab/id_ed25519")
    server = HostEntry("server-1", RECORD.address("server-1"), "edge", key, "ssh-ed25519 AAAA1")
    own = Path("/s/agent-1/key")
    agent = HostEntry(
        "agent-1", RECORD.address("agent-1"), "edge", own, "ssh-ed25519 AAAA2", "eth1"
    )
    read = yaml.safe_load(inventory_text("lab", [server, agent], version))
    config = {"config": {"kubelet-arg": ["fail-cgroupv1=false"]}} if version == 1 else {}
    assert read == {
        "allow-unsigned": True,
        "cluster": {"name": "lab", **config},
        "defaults": {"ssh": {"user": "edge", "key": "/s/lab/id_ed25519"}},
        "nodes": [
            {
                "name": "server-1",
                "address": "10.213.7.11",
                "role": "server",
                "ssh": {"host-key": "ssh-ed25519 AAAA1"},
            },
            {
                "name": "agent-1",
                "address": "10.213.7.12",
                "role": "agent",
                "ssh": {"host-key": "ssh-ed25519 AAAA2", "key": "/s/agent-1/key"},
                "node-ip": "10.213.7.12",
                "config": {"flannel-iface": "eth1"},
            },
        ],
    }


def test_missing_packages_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 0)
    absent = {"mmdebstrap", "systemd-nspawn"}
    monkeypatch.setattr("shutil.which", lambda name: None if name in absent else name)
    with pytest.raises(Refused) as refused:
        requirements.check()
    wanted = "apt-get install --no-install-recommends mmdebstrap systemd-container"
    assert refused.value.hint == wanted


def test_a_lab_needs_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    with pytest.raises(Refused, match="sudo"):
        requirements.check()


@pytest.mark.parametrize("directory", ["/a b", "/a,b", "/a:b", '/a"b', "/a\\b"])
def test_a_state_directory_that_would_break_a_mount_option_is_refused(directory: str) -> None:
    with pytest.raises(BadInput, match="cannot use the directory"):
        up(LabSpec(state_dir=Path(directory)), lambda _text: None)


def test_a_host_without_memory_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="128 MiB"):
        up(LabSpec(state_dir=tmp_path, memory_bytes=1), lambda _text: None)


def test_somebody_elses_directory_is_not_removed(tmp_path: Path) -> None:
    class NoGroups:
        """A machine without any lab host."""

        def find(self, _prefix: str) -> tuple[str, ...]:
            """None."""
            return ()

    files = LabFiles(tmp_path, "alice")
    files.root.mkdir()
    (files.root / "thesis.txt").touch()
    with pytest.raises(Refused, match=r"no lab\.json"):
        teardown.remove(NoGroups(), LabNames("alice"), files)  # type: ignore[arg-type]
    assert (files.root / "thesis.txt").exists()


def test_a_lock_has_one_holder(tmp_path: Path) -> None:
    said: list[str] = []
    second = held("x", wait=0.2, waiting=said.append, directory=tmp_path)
    with (
        held("x", wait=0, directory=tmp_path),
        pytest.raises(Refused, match="still working on x"),
        second,
    ):
        pass
    assert said == ["waiting for another process that works on x"]
    with held("x", wait=0, directory=tmp_path):
        pass


def test_hierarchies_are_found_in_the_mount_table() -> None:
    mounts = (
        "tmpfs /sys/fs/cgroup tmpfs rw 0 0\n"
        "cgroup /sys/fs/cgroup/memory cgroup rw,memory 0 0\n"
        "cgroup /sys/fs/cgroup/cpu,cpuacct cgroup rw,cpu,cpuacct 0 0\n"
        "cgroup2 /sys/fs/cgroup/unified cgroup2 rw 0 0\n"
        "cgroup /elsewhere/memory cgroup rw,memory 0 0\n"
    )
    found = [path.name for path in hierarchies(mounts)]
    assert found == ["memory", "cpu,cpuacct", "unified"]


def test_entrances_follow_a_process(tmp_path: Path) -> None:
    for name in ("memory", "systemd", "unified"):
        (tmp_path / name).mkdir()
    text = "4:memory:/h\n9:name=systemd:/h/init.scope\n5:gone:/h\n0::/h\n"
    assert entrances(text, tmp_path) == (
        tmp_path / "memory/h/cgroup.procs",
        tmp_path / "systemd/h/init.scope/cgroup.procs",
        tmp_path / "unified/h/cgroup.procs",
    )
    (tmp_path / "cgroup.controllers").touch()  # cgroup v2
    assert entrances("0::/a/b\n", tmp_path) == (tmp_path / "a/b/cgroup.procs",)


def test_the_mount_table_last_first_with_blanks() -> None:
    text = "a /x\\040y/z ext4 rw 0 0\nb /proc proc rw 0 0\n"
    assert parse(text) == (Mount("b", Path("/proc")), Mount("a", Path("/x y/z")))


def test_on_cgroup_v2_a_host_is_a_service_with_a_ceiling() -> None:
    launch = Launch(
        "edgeboot-lab-x.server-1", 512 << 20, ("nspawn", "a b"), {"K": "v"}, Path("/c"), 3
    )
    command = service_argv(launch)
    assert command[0] == "systemd-run"
    assert command[-3:] == ("--", "nspawn", "a b")
    payload = "/sys/fs/cgroup/machine.slice/edgeboot-lab-x.server-1.service/payload"
    for word in (
        "MemoryMax=536870912",
        "Delegate=yes",
        "RestartForceExitStatus=133",
        "Type=notify",
        f"ExecStartPost=/bin/sh -c 'echo 536870912 >{payload}/memory.max'",
    ):
        assert f"--property={word}" in command
    assert "--setenv=K=v" in command


def test_the_container_is_what_a_real_k3s_was_seen_to_run_in() -> None:
    command = argv("edgeboot-lab-x.server-1", "server-1", HostFiles(Path("/h")))
    for word in (
        "--register=no",
        "--keep-unit",
        "--capability=all",
        "--system-call-filter=@keyring bpf @mount @module",
        "--bind=/dev/kmsg",
        "--bind=/h/rancher:/var/lib/rancher",
        "--bind=/h/edgeboot:/var/lib/edgeboot",
        "--network-namespace-path=/run/netns/edgeboot-lab-x.server-1",
    ):
        assert word in command


def test_the_cache_name_follows_the_contents(monkeypatch: pytest.MonkeyPatch) -> None:
    before = Image().digest
    assert Image(mirror="http://mirror.invalid").digest == before
    assert Image(suite="trixie").digest != before
    monkeypatch.setattr("edgeboot_lab.nspawn.image.FILES", FILES[1:])
    assert Image().digest != before


def test_units_that_reach_the_machines_kernel_are_masked() -> None:
    assert {"systemd-sysctl.service", "systemd-modules-load.service"} <= set(MASKED)


def test_ssh_checks_the_pinned_key() -> None:
    command = access.ssh_argv(LabFiles(Path("/s"), "lab"), "10.213.0.11")
    assert command[:3] == ("ssh", "-F", "/dev/null")
    assert "StrictHostKeyChecking=yes" in command
    assert "UserKnownHostsFile=/s/lab/known_hosts" in command
    assert command[-1] == "edge@10.213.0.11"
