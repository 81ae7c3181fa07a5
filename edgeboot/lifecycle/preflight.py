"""What speaks against installing on hosts: a table of checks, pure, before anything is written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from edgeboot.bundle.format.contents import Contents
from edgeboot.checks import (
    components,
    datastore,
    fleet,
    kernel,
    machine,
    network,
    packages,
    presence,
    settings,
    storage,
)
from edgeboot.checks.base import Check, Subject
from edgeboot.engine.fleet import WORKERS, FleetError, on_all
from edgeboot.engine.observe import observe
from edgeboot.errors import EdgebootError, Refused
from edgeboot.inventory.model import Cluster
from edgeboot.lifecycle.targets import targets_of
from edgeboot.plan.facts import Facts
from edgeboot.plan.findings import Finding, Severity
from edgeboot.plan.options import InstallOptions
from edgeboot.plan.steps import Step
from edgeboot.transport.base import Transport

CHECKS = (
    Check("preflight.arch", "architecture", "K3s has no binary for it", machine.arch),
    Check("preflight.binary", "binary", "the service never starts", machine.binary),
    Check(
        "preflight.userland",
        "64-bit system",
        "host programs and K3s disagree about what they call",
        machine.userland,
    ),
    Check("preflight.page-size", "page size", "containers crash", machine.page_size),
    Check(
        "preflight.memory",
        "memory",
        "K3s thrashes or is killed",
        machine.memory,
        allowable=True,
    ),
    Check("preflight.cpu", "processors", "the API is slow", machine.processors),
    Check("preflight.power", "power supply", "cards and files get damaged", machine.power),
    Check("preflight.heat", "temperature", "it is slowed down", machine.heat),
    Check("preflight.init", "init system", "no service can be set up", kernel.init),
    Check("preflight.cgroup", "cgroup controllers", "the kubelet does not start", kernel.cgroup),
    Check("preflight.cgroup-v1", "cgroup version", "the kubelet does not start", kernel.cgroup_v1),
    Check("preflight.modules", "kernel modules", "pods have no network", kernel.modules),
    Check("preflight.iptables", "iptables", "rules pile up until it stands", kernel.iptables),
    Check("preflight.swap", "swap", "cards wear out, limits are blurred", kernel.swap),
    Check(
        "preflight.disk",
        "disk space",
        "an upload or the import of images fails half-way",
        storage.room,
        allowable=True,
    ),
    Check("preflight.read-only", "writable", "nothing can be installed", storage.writable),
    Check("preflight.medium", "kind of disk", "the database is slow and wears it", storage.medium),
    Check(
        "preflight.datastore",
        "datastore",
        "the cluster is empty, or the setting is ignored",
        datastore.datastore,
    ),
    Check("preflight.etcd", "servers of etcd", "a failure stops the cluster", datastore.servers),
    Check("preflight.ports", "ports", "K3s does not start", network.ports),
    Check("preflight.route", "default route", "K3s finds no address", network.default_route),
    Check("preflight.dns", "name servers", "pods resolve no names", network.dns),
    Check("preflight.firewall", "firewall", "agents do not join", network.firewall),
    Check("preflight.bundle", "bundle", "what is wanted never gets there", components.bundle),
    Check(
        "preflight.neighbours", "neighbours", "pods do not reach others", components.same_network
    ),
    Check(
        "preflight.flannel-change",
        "flannel backend",
        "pods do not reach each other until all hosts are booted",
        components.backend_change,
        allowable=True,
    ),
    Check(
        "preflight.encryption",
        "encryption of Secrets",
        "the API does not start, or Secrets stay readable",
        components.encryption,
    ),
    Check(
        "preflight.registry",
        "shared images",
        "nodes give nobody images",
        components.embedded_registry,
    ),
    Check("preflight.version", "K3s version", "versions must not jump", presence.version),
    Check("preflight.role", "role", "two K3s on one host", presence.role),
    Check("preflight.foreign", "another's K3s", "its data and token differ", presence.foreign),
    Check(
        "preflight.kubernetes",
        "other Kubernetes",
        "two kubelets fight for the host",
        presence.others,
        allowable=True,
    ),
    Check("preflight.runtime", "other containers", "memory is used twice", presence.runtimes),
    Check(
        "preflight.clock",
        "clock",
        "certificates are not valid yet, or no longer",
        fleet.clock,
        allowable=True,
    ),
    Check("preflight.hostname", "hostname", "people take one for the other", fleet.hostname),
    Check("preflight.machine-id", "machine-id", "both get one DHCP lease", fleet.machine_id),
    Check("preflight.board", "board", "settings for another one", settings.board),
    Check("preflight.addresses", "addresses", "it is known by another one", settings.addresses),
    Check("preflight.storage", "disk for data", "a card wears out, or data hide", settings.storage),
    Check("preflight.time", "time servers", "its clock drifts", settings.time),
    Check("preflight.files", "files", "they cannot be placed", settings.files),
    Check("preflight.wifi", "Wi-Fi", "heartbeats get lost", settings.power_save),
    Check("preflight.selinux", "SELinux", "K3s is not allowed to run", packages.selinux),
)
ALLOWABLE = tuple(check.id for check in CHECKS if check.allowable)


def findings(subject: Subject) -> tuple[Finding, ...]:
    """Everything that speaks against a host, or should be known of it."""
    return tuple(found for check in CHECKS for found in check.findings(subject))


def refusals(
    found: Mapping[str, tuple[Finding, ...]], so_far: str = "nothing was changed on any host"
) -> dict[str, EdgebootError]:
    """An error for each node that is refused, which names all reasons and their mends."""
    errors: dict[str, EdgebootError] = {}
    for node, some in found.items():
        refused = [one for one in some if one.severity is Severity.REFUSE]
        if refused:
            errors[node] = Refused(
                "; ".join(f"{one.what} [{one.id}]" for one in refused),
                error_id="preflight",
                where=node,
                hint="; ".join((*(one.mend for one in refused), so_far)),
            )
    return errors


@dataclass(frozen=True)
class Preflight:
    """How hosts fared: findings by node, empty where all is well."""

    findings: Mapping[str, tuple[Finding, ...]]

    @property
    def exit_code(self) -> int:
        """5 where a host is refused, else 6 where something could not be checked, else 0."""
        seen = {one.severity for some in self.findings.values() for one in some}
        return 5 if Severity.REFUSE in seen else 6 if Severity.UNKNOWN in seen else 0


def observe_all(
    cluster: Cluster, transports: Mapping[str, Transport], *, workers: int = WORKERS
) -> dict[str, Facts]:
    """The facts of all hosts, read only; ``FleetError`` where one cannot be read."""
    targets = targets_of(cluster)
    facts, errors = on_all(
        transports,
        lambda name: observe(transports[name], targets.get(name, ())),
        workers=workers,
    )
    if errors:
        raise FleetError(errors)
    return facts


def examine(
    cluster: Cluster,
    facts: Mapping[str, Facts],
    contents: Contents | None,
    options: InstallOptions,
    steps: Mapping[str, tuple[Step, ...]],
) -> dict[str, tuple[Finding, ...]]:
    """The findings of all observed nodes; ``steps`` are what is planned for each."""
    return {
        node.name: findings(
            Subject(cluster, node, facts, contents, options, steps.get(node.name, ()))
        )
        for node in cluster.nodes
        if node.name in facts
    }
