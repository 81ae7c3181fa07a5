"""Files of other programs, and the user's own."""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

from click.testing import CliRunner

from edgeboot.bundle.build import spec
from edgeboot.bundle.build.lock import Lock, Pin
from edgeboot.bundle.build.lock import read as read_lock
from edgeboot.cli.inventory.imports import import_
from edgeboot.inventory.load import load as load_inventory
from edgeboot.report.verification.document import read_verification, verification_json
from edgeboot.transport.ssh.host_keys import known_hosts
from edgeboot.yaml import foreign, verbatim
from tests.support.fuzz.running import Target
from tests.support.verification import FOUND

_ROOT = Path(__file__).parents[4]
_INVENTORIES = tuple(path.read_bytes() for path in sorted(_ROOT.glob("inventories/*.yml")))
_SPECS = tuple(path.read_bytes() for path in sorted(_ROOT.glob("bundles/*.yml")))
_INI = b"""\
pi-9 ansible_host=192.0.2.19
[server]
pi-1 ansible_host=192.0.2.11 ansible_user=pi
[agent]
pi-[2:4].lab ansible_port=2222
192.0.2.7:2200
[k3s_cluster:children]
server
agent
[k3s_cluster:vars]
k3s_version=v1.36.2+k3s1
extra_server_args="--disable traefik --tls-san {{ api_endpoint }}"
ansible_ssh_common_args='-o ProxyJump=me@gate'
"""
_ANSIBLE = b"""\
k3s_cluster:
  children:
    server: {hosts: {192.0.2.11: {ansible_user: pi}}}
    agent: {hosts: {"pi-[2:3]": {}, pi-9: {ansible_host: "{{ base }}.9"}}}
  vars:
    base: 192.0.2
    token: !vault |
      $ANSIBLE_VAULT;1.1;AES256
      6162
    server_config_yaml: |
      cluster-cidr: 10.52.0.0/16
    extra_agent_args: --node-label disk=ssd
"""
_K0SCTL = b"""\
apiVersion: k0sctl.k0sproject.io/v1beta1
kind: Cluster
metadata: {name: edge}
spec:
  hosts:
  - role: controller+worker
    ssh: {address: 192.0.2.11, port: 22, keyPath: ~/.ssh/id, bastion: {address: 192.0.2.1}}
  - role: worker
    ssh: {address: 192.0.2.12, user: pi}
"""
_SSH = b"""\
Include other
Host pi-* !pi-9
  HostName %h.lab
  User pi # here
  ProxyJump me@gate:22
Match host pi-1 exec "true"
  Port 2222
Match final all
  IdentityFile ~/.ssh/id
"""


def _with_file(name: str, run: Callable[[Path], object]) -> Callable[[bytes], None]:
    """A target that reads a file called ``name``, in a directory of its own."""

    def target(data: bytes) -> None:
        with tempfile.TemporaryDirectory() as directory:
            path = Path(directory) / name
            path.write_bytes(data)
            run(path)

    return target


def _imported(kind: str) -> Callable[[Path], object]:
    def run(path: Path) -> None:
        out = path.with_name("out.yml")
        words = [str(path), "--from", kind, "--out", str(out), "--host", "*"]
        with open(os.devnull, "w") as nowhere, contextlib.redirect_stderr(nowhere):
            result = CliRunner().invoke(
                import_, words if kind == "ssh-config" else words[:-2], standalone_mode=False
            )
        if result.exception is not None:
            raise result.exception

    return run


def _yaml(data: bytes) -> None:
    foreign.parse_all(data)


def _verbatim(data: bytes) -> None:
    document = verbatim.parse(data)
    if document is not None:
        once = verbatim.dump(document)
        assert verbatim.dump(verbatim.parse(once)) == once


def _report(data: bytes) -> None:
    read_verification(data.decode("utf-8", "replace"), "report.json")


_LOCK = Lock({("k3s", "k3s"): Pin("stable", {"version": "v1.36.2+k3s1"})}).encode()
_KNOWN = b"""\
pi-1,192.0.2.11 ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGEYnQyYvYtOYhEfWTpJ5z0Cwzq8TQ0x1CNTkQBHbCqC
[pi-2]:2222 ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGEYnQyYvYtOYhEfWTpJ5z0Cwzq8TQ0x1CNTkQBHbCqC
|1|F1E1KeoE/eEWhi10WpGv4OdiO6Y=|3988QV0VE8wmZL7suNrYQLITLCg= ssh-rsa AAAAB3NzaC1yc2E=
@revoked * ssh-ed25519 AAAA
"""
TARGETS = (
    Target("inventory", _with_file("inventory.yml", load_inventory), _INVENTORIES),
    Target("bundle-spec", _with_file("bundle.yml", spec.load), _SPECS),
    Target("bundle-lock", _with_file("bundle.lock.yml", read_lock), (_LOCK,)),
    Target("ansible-ini", _with_file("hosts.ini", _imported("k3s-ansible")), (_INI,)),
    Target("ansible-yaml", _with_file("hosts.yml", _imported("k3s-ansible")), (_ANSIBLE,)),
    Target("k0sctl", _with_file("k0sctl.yaml", _imported("k0sctl")), (_K0SCTL,)),
    Target("ssh-config", _with_file("config", _imported("ssh-config")), (_SSH,), hermetic=False),
    Target("foreign-yaml", _yaml, (*_SPECS, _ANSIBLE, _K0SCTL), (ValueError,)),
    Target("verbatim-yaml", _verbatim, (_K0SCTL,), (ValueError,)),
    Target("report", _report, (json.dumps(verification_json(FOUND)).encode(),)),
    Target("known-hosts", _with_file("known_hosts", lambda p: known_hosts.read([p])), (_KNOWN,)),
)
