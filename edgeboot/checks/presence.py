"""What is there already: another K3s, its data, another kubelet, Docker."""

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
    """The host's K3s, if it has one, is the bundle's."""
    found, contents = subject.facts.k3s_version, subject.contents
    if contents is not None and found and found != contents.k3s_version:
        yield refuse(
            f"it runs K3s {found} and the bundle carries {contents.k3s_version}: "
            "`install` does not change versions",
            "take a bundle of the version it runs",
        )


def role(subject: Subject) -> Iterator[Complaint]:
    """The host is not a node in the other role."""
    other = "k3s-agent" if service_of(subject.node.role) == "k3s" else "k3s"
    if _known(subject.facts, other):
        yield refuse(
            f"it already runs {other}.service; a node cannot change its role in place",
            "remove that first, or give it the other role",
        )


def _known(facts: Facts, service: str) -> bool:
    unit = facts.units.get(service)
    return service_file(facts.traits.init, service) in facts.files or (
        unit is not None and unit.active == "active"
    )


def foreign(subject: Subject) -> Iterator[Complaint]:
    """No K3s of another's making is there: neither running, nor its data."""
    facts = subject.facts
    service = service_of(subject.node.role)
    unit, remains = facts.units.get(service), facts.condition.remains
    scripts = [path for path in _UNINSTALL if path in remains]
    if unit and subject.running and not unit.started_with:
        yield refuse(
            f"{service}.service was set up by something else than edgeboot",
            f"remove it first: `{scripts[0]}`" if scripts else "remove it first",
        )
    elif _DATABASE in remains and paths.TOKEN not in facts.files:
        yield refuse(
            f"{_DATABASE} holds the data of a former K3s, which knows another token",
            f"keep what you need of it, then `{scripts[0]}`"
            if scripts
            else f"keep what you need of it, then remove {paths.DATA}",
        )
    elif scripts:
        yield warn(
            f"{scripts[0]} of K3s's own installer is there: it would remove what edgeboot sets up",
            f"run it before installing, or remove it: `rm {' '.join(scripts)}`",
        )


def others(subject: Subject) -> Iterator[Complaint]:
    """No other Kubernetes is there."""
    condition = subject.facts.condition
    if condition.programs & _KUBELETS or "/var/lib/rancher/rke2" in condition.remains:
        yield refuse("another Kubernetes is on it", "remove it first, or take another host")
    elif "/etc/kubernetes/kubelet.conf" in condition.remains:
        yield warn("it was a node of another Kubernetes", "`kubeadm reset` removes what is left")


def runtimes(subject: Subject) -> Iterator[Complaint]:
    """No other container runtime takes memory."""
    programs = subject.facts.condition.programs
    found = "dockerd" if "dockerd" in programs else next(iter(programs & _RUNTIMES.keys()), None)
    if found:
        yield warn(
            f"{_RUNTIMES[found]} runs on it: K3s brings its own, so memory goes twice",
            f"`systemctl disable --now {'docker' if found == 'dockerd' else found}` if it is "
            "not needed",
        )
