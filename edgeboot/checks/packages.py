"""Packages in the bundle that a host may need: extra kernel modules, K3s's SELinux policy.

They are plain ``files`` of a bundle, under the names that their distributions give them.
"""

from __future__ import annotations

from collections.abc import Iterator

from edgeboot.bundle.format.contents import Item, Role
from edgeboot.checks.base import Complaint, Subject, fixable, refuse, warn


def of_kernel(subject: Subject) -> tuple[Item, ...]:
    """The packages with extra modules for the running kernel."""
    kernel = subject.facts.traits.kernel
    names = (f"linux-modules-extra-{kernel}_", f"kernel-modules-extra-{kernel}.rpm")
    return _items(subject, *names) if kernel else ()


def of_selinux(subject: Subject) -> tuple[Item, ...]:
    """K3s's policy, after the container policy that it builds on if the bundle has it."""
    policy = _items(subject, "k3s-selinux-")
    return (*_items(subject, "container-selinux-"), *policy) if policy else ()


def _items(subject: Subject, *prefixes: str) -> tuple[Item, ...]:
    if subject.contents is None:
        return ()
    kinds = tuple(f".{k}" for k in ("deb", "rpm") if {"deb": "dpkg"}.get(k, k) in _tools(subject))
    return tuple(
        item
        for item in subject.contents.of(Role.FILE)
        if item.name.startswith(prefixes) and kinds and item.name.endswith(kinds)
    )


def _tools(subject: Subject) -> frozenset[str]:
    return subject.facts.traits.has


def needs_selinux_policy(subject: Subject) -> bool:
    """Whether SELinux is on without K3s's policy."""
    return bool(subject.facts.condition.selinux) and not subject.facts.condition.selinux_policy


def selinux(subject: Subject) -> Iterator[Complaint]:
    """Where SELinux is on, K3s's policy is installed (K3s, installation/airgap)."""
    if not needs_selinux_policy(subject):
        return
    mode = subject.facts.condition.selinux
    what = f"SELinux is {mode}, but K3s's SELinux policy is not installed"
    found = of_selinux(subject)
    if found:
        names = ", ".join(item.name for item in found)
        yield fixable(what, f"install {names} from the bundle")
        return
    fix = (
        "add the k3s-selinux RPM for its system (and container-selinux, if missing) to `files` in "
        "bundle.yml, or install it by hand"
    )
    yield refuse(what, fix) if mode == "enforcing" else warn(what, fix)
