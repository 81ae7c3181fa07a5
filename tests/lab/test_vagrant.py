"""The driver for virtual machines, with a stand-in for vagrant and real hosts to get into.

The tests that take ``pair`` have booted hosts as the machines; the others fail before SSH matters.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

import pytest
from click.testing import CliRunner

from edgeboot.cli.main import cli
from edgeboot.errors import BadInput, Refused, StepFailed
from edgeboot.inventory.load import load
from edgeboot_lab.lab import Lab
from edgeboot_lab.state import LabFiles, LabRecord, save
from edgeboot_lab.vagrant import machines
from edgeboot_lab.vagrant.boxes import parse_facts, parse_logins
from edgeboot_lab.vagrant.command import Event, Vagrant, parse_event
from edgeboot_lab.vagrant.machines import VagrantSpec

OFFLINE = Path(machines.__file__).with_name("offline.sh")
FAKE = Path(__file__).with_name("fake_vagrant.sh")

# As vagrant 2.3.4 prints it: two blanks before each keyword, a blank line after each machine.
STANZA = """\
Host {node}
  HostName {host}
  User {user}
  Port {port}
  UserKnownHostsFile /dev/null
  StrictHostKeyChecking no
  PasswordAuthentication no
  IdentityFile {key}
  IdentitiesOnly yes
  LogLevel FATAL

"""


@dataclass(frozen=True)
class Fake:
    """The stand-in's files, and where the driver keeps its own."""

    home: Path
    state: Path

    @property
    def calls(self) -> list[str]:
        """The command lines so far."""
        path = self.home / "calls"
        return path.read_text().splitlines() if path.exists() else []

    def machines(self, *stanzas: str) -> None:
        """What ``vagrant ssh-config`` is to print."""
        (self.home / "ssh-config").write_text("".join(stanzas))

    def on_up(self, script: str) -> None:
        """What happens at the end of ``vagrant up``."""
        (self.home / "up").write_text(script)

    def labs(self) -> list[str]:
        """The labs there are files of."""
        return sorted(path.name for path in self.state.iterdir() if path.is_dir())


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Fake:
    home = tmp_path / "fake"
    (home / "bin").mkdir(parents=True)
    (home / "bin" / "vagrant").symlink_to(FAKE)
    monkeypatch.setenv("PATH", f"{home / 'bin'}:{os.environ['PATH']}")
    monkeypatch.setenv("FAKE_VAGRANT", str(home))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "xdg"))
    monkeypatch.setenv("VAGRANT_VAGRANTFILE", "Other")
    return Fake(home, machines.default_state_dir())


def quiet(_line: str) -> None:
    """Progress that nobody follows."""


def stanza(node: str, host: str, key: Path, user: str = "edge") -> str:
    return STANZA.format(node=node, host=host, user=user, port=22, key=key)


def hosts_as_machines(fake: Fake, pair: Lab) -> VagrantSpec:
    """The booted hosts are what vagrant made."""
    fake.machines(*(stanza(host.name, host.address, pair.key) for host in pair.hosts))
    subnet = pair.hosts[0].lab.subnet
    return VagrantSpec(fake.state, nodes=2, memory_bytes=512 << 20, subnet=subnet, answer_seconds=0)


def key_of(pair: Lab, host: str) -> str:
    path = pair.host(host).path("/etc/ssh/ssh_host_ed25519_key.pub")
    return " ".join(path.read_text().split()[:2])


