"""Lab hosts and the real command, as the e2e tests use them."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from edgeboot_lab.lab import Lab
from tests.support import command
from tests.support.command import Done

# Several runs on one machine need several names, and so do the workers of one.
NAME = os.environ.get("EDGEBOOT_E2E_LAB", "e2e") + os.environ.get("PYTEST_XDIST_WORKER", "")
PASSPHRASE = "a passphrase\n"  # for the keys of documents
STANDIN_VERSION = "v1.36.2+k3s1"
# What a real K3s needs with all it brings along, and what the stand-in is told it has.
MEMORY = (2 if os.environ.get("K3S_RELEASE") else 1) << 30
_FAILING_ON_REQUEST = "{{ if .Values.fail }}{{ fail .Values.fail }}{{ end }}\n"

# What a host looks like before and after something that must not change it: every file edgeboot or
# K3s might touch, with size and time of change, and the state of the services.
_SNAPSHOT = """
find /usr/local/bin /etc/rancher /etc/systemd/system /var/lib/rancher /var/lib/edgeboot \
    -xdev -printf '%p %y %m %s %C@\\n' 2>/dev/null | grep -v ' d ' | sort
systemctl is-active k3s k3s-agent 2>/dev/null
systemctl show k3s k3s-agent -p ExecMainStartTimestampMonotonic
"""

_K3S_OWN = re.compile(
    r"/var/lib/rancher/k3s/(agent/images/\.cache\.json|(?!agent/images/|server/(manifests|static)/))"
)

_WIPE = """
for unit in k3s k3s-agent; do # one that is missing would keep the other running
    systemctl disable --quiet $unit; systemctl stop $unit
done 2>/dev/null
for left in $(pgrep -f "^(containerd|/var/lib/rancher/k3s/data/)"); do kill -9 "$left"; done
ours=' (/run/k3s|/var/lib/kubelet|/run/netns/cni-)[^ ]*'
for mount in $(grep -oE "$ours" /proc/mounts | sort -r); do
    umount -l "$mount"
