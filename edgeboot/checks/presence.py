"""What the host runs already: another K3s, its data, another kubelet, Docker."""

from __future__ import annotations

from collections.abc import Iterator

from edgeboot.checks.base import Complaint, Subject, refuse, warn
from edgeboot.components.context import service_of
from edgeboot.components.k3s.unit import service_file
from edgeboot.plan import paths
from edgeboot.plan.facts import Facts

_DATABASE = f"{paths.SERVER}/db"
_UNINSTALL = ("/usr/local/bin/k3s-uninstall.sh", "/usr/local/bin/k3s-agent-uninstall.sh")
_KUBELETS = frozenset({"kubelet", "kubelite"})
_RUNTIMES = {"dockerd": "Docker", "containerd": "containerd", "crio": "CRI-O"}


def version(subject: Subject) -> Iterator[Complaint]:
    """The host's K3s, if any, has the bundle's version."""
    found, contents = subject.facts.k3s_version, subject.contents
    if contents is not None and found and found != contents.k3s_version:
        yield refuse(
            f"it runs K3s {found}, but the bundle has {contents.k3s_version}: `install` does not "
            "upgrade or downgrade",
            f"use a bundle with K3s {found}",
        )


def role(subject: Subject) -> Iterator[Complaint]:
    """The host is not a node in the other role."""
    other = "k3s-agent" if service_of(subject.node.role) == "k3s" else "k3s"
    if _known(subject.facts, other):
        yield refuse(
            f"it already runs {other}.service; a node cannot change its role in place",
            "run `edgeboot reset` for this node first, or give it the other role",
        )


def _known(facts: Facts, service: str) -> bool:
    unit = facts.units.get(service)
    return service_file(facts.traits.init, service) in facts.files or (
        unit is not None and unit.active == "active"
    )


def foreign(subject: Subject) -> Iterator[Complaint]:
    """No K3s that edgeboot did not install is there, neither running nor its data."""
    facts = subject.facts
    service = service_of(subject.node.role)
    unit, remains = facts.units.get(service), facts.condition.remains
    scripts = [path for path in _UNINSTALL if path in remains]
    if unit and subject.running and not unit.started_with:
        yield refuse(
            f"{service}.service was not installed by edgeboot",
            f"uninstall it first: `{scripts[0]}`" if scripts else "uninstall it first",
        )
    elif _DATABASE in remains and paths.TOKEN not in facts.files:
        yield refuse(
            f"{_DATABASE} has the data of an earlier K3s with another token",
            f"back up what you need, then run `{scripts[0]}`"
            if scripts
            else f"back up what you need, then remove {paths.DATA}",
        )
    elif scripts:
        yield warn(
            f"it has {scripts[0]} of K3s's own installer, which removes what edgeboot installs",
            f"run it before installing, or delete it: `rm {' '.join(scripts)}`",
        )


def others(subject: Subject) -> Iterator[Complaint]:
    """The host is not part of another Kubernetes."""
    condition = subject.facts.condition
    if condition.programs & _KUBELETS or "/var/lib/rancher/rke2" in condition.remains:
        yield refuse("it runs another Kubernetes", "remove it first, or use another host")
    elif "/etc/kubernetes/kubelet.conf" in condition.remains:
        yield warn(
            "it was a node of another Kubernetes", "remove what is left with `kubeadm reset`"
        )


def runtimes(subject: Subject) -> Iterator[Complaint]:
    """No other container runtime uses memory."""
    programs = subject.facts.condition.programs
    found = "dockerd" if "dockerd" in programs else next(iter(programs & _RUNTIMES.keys()), None)
    if found:
        yield warn(
            f"it runs {_RUNTIMES[found]}, which uses memory beside K3s's own containerd",
            f"if you do not need it: `systemctl disable --now "
            f"{'docker' if found == 'dockerd' else found}`",
        )