@pytest.mark.lab
def test_up_gives_an_inventory_with_pinned_keys(fake: Fake, pair: Lab) -> None:
    spec = hosts_as_machines(fake, pair)
    said: list[str] = []
    lab = machines.up(spec, said.append)
    cluster = load(lab.inventory)
    for node, host in zip(cluster.nodes, pair.hosts, strict=True):
        assert (node.name, node.address, node.node_ip) == (host.name, host.address, host.address)
        assert (node.ssh.user, node.ssh.key) == ("edge", pair.key)
        assert node.ssh.host_key == key_of(pair, host.name)
        assert node.config == {"flannel-iface": "eth0"}
        assert f"{host.name} answers at {host.address}" in said
    assert "vagrant: server-1: Machine booted, and ready" in said
    assert lab.files.root.stat().st_mode & 0o777 == 0o700
    for path in (lab.inventory, lab.files.known_hosts, lab.files.record):
        assert path.stat().st_mode & 0o777 == 0o600
    environment = dict(
        line.split("=", 1) for line in (fake.home / "environment").read_text().splitlines()
    )
    assert environment["EDGEBOOT_LAB_AGENTS"] == "1"
    assert environment["EDGEBOOT_LAB_AGENT_MEMORY"] == "512"
    assert f"{environment['EDGEBOOT_LAB_SUBNET']}.0/24" == str(spec.subnet)
    assert Path(environment["VAGRANT_CWD"], environment["VAGRANT_VAGRANTFILE"]).is_file()


@pytest.mark.lab
def test_ssh_list_and_down_find_the_lab_by_themselves(fake: Fake, pair: Lab) -> None:
    lab = machines.up(hosts_as_machines(fake, pair), quiet)
    argv = lab.hosts[1].ssh_argv()
    done = subprocess.run([*argv, "hostname; id -un"], capture_output=True, text=True, timeout=30)
    assert done.stdout.split() == ["agent-1", "edge"], done.stderr
    root = subprocess.run(
        [*lab.hosts[0].ssh_argv("root"), "id", "-un"], capture_output=True, text=True, timeout=30
    )
    assert root.stdout == "root\n"

    listed = CliRunner().invoke(cli, ["lab", "list"])
    assert f"lab  agent-1  {pair.hosts[1].address}  running\n" in listed.output
    assert machines.up(hosts_as_machines(fake, pair), quiet) == lab  # replaces it
    assert fake.calls.count("destroy --machine-readable --force") == 1
    gone = CliRunner().invoke(cli, ["lab", "down"])
    assert (gone.exit_code, gone.output.splitlines()[-1]) == (0, "the lab 'lab' is gone")
    assert fake.labs() == []
    assert fake.calls.count("destroy --machine-readable --force") == 2
    again = CliRunner().invoke(cli, ["lab", "down", "--driver", "vagrant"])
    assert again.output == "no such lab: 'lab'\n"


@pytest.mark.lab
def test_another_hosts_key_at_the_address_is_refused(fake: Fake, pair: Lab) -> None:
    spec = hosts_as_machines(fake, pair)
    lines = (f"2: eth0    inet {host.address}/24 scope global eth0\n" for host in pair.hosts)
    (fake.home / "answer").write_text(f"{key_of(pair, 'agent-1')} comment\n{''.join(lines)}")
    with pytest.raises(Refused, match=rf"the host key at {pair.hosts[0].address} is not"):
        machines.up(spec, quiet)
    assert fake.labs() == []
    assert fake.calls[-1] == "destroy --machine-readable --force"


@pytest.mark.lab
def test_a_machine_without_its_address_is_told_apart(fake: Fake, pair: Lab) -> None:
    spec = hosts_as_machines(fake, pair)
    elsewhere = VagrantSpec(spec.state_dir, nodes=2, subnet=IPv4Network("192.168.57.0/24"))
    with pytest.raises(StepFailed, match=rf"192\.168\.57\.11 .* only 127.*{pair.hosts[0].address}"):
        machines.up(elsewhere, quiet)
    assert fake.labs() == []