done
ip link delete cni0 2>/dev/null; ip link delete flannel.1 2>/dev/null
rm -rf /etc/systemd/journald.conf.d/edgeboot.conf
rm -rf /usr/local/bin/k3s /etc/rancher /etc/systemd/system/k3s* /var/lib/rancher/* \
    /var/lib/edgeboot/* /var/lib/edgeboot/.[!.]* /var/lib/kubelet /run/k3s /run/flannel /var/lib/cni
systemctl daemon-reload
systemctl reset-failed
true
"""


@dataclass(frozen=True)
class Fleet:
    """A lab, its inventory as data, and a directory for what a test writes."""

    lab: Lab
    base: Mapping[str, Any]
    bundle: Path
    work: Path

    def inventory(self, *nodes: str, **changes: Mapping[str, Any]) -> Path:
        """An inventory of some of the hosts; ``changes`` are merged into a node's entry."""
        document: dict[str, Any] = json.loads(json.dumps(self.base))
        wanted = nodes or tuple(node["name"] for node in document["nodes"])
        document["nodes"] = [n for n in document["nodes"] if n["name"] in wanted]
        document["bundle"] = str(self.bundle)
        for node in document["nodes"]:
            node.update(changes.get(node["name"].replace("-", "_"), {}))
        path = self.work / "inventory.yml"
        path.write_text(yaml.safe_dump(document, sort_keys=False))
        return path

    def run(self, *words: str | Path, timeout: float = 600) -> Done:
        """``edgeboot`` with an own home, so that nothing of the developer's takes part."""
        return command.run(words, env=self.env, timeout=timeout)

    def install(self, inventory: Path, *words: str | Path) -> Done:
        """``edgeboot install --yes``."""
        return self.run("install", "-i", inventory, "--yes", "--timeout", "240", *words)

    def in_work(self, root: Path, release: Path, words: list[str]) -> Done:
        """A command of a document, in the fleet's directory; paths of the checkout are its own."""
        words = [str(root / w) if (root / w).exists() and "/" in w else w for w in words]
        words = self.adapted(words, release)
        if words[:2] == ["inventory", "init"]:
            words += ["--out", "init.yml", "--force"]
        return command.run(words, env=self.env, cwd=self.work, typed=PASSPHRASE)

    def adapted(self, words: list[str], release: Path) -> list[str]:
        """A command of a document with what a reader has and a test has not.

        That is a release from the Internet, hosts at their own addresses, and a person who agrees.
        """
        if words[:2] == ["inventory", "init"]:
            ssh = self.base["defaults"]["ssh"]
            hosts = [f"{ssh['user']}@{node['address']}" for node in self.base["nodes"]]
            words = [word for word in words if "@" not in word]
            words += ["--yes", "--key", str(ssh["key"]), *hosts]
        if words[:2] == ["bundle", "build"] and "--k3s-release" not in words:
            words += ["--k3s-release", str(release), "--arch", "amd64"]
        if words[0] == "install" and "--yes" not in words:
            words += ["--yes"]
        if words[0] == "verify":
            words += ["--window", "2"]
        return words

    @staticmethod
    def argv(*words: str | Path) -> list[str]:
        """The command line of edgeboot, whatever is on the PATH."""
        return [sys.executable, "-m", "edgeboot.cli.main", *map(str, words)]

    @property
    def env(self) -> dict[str, str]:
        """The developer's environment with another home."""
        return {
            **os.environ,
            "HOME": str(self.work),
            "XDG_STATE_HOME": str(self.work / "state"),
            "XDG_CACHE_HOME": str(self.work / "cache"),
            "EDGEBOOT_TRACEBACK": "1",
            "COLUMNS": "160",
        }

    def on(self, node: str, script: str, *, timeout: float = 60) -> str:
        """What a shell script prints on a host, entered without SSH and without edgeboot."""
        # kubectl keeps a cache in a home otherwise, which is nothing of edgeboot's or K3s's.
        words = ("env", "KUBECACHEDIR=/run/k3s/kubectl-of-tests", "sh", "-c", script)
        done = self.lab.host(node).exec(words, timeout=timeout)
        return done.stdout.decode()

    def snapshot(self, node: str) -> str:
        """Everything of ours on a host, and when its services were started."""
        return self.on(node, _SNAPSHOT)

    def ours(self, node: str) -> list[str]:
        """``snapshot`` without the files that a K3s at work writes by itself.

        An agent works before systemd is told so, and ``install`` does not wait for the latter.
        """
        lines = self.snapshot(node).replace("activating", "active").splitlines()
        return [line for line in lines if not _K3S_OWN.match(line)]

    def snapshots(self) -> dict[str, str]:
        """``snapshot`` of all hosts."""
        return {host.name: self.snapshot(host.name) for host in self.lab.hosts}

    def wipe(self) -> None:
        """Makes all hosts bare again, faster than a new lab."""
        for host in self.lab.hosts:
            self.on(host.name, _WIPE)

    def nodes(self) -> dict[str, bool]:
        """The cluster's nodes and whether they are Ready, from the first server itself."""
        listing = json.loads(self.on("server-1", "k3s kubectl get nodes -o json"))
        return {
            item["metadata"]["name"]: any(
                c["type"] == "Ready" and c["status"] == "True" for c in item["status"]["conditions"]
            )
            for item in listing["items"]
        }


def make_chart(where: Path, name: str) -> Path:
    chart = where / name
    (chart / "templates").mkdir(parents=True)
    (chart / "Chart.yaml").write_text(f"apiVersion: v2\nname: {name}\nversion: 1.0.0\n")
    (chart / "templates" / "check.yaml").write_text(_FAILING_ON_REQUEST)
    return chart


def build(fleet: Fleet, release: Path, name: str, more: str) -> Path:
    spec = fleet.work / f"{name}.yml"
    spec.write_text(f"name: {name}\nk3s:\n  source: {release}\n  arches: [amd64]\n{more}")
    out = fleet.work / f"{name}.tar"
    argv = fleet.argv("bundle", "build", "-f", spec, "--out", out)
    subprocess.run(argv, check=True, timeout=300, env=fleet.env)
    return out


def stable(fleet: Fleet) -> dict[str, str]:
    """Snapshots without what a running K3s writes by itself."""
    kept = (
        "/usr/local/bin/k3s ",
        "/etc/",
        "/var/lib/edgeboot/",
        "/agent/images/",
        "active",
        "Exec",
    )
    return {
        node: "\n".join(
            line
            # An agent works before systemd is told so: install does not wait for the latter.
            for line in text.replace("activating", "active").splitlines()
            if any(word in line for word in kept)
            and not any(
                w in line for w in (".cache.json", "/var/lib/edgeboot/lock", "k3s.yaml", "/node/")
            )
        )
        for node, text in fleet.snapshots().items()
    }


def refused(done: Done, *words: str, code: int = 5) -> None:
    assert done.code == code, done.all
    errors = [line for line in done.err.splitlines() if line.startswith("error: ")]
    assert errors, done.all
    for word in words:
        assert word in done.err, done.all
    assert "next: " in done.err, done.all
    assert "Traceback" not in done.all


def has_charts(release: Path) -> bool:
    """Whether the release carries the image that installs Helm charts."""
    return "klipper-helm" in (release / "k3s-images.txt").read_text()


def base_of(lab: Lab) -> dict[str, Any]:
    """A lab's inventory as data."""
    base: dict[str, Any] = yaml.safe_load(lab.inventory.read_text())
    if os.environ.get("K3S_RELEASE"):
        # What a real release needs beyond its images, or cannot run here; see docs/rungs.md.
        base["cluster"]["config"]["disable"] = os.environ.get(
            "K3S_DISABLE", "traefik,servicelb,metrics-server"
        ).split(",")
    return base
