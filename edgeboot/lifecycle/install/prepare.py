"""The steps that prepare a host for K3s: what preflight finds and edgeboot can fix.

The same functions of ``checks`` that decide what is wrong decide the steps here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from edgeboot.checks import fleet, kernel, packages
from edgeboot.checks.base import Subject
from edgeboot.components.k3s.base import url_at, url_of
from edgeboot.inventory.model import DatastoreKind, Node, Role
from edgeboot.lifecycle.cluster_state import ClusterState, settling_steps
from edgeboot.lifecycle.install.hooks import hook_steps
from edgeboot.lifecycle.install.naming import naming_steps
from edgeboot.lifecycle.joining import has_joined, is_member, join_config_of
from edgeboot.plan import paths
from edgeboot.plan.cluster import DeleteNodes, ForgetNodePasswords, Reach
from edgeboot.plan.diff import diff, leftovers
from edgeboot.plan.plan import Plan
from edgeboot.plan.resources import text
from edgeboot.plan.steps import MakeDirectory, Reboot, Run, Start, Step, Upload, Write

_PACKAGES = f"{paths.OURS}/packages"
_INSTALLING = 600.0  # seconds: a policy is compiled on the host


def subject_of(state: ClusterState, node: Node, steps: tuple[Step, ...] = ()) -> Subject:
    """A node of the state as the checks see it."""
    contents = state.bundle.contents
    return Subject(state.cluster, node, state.facts, contents, state.options, steps)


def prepare_steps(state: ClusterState, node: Node) -> tuple[Step, ...]:
    """The steps on a host before K3s can run on it; a reboot comes last."""
    subject = subject_of(state, node)
    reasons: list[str] = []
    steps = (
        *hook_steps(state, node, ("prepare", False)),
        *_host_steps(state, node),
        *_package_steps(state, subject),
        *_module_steps(subject),
        *_inotify_steps(subject),
        *_hostname_steps(subject),
        *_machine_id_steps(subject, reasons),
        *_boot_steps(subject, reasons),
    )
    if not reasons:
        return steps
    return (*steps, Reboot(subject.facts.condition.boot_id, ", ".join(reasons)))


def _host_steps(state: ClusterState, node: Node) -> tuple[Step, ...]:
    wanted, facts = state.host_resources(node), state.facts[node.name]
    return (*leftovers(wanted, facts, paths.HOST_FILES), *diff(wanted, facts))


def _package_steps(state: ClusterState, subject: Subject) -> Iterator[Step]:
    """Packages in the bundle that the host needs, as long as what they fix is missing."""
    for items in (
        packages.of_selinux(subject) if packages.needs_selinux_policy(subject) else (),
        packages.of_kernel(subject) if kernel.missing_modules(subject) else (),
    ):
        if not items:
            continue
        names = tuple(f"{_PACKAGES}/{item.name}" for item in items)
        yield MakeDirectory(_PACKAGES, 0o700)
        for item, path in zip(items, names, strict=True):
            yield Upload(path, state.bundle.blob_source(item.blob), 0o600, replaces=False)
        listed = ", ".join(item.name for item in items)
        yield Run("package", names, f"install {listed}", deadline=_INSTALLING)


def _module_steps(subject: Subject) -> Iterator[Step]:
    names = kernel.modules_to_load(subject)
    if not names:
        return
    keep = "".join(f"{name}\n" for name in kernel.modules_to_keep(subject))
    yield MakeDirectory(paths.MODULES.rpartition("/")[0], 0o755)
    yield Write(paths.MODULES, text(keep), 0o644, replaces=False)
    yield Run("modules", names, f"load kernel modules {', '.join(names)}")


def _inotify_steps(subject: Subject) -> Iterator[Step]:
    wanted = kernel.wanted_instances(subject)
    if wanted is None:
        return
    name = "fs.inotify.max_user_instances"
    yield MakeDirectory(paths.INOTIFY.rpartition("/")[0], 0o755)
    yield Write(paths.INOTIFY, text(f"{name} = {wanted}\n"), 0o644, replaces=False)
    yield Run("kernel-setting", (name, str(wanted)), f"set {name} to {wanted}")


def _hostname_steps(subject: Subject) -> Iterator[Step]:
    if fleet.hostname_twin(subject) and not subject.running:
        name, old = subject.node.name, subject.facts.traits.hostname
        yield Run("hostname", (name,), f"set the hostname to {name} (was {old})")


def _machine_id_steps(subject: Subject, reasons: list[str]) -> Iterator[Step]:
    twin = fleet.machine_id_twin(subject)
    if twin and not subject.running:
        reasons.append("new machine-id")
        own = subject.facts.traits.machine_id
        yield Run("machine-id", (own,), f"write a new machine-id (it has the same as {twin})")


def _boot_steps(subject: Subject, reasons: list[str]) -> Iterator[Step]:
    file, line = subject.facts.condition.boot_file, kernel.boot_line(subject)
    if file is None or line is None or not kernel.needs_reboot_for_cgroups(subject):
        return
    reasons.append("cgroup controllers")
    if line != file.line:
        yield Run(
            "boot-line",
            (file.path, hashlib.sha256(file.content).hexdigest(), line),
            f"change {file.path} (backup: {file.path}.edgeboot-backup)",
            shown=(f"-{file.line}", f"+{line}"),
        )


def rebooted(plan: Plan) -> frozenset[str]:
    """The nodes that a plan reboots."""
    return frozenset(node for node, step in plan.steps if isinstance(step, Reboot))


def joining_steps(state: ClusterState, node: Node) -> tuple[Step, ...]:
    """A node's steps; before it is started to join, the API it joins must answer."""
    steps = settling_steps(state, node)
    named = naming_steps(state.facts[node.name], state.cluster.name, changes=bool(steps))
    steps = (*named, *steps)
    url = join_config_of(state.cluster, node, state.facts).url
    starts = any(isinstance(step, Start) for step in steps)
    facts = state.facts[node.name]
    if url is None or not starts or is_member(facts) or has_joined(facts):
        return steps
    servers = state.cluster.every_server
    there = next((s.name for s in servers if url_of(s) == url), "the servers")
    hint = (
        f"open 6443/tcp on {there} to this host (and 10250/tcp, 8472/udp between all nodes"
        f"{', 2379-2380/tcp between servers' if node.role is Role.SERVER else ''}), or "
        "correct the server's `node-ip`; then rerun"
    )
    if url == (state.cluster.vip and url_at(state.cluster.vip)):
        hint = f"check that {state.cluster.vip} routes to the servers; {hint}"
    return (Reach(url, hint), *steps)