@pytest.mark.lab
def test_offline_leaves_ssh_and_no_way_out(pair: Lab) -> None:
    host = pair.host("agent-1")

    def inside(script: str) -> str:
        done = host.exec(("sh", "-c", f"exec 2>&1; {script}"))
        return done.stdout.decode()

    inside("ip link add eth1 type veth peer name far; ip link set far up; ip link set eth1 up")
    inside("ip address add 192.168.56.12/24 dev eth1")
    assert "dev eth0" in inside("ip route get 192.0.2.1")
    try:
        done = host.exec(("sh", "-s", "192.168.56.1"), stdin=OFFLINE.read_bytes())
        assert done.returncode == 0, done.stderr
        inside("ip route replace default via " + str(host.lab.gateway))  # DHCP does that
        for address in ("192.0.2.1", "8.8.8.8", "198.51.100.1"):
            assert "via 192.168.56.1 dev eth1" in inside(f"ip route get {address}")
        assert "dev eth0" in inside(f"ip route get {host.lab.gateway}")
        ssh = subprocess.run([*host.ssh_argv(), "id", "-un"], capture_output=True, timeout=30)
        assert ssh.stdout == b"edge\n"
        inside("ip link delete eth1; systemctl restart edgeboot-lab-offline")
        assert "No route to host" in inside("ip route get 192.0.2.1")
        assert inside("systemctl is-enabled edgeboot-lab-offline") == "enabled\n"
    finally:
        inside("systemctl disable --now edgeboot-lab-offline; ip link delete eth1")
        inside("for half in 0 128; do ip route flush $half.0.0.0/1; done")


def test_a_machine_that_did_not_come_up_takes_the_others_down(fake: Fake) -> None:
    fake.machines(stanza("server-1", "127.0.0.1", FAKE))
    (fake.home / "answer").write_text(
        "ssh-ed25519 AAAAC3 x\n2: eth1    inet 192.168.56.11/24 brd 192.168.56.255 scope global\n"
    )
    with pytest.raises(StepFailed, match=r"agent-1: .* did not start"):
        machines.up(VagrantSpec(fake.state, nodes=2), quiet)
    assert fake.labs() == []
    assert fake.calls[-1] == "destroy --machine-readable --force"


def test_what_vagrant_says_when_it_fails_is_shown(fake: Fake) -> None:
    fake.machines(stanza("server-1", "127.0.0.1", FAKE))
    fake.on_up(
        "printf '%s\\n' '1795633754,,error-exit,Vagrant::Errors::VMBootTimeout,"
        "Timed out%!(VAGRANT_COMMA) waiting\\nfor it to boot'; exit 1\n"
    )
    with pytest.raises(StepFailed, match="`vagrant up` exited 1: Timed out, waiting\nfor it to"):
        machines.up(VagrantSpec(fake.state), quiet)
    assert fake.calls[-1] == "destroy --machine-readable --force"
    fake.on_up("echo 'ruby: cannot load'; exit 1\n")
    with pytest.raises(StepFailed, match="ruby: cannot load"):
        machines.up(VagrantSpec(fake.state), quiet)
    assert fake.labs() == []


@pytest.mark.parametrize(
    ("error", "hint"),
    [
        ("Vagrant::Errors::NoDefaultProvider,No usable provider", "vagrant-libvirt"),
        ("Vagrant::Errors::ProviderNotUsable,The provider", "virtualbox"),
        (
            "Vagrant::Errors::BatchMultiError,Any:\\n\\nError while connecting to Libvirt: x",
            "libvirtd",
        ),
        ("Vagrant::Errors::BoxAddShortNotFound,no box", "vagrant box add"),
    ],
)
def test_what_the_machine_lacks_is_named(fake: Fake, error: str, hint: str) -> None:
    fake.machines()
    fake.on_up(f"printf '%s\\n' '1795633754,,error-exit,{error}'; exit 1\n")
    with pytest.raises(Refused) as refused:
        machines.up(VagrantSpec(fake.state), quiet)
    assert hint in str(refused.value.hint)
    assert fake.labs() == []
    assert [call.split()[0] for call in fake.calls] == ["up"]  # nothing was made


