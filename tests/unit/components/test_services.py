"""K3s's service under each init system, and what ``# uses:`` puts before a snippet."""

from __future__ import annotations

from dataclasses import replace

import pytest

from edgeboot import shell
from edgeboot.components.k3s.unit import service_file, service_files
from edgeboot.inventory.model import Role
from edgeboot.plan.facts import HostTraits
from edgeboot.plan.resources import File, KnownAfter
from edgeboot.secret import Secret

SYSTEMD = HostTraits(
    machine="aarch64",
    os="debian 12",
    init="systemd",
    cgroup_version=2,
    cgroup_controllers=frozenset(),
    memory=1 << 30,
    cpus=4,
    hostname="pi",
    machine_id="0" * 32,
    clock=1_790_000_000,
    default_route=True,
)
OPENRC = replace(SYSTEMD, init="openrc", logrotate=True)


def text_of(file: File) -> str:
    assert not isinstance(file.content, Secret | KnownAfter)
    return b"".join(file.content.open()).decode()


def test_a_systemd_host_gets_a_unit() -> None:
    (unit,) = service_files(SYSTEMD, "k3s-agent", Role.AGENT)
    assert (unit.path, unit.mode) == ("/etc/systemd/system/k3s-agent.service", 0o644)
    assert unit.restarts == "k3s-agent"
    assert "\nExecStart=/usr/local/bin/k3s agent\n" in text_of(unit)


def test_an_openrc_host_gets_a_supervised_script_and_its_log_is_rotated() -> None:
    script, rotation = service_files(OPENRC, "k3s", Role.SERVER)
    assert (script.path, script.mode, script.restarts) == ("/etc/init.d/k3s", 0o755, "k3s")
    said = text_of(script)
    assert said.startswith("#!/sbin/openrc-run\n")
    for line in (
        "supervisor=supervise-daemon",
        "command=/usr/local/bin/k3s",
        'command_args="server"',
        "respawn_delay=5",
        "respawn_max=0",
        "output_log=/var/log/k3s.log",
    ):
        assert f"\n{line}\n" in said
    assert (rotation.path, rotation.restarts) == ("/etc/logrotate.d/k3s", None)
    assert "copytruncate" in text_of(rotation)


def test_a_server_starts_after_a_token_has_changed() -> None:
    """K3s refuses a file of passwords that is newer than its data; agents have none."""
    age = "/bin/touch -c -t 200001010000 /var/lib/rancher/k3s/server/cred/passwd"
    (unit,) = service_files(SYSTEMD, "k3s", Role.SERVER)
    assert f"\nExecStartPre=-{age}\n" in text_of(unit)
    script, _ = service_files(OPENRC, "k3s", Role.SERVER)
    assert f"\n    {age} || :\n" in text_of(script)
    (unit,) = service_files(SYSTEMD, "k3s-agent", Role.AGENT)
    assert "touch" not in text_of(unit)


def test_without_logrotate_there_is_nothing_to_tell_it() -> None:
    files = service_files(replace(OPENRC, logrotate=False), "k3s", Role.SERVER)
    assert [file.path for file in files] == [service_file("openrc", "k3s")]


@pytest.mark.parametrize("name", ["observe", "start", "status", "inspect", "survey", "clear"])
def test_a_snippet_brings_the_functions_it_uses(name: str) -> None:
    assert "service_active() {" in shell.text(name)
    assert ("remaining_processes() {" in shell.text(name)) == (name in {"survey", "clear"})


def test_a_snippet_that_uses_nothing_is_sent_as_it_is() -> None:
    assert "service_active" not in shell.text("put")
