"""The Vagrantfile, read by a real Vagrant with both providers' plugins; nothing is booted.

``vagrant validate`` looks only at the active provider's block. Vagrant asks VirtualBox for its
version before it takes that provider, so a script that answers this one question stands in for it.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from edgeboot_lab.vagrant import machines

PACKAGED = Path(machines.__file__).with_name("Vagrantfile")
TOP = Path(__file__).parents[2] / "Vagrantfile"
PROVIDERS = ("virtualbox", "libvirt")

# What Vagrant makes of the file: for each machine, what a provider would be told.
SHOW = """
require "vagrant"
require "json"
env = Vagrant::Environment.new(ui_class: Vagrant::UI::Silent)
puts JSON.generate(env.machine_names.to_h { |name|
  machine = env.machine(name, ENV["VAGRANT_DEFAULT_PROVIDER"].to_sym)
  vm, provider = machine.config.vm, machine.provider_config
  virtualbox = provider.respond_to?(:customizations)
  [name, {
    box: vm.box,
    host: vm.hostname,
    networks: vm.networks.map { |kind, options| [kind, options] },
    provisioners: vm.provisioners.map { |one| [one.type, one.config.path, one.config.args] },
    shared: vm.synced_folders.values.reject { |folder| folder[:disabled] },
    memory: virtualbox ? provider.customizations.map(&:last) : provider.memory,
    label: virtualbox ? provider.name : provider.default_prefix,
    management: virtualbox ? nil : provider.management_network_mode,
  }]
})
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Vagrant's own directory, and a PATH with something that answers for VirtualBox."""
    if not shutil.which("vagrant"):
        pytest.skip("vagrant is not installed (tools/setup vagrant)")
    home = tmp_path_factory.mktemp("vagrant")
    script = home / "bin" / "VBoxManage"
    script.parent.mkdir()
    script.write_text("#!/bin/sh\necho 7.0.20r163906\n")
    script.chmod(0o755)
    return home


def run(
    home: Path, provider: str, file: Path, *argv: str, **settings: str
) -> subprocess.CompletedProcess[str]:
    """Run a command that reads ``file`` as its Vagrantfile."""
    given = {key: value for key, value in os.environ.items() if not key.startswith("EDGEBOOT_")}
    environment = {
        **given,
        "PATH": f"{home / 'bin'}:{os.environ['PATH']}",
        "VAGRANT_HOME": str(home / "home"),
        "VAGRANT_DOTFILE_PATH": str(home / "dot"),
        "VAGRANT_CWD": str(file.parent),
        "VAGRANT_DEFAULT_PROVIDER": provider,
        "VAGRANT_CHECKPOINT_DISABLE": "1",
        **settings,
    }
    return subprocess.run(
        argv, env=environment, capture_output=True, text=True, timeout=60, check=False
    )


def shown(home: Path, provider: str, **settings: str) -> dict[str, dict[str, Any]]:
    """The machines Vagrant makes of the file at the top."""
    done = run(home, provider, TOP, "ruby", "-e", SHOW, **settings)
    assert done.returncode == 0, done.stderr
    machines: dict[str, dict[str, Any]] = json.loads(done.stdout)
    return machines


def test_every_setting_is_in_the_documents() -> None:
    settings = set(re.findall(r"EDGEBOOT_LAB_[A-Z_]+", PACKAGED.read_text()))
    assert len(settings) == 7
    document = (TOP.parent / "docs" / "lab.md").read_text()
    assert settings == set(re.findall(r"EDGEBOOT_LAB_[A-Z_]+", document))


@pytest.mark.parametrize("provider", PROVIDERS)
def test_vagrant_finds_the_file_valid(home: Path, provider: str) -> None:
    done = run(home, provider, TOP, "vagrant", "validate", EDGEBOOT_LAB_OFFLINE="1")
    assert (done.returncode, done.stderr) == (0, "")
    assert "validated successfully" in done.stdout


@pytest.mark.parametrize("provider", PROVIDERS)
def test_that_verdict_covers_the_providers_own_settings(
    home: Path, provider: str, tmp_path: Path
) -> None:
    begin = f"node.vm.provider :{provider} do |machine|"
    text = PACKAGED.read_text()
    assert begin in text
    (tmp_path / "Vagrantfile").write_text(text.replace(begin, f"{begin}\n machine.memroy = 1"))
    done = run(home, provider, tmp_path / "Vagrantfile", "vagrant", "validate")
    assert done.returncode != 0
    assert "memroy" in done.stderr


def test_a_server_and_two_agents_bare_and_as_small_as_boards(home: Path) -> None:
    machines = shown(home, "virtualbox")
    assert list(machines) == ["server-1", "agent-1", "agent-2"]
    for index, (name, machine) in enumerate(machines.items()):
        memory = "1024" if name == "server-1" else "512"
        assert ["modifyvm", "id", "--memory", memory] in machine["memory"]
        assert machine["label"] == f"edgeboot-lab-lab-{name}"
        assert (machine["box"], machine["host"]) == ("debian/bookworm64", name)
        assert machine["provisioners"] == machine["shared"] == []
        kinds = dict(machine["networks"])
        assert kinds["private_network"]["ip"] == f"192.168.56.{11 + index}"
        assert set(kinds) == {"private_network", "forwarded_port"}
        assert kinds["forwarded_port"]["host_ip"] == "127.0.0.1"


def test_settings_from_the_environment_and_offline(home: Path) -> None:
    machines = shown(
        home,
        "libvirt",
        EDGEBOOT_LAB_NAME="pair",
        EDGEBOOT_LAB_AGENTS="1",
        EDGEBOOT_LAB_SERVER_MEMORY="2048",
        EDGEBOOT_LAB_AGENT_MEMORY="256",
        EDGEBOOT_LAB_SUBNET="192.168.60",
        EDGEBOOT_LAB_OFFLINE="1",
        EDGEBOOT_LAB_BOX="own/box",
    )
    assert {name: machine["memory"] for name, machine in machines.items()} == {
        "server-1": 2048,
        "agent-1": 256,
    }
    for machine in machines.values():
        assert (machine["box"], machine["label"]) == ("own/box", "edgeboot-lab-pair-")
        network = dict(machine["networks"])["private_network"]
        assert network["ip"].startswith("192.168.60.")
        assert network["libvirt__forward_mode"] == machine["management"] == "none"
        offline = str(PACKAGED.with_name("offline.sh"))
        assert machine["provisioners"] == [["shell", offline, ["192.168.60.1"]]]


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("EDGEBOOT_LAB_AGENTS", "two"),
        ("EDGEBOOT_LAB_SUBNET", "192.168.56.0/24"),
    ],
)
def test_a_setting_that_cannot_be_is_named(home: Path, setting: str, value: str) -> None:
    done = run(home, "libvirt", TOP, "vagrant", "validate", **{setting: value})
    assert done.returncode != 0
    assert setting in done.stderr
    assert value in done.stderr