def test_an_interrupt_reaches_vagrant_once_and_the_lab_is_removed(fake: Fake) -> None:
    fake.machines(stanza("server-1", "127.0.0.1", FAKE))
    fake.on_up(
        'trap "echo interrupted >>$FAKE_VAGRANT/signals; exit 1" INT\n'
        "echo 1795633754,,ui,info,waiting\n"
        "while :; do sleep 0.05; done\n"
    )

    def interrupt(line: str) -> None:
        if "waiting" in line:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        machines.up(VagrantSpec(fake.state), interrupt)
    assert (fake.home / "signals").read_text() == "interrupted\n"
    assert fake.labs() == []


def test_labs_have_networks_of_their_own(fake: Fake) -> None:
    for number, third in enumerate((56, 57, 59)):
        files = LabFiles(fake.state, f"lab-{number}")
        files.root.mkdir(parents=True)
        nodes = ("server-1",)
        save(LabRecord(files.name, nodes, None, IPv4Network((f"192.168.{third}.0", 24))), files)
    fake.machines()
    said: list[str] = []
    with pytest.raises(StepFailed, match="did not start"):
        machines.up(VagrantSpec(fake.state), said.append)
    assert "lab 'lab': 3 virtual machines in 192.168.58.0/24" in said


def test_a_lab_whose_record_is_damaged_can_be_taken_down(fake: Fake) -> None:
    files = LabFiles(fake.state, "lab")
    machine = files.root / "vagrant" / "machines" / "server-1" / "libvirt"
    machine.mkdir(parents=True)
    (machine / "id").touch()
    files.record.write_text("{")
    machines.down("lab", fake.state, quiet)
    assert fake.calls == ["destroy --machine-readable --force"]
    assert fake.labs() == []


def test_a_machine_without_vagrant_is_told_the_package(
    fake: Fake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None if name == "vagrant" else name)
    with pytest.raises(Refused) as refused:
        machines.up(VagrantSpec(fake.state), quiet)
    assert "apt-get install vagrant" in str(refused.value.hint)
    assert not fake.state.exists()


@pytest.mark.parametrize(
    "argv",
    [
        ("--driver", "vagrant", "--init", "openrc"),
        ("--driver", "vagrant", "--memory", "none"),
        ("--driver", "vagrant", "--memory", "64M"),
        ("--driver", "vagrant", "--name", "A"),
        ("--provider", "libvirt"),
    ],
)
def test_options_of_the_other_driver_are_refused(fake: Fake, argv: tuple[str, ...]) -> None:
    done = CliRunner().invoke(cli, ["lab", "up", *argv])
    assert isinstance(done.exception, BadInput)
    assert fake.calls == []