def forgetting_steps(state: ClusterState, _server: Node) -> tuple[Step, ...]:
    """On a server: make the cluster forget nodes that are to rejoin.

    That is the password of an agent; of a server its Node object, and with it its etcd member.
    """
    if not state.options.forget_node_passwords:
        return ()
    names = reimaged(state)
    servers = tuple(n.name for n in state.cluster.servers if n.name in names)
    agents = tuple(name for name in names if name not in servers)
    return (
        *((DeleteNodes(servers),) if servers else ()),
        *((ForgetNodePasswords(agents),) if agents else ()),
    )


def reimaged(state: ClusterState) -> tuple[str, ...]:
    """Nodes that have not joined, if the cluster has been up and may know others by their names.

    Whether they have a password says nothing: K3s makes a new one before it is rejected.
    """
    lead = state.lead
    if state.facts[lead.name].node_token is None:
        return ()
    etcd = state.cluster.datastore.kind is DatastoreKind.ETCD
    servers = [s for s in state.cluster.servers if etcd and not is_member(state.facts[s.name])]
    agents = [agent for agent in state.cluster.agents if not has_joined(state.facts[agent.name])]
    taking_part = (n for n in (*servers, *agents) if n.name not in state.read_only)
    return tuple(n.name for n in taking_part if n != lead)