def test_two_labs_of_one_name_must_be_told_apart(
    fake: Fake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edgeboot_lab.lab.STATE_DIR", tmp_path / "nspawn")
    for place in (tmp_path / "nspawn", fake.state):
        files = LabFiles(place, "lab")
        files.root.mkdir(parents=True)
        save(LabRecord("lab", ("server-1",), None, IPv4Network("192.168.56.0/24")), files)
    both = CliRunner().invoke(cli, ["lab", "down"])
    assert isinstance(both.exception, BadInput)
    assert both.exception.hint == "choose one: --driver nspawn or --driver vagrant"
    one = CliRunner().invoke(cli, ["lab", "down", "--driver", "vagrant"])
    assert (one.exit_code, fake.labs()) == (0, [])


def test_lookups_of_what_is_not_there(fake: Fake) -> None:
    with pytest.raises(BadInput) as unknown:
        machines.find_host("server-1", "lab", fake.state)
    assert unknown.value.hint == "edgeboot lab up --driver vagrant --name lab"
    files = LabFiles(fake.state, "lab")
    files.root.mkdir(parents=True)
    save(LabRecord("lab", ("server-1",), None, IPv4Network("192.168.56.0/24")), files)
    with pytest.raises(BadInput) as host:
        machines.find_host("agent-9", "lab", fake.state)
    assert host.value.hint == "it has server-1"


def test_ssh_config_as_vagrant_prints_it(tmp_path: Path) -> None:
    key = tmp_path / "with blank" / "private_key"
    key.parent.mkdir()
    key.touch()
    text = stanza("server-1", "127.0.0.1", FAKE, "vagrant") + STANZA.format(
        node="agent-1", host="192.168.121.7", user="debian", port=22, key=f'"{key}"'
    )
    found = parse_logins(text)
    assert list(found) == ["server-1", "agent-1"]
    assert (found["server-1"].user, found["server-1"].key) == ("vagrant", FAKE)
    assert (found["agent-1"].host, found["agent-1"].key) == ("192.168.121.7", key)
    assert parse_logins("\n") == {}


def drop(keyword: str) -> Callable[[str], str]:
    return lambda text: "".join(
        line for line in text.splitlines(keepends=True) if keyword not in line
    )


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (drop("HostName"), StepFailed, "no HostName"),
        (drop("User "), StepFailed, "no User"),
        (drop("IdentityFile"), StepFailed, "no IdentityFile"),
        (drop("Host "), StepFailed, "before any Host"),
        (lambda text: text.replace(str(FAKE), "/no/key"), StepFailed, "/no/key"),
        (lambda text: text.replace("127.0.0.1", "8.8.8.8"), Refused, "another computer"),
        (lambda text: text.replace("127.0.0.1", "lab.example.org"), Refused, "another computer"),
        (lambda text: text + "  ProxyCommand ssh far\n", Refused, "another computer"),
        (lambda _text: "Deprecated: use ruby 3\n", StepFailed, "Deprecated"),
    ],
)
def test_ssh_config_that_cannot_be_used(
    change: Callable[[str], str], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        parse_logins(change(stanza("server-1", "127.0.0.1", FAKE).rstrip("\n") + "\n"))


def test_answers_of_machines() -> None:
    text = (
        "ssh-ed25519 AAAAC3Nz+/= root@debian\n"
        "1: lo    inet 127.0.0.1/8 scope host lo\\       valid_lft forever preferred_lft forever\n"
        "2: eth0    inet 10.0.2.15/24 brd 10.0.2.255 scope global dynamic eth0\n"
    )
    answer = parse_facts("server-1", text)
    assert answer.host_key == "ssh-ed25519 AAAAC3Nz+/="
    assert answer.interfaces[IPv4Address("10.0.2.15")] == "eth0"
    with pytest.raises(StepFailed, match="no ed25519 host key"):
        parse_facts("server-1", "cat: /etc/ssh/ssh_host_ed25519_key.pub: No such file")


def test_machine_readable_lines() -> None:
    line = "1795633754,server-1,ui,info,a%!(VAGRANT_COMMA) b\\nc\n"
    assert parse_event(line) == Event("server-1", "ui", ("info", "a, b\nc"))
    for other in ("", "\n", "warning, this, is, ruby", "1795633754,x"):
        assert parse_event(other) is None


def test_a_real_vagrant_takes_these_command_lines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without libvirt's daemon it gets as far as that, and says so."""
    if not shutil.which("vagrant"):
        pytest.skip("vagrant is not installed (tools/setup vagrant)")
    if Path("/run/libvirt/libvirt-sock").exists():
        pytest.skip("libvirt is there, and would make machines")
    monkeypatch.setenv("VAGRANT_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("VAGRANT_DEFAULT_PROVIDER", "libvirt")
    said: list[str] = []
    with pytest.raises(Refused, match="Error while connecting to Libvirt"):
        machines.up(VagrantSpec(tmp_path / "state", provider="libvirt", offline=True), said.append)
    assert "vagrant: Bringing machine 'agent-2' up with 'libvirt' provider..." in said
    record = LabRecord("lab", ("server-1", "agent-1"), None, IPv4Network("192.168.56.0/24"))
    real = Vagrant(record, LabFiles(tmp_path, "lab"))
    for ask in (real.ssh_config, lambda: real.run_in("agent-1", "true")):
        with pytest.raises(StepFailed, match=r"(?s)vagrant ssh.* exited 1: .* created "):
            ask()
