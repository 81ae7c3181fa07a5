"""The profile ``cis``, and the audit log. Source: K3s docs/security/hardening-guide.

Network policies are not part of it: only the owner of a workload knows what it connects to.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from edgeboot.components.context import Context
from edgeboot.components.heading import HEAD
from edgeboot.inventory.cluster.security import Audit
from edgeboot.inventory.model import Cluster, ConfigValue, Node, Role
from edgeboot.plan import paths
from edgeboot.plan.resources import Directory, File, Resource, text

POLICY = f"{paths.COMPONENTS}/audit.yaml"
ADMISSION = f"{paths.COMPONENTS}/admission.yaml"
LOG = f"{paths.AUDIT_LOGS}/audit.log"

# With `protect-kernel-defaults` the kubelet exits unless it finds these settings.
_SYSCTL = {
    "vm.panic_on_oom": 0,
    "vm.overcommit_memory": 1,
    "kernel.panic": 10,
    "kernel.panic_on_oops": 1,
}
_KUBELET = ("streaming-connection-idle-timeout=5m", "pod-max-pids=4096")
_API = (
    f"admission-control-config-file={ADMISSION}",
    "enable-admission-plugins=NodeRestriction,EventRateLimit",
    "service-account-extend-token-expiration=false",
)
_CONTROLLER = ("terminated-pod-gc-threshold=10",)


def is_hardened(node: Node) -> bool:
    """Whether a node has the profile."""
    return "cis" in node.profiles


def audit_of(cluster: Cluster, node: Node) -> Audit | None:
    """A server's audit log settings; the profile enables the log too."""
    if node.role is not Role.SERVER:
        return None
    return cluster.components.audit or (Audit() if is_hardened(node) else None)


def hardening(context: Context) -> Iterator[Resource]:
    """The files that K3s's arguments refer to, and the kernel settings."""
    cluster, node, service = context.cluster, context.node, context.service
    audit = audit_of(cluster, node)
    if audit is not None or (is_hardened(node) and node.role is Role.SERVER):
        yield Directory(paths.COMPONENTS, 0o700)
    if audit is not None:
        yield Directory(paths.AUDIT_LOGS, 0o700)
        yield File(POLICY, text(audit.policy or _policy(audit)), 0o600, restarts=service)
    if not is_hardened(node):
        return
    if node.role is Role.SERVER:
        yield File(ADMISSION, text(_admission()), 0o600, restarts=service)
    lines = "".join(f"{key} = {value}\n" for key, value in _SYSCTL.items())
    yield File(paths.SYSCTL, text(HEAD + lines), 0o644, restarts=service)


def config(cluster: Cluster, node: Node) -> dict[str, ConfigValue]:
    """K3s's keys; lists are appended to existing ones."""
    found: dict[str, ConfigValue] = {}
    audit = audit_of(cluster, node)
    api: tuple[str, ...] = ()
    if audit is not None:
        api = (
            f"audit-policy-file={POLICY}",
            f"audit-log-path={LOG}",
            f"audit-log-maxage={audit.max_age}",
            f"audit-log-maxbackup={audit.max_backup}",
            f"audit-log-maxsize={audit.max_size}",
        )
    if is_hardened(node):
        found |= {"protect-kernel-defaults": True, "kubelet-arg": _KUBELET}
        if node.role is Role.SERVER:
            api = (*_API, *api)
            found["kube-controller-manager-arg"] = _CONTROLLER
    if api:
        found["kube-apiserver-arg"] = api
    return found


def _policy(audit: Audit) -> str:
    document = {
        "apiVersion": "audit.k8s.io/v1",
        "kind": "Policy",
        # The first stage of a request says nothing that the later one does not.
        "omitStages": ["RequestReceived"],
        "rules": [
            # Their bodies contain secrets, which must not be logged.
            {"level": "Metadata", "resources": [{"group": "", "resources": ["secrets"]}]},
            {"level": audit.level},
        ],
    }
    return HEAD + json.dumps(document, indent=2) + "\n"


def _admission() -> str:
    """Pod Security at the level "restricted" except in kube-system, and a rate limit for events."""
    security = {
        "apiVersion": "pod-security.admission.config.k8s.io/v1",
        "kind": "PodSecurityConfiguration",
        "defaults": {
            f"{mode}{suffix}": value
            for mode in ("enforce", "audit", "warn")
            for suffix, value in (("", "restricted"), ("-version", "latest"))
        },
        "exemptions": {"usernames": [], "runtimeClasses": [], "namespaces": ["kube-system"]},
    }
    events = {
        "apiVersion": "eventratelimit.admission.k8s.io/v1alpha1",
        "kind": "Configuration",
        "limits": [{"type": "Server", "qps": 5000, "burst": 20000}],
    }
    document = {
        "apiVersion": "apiserver.config.k8s.io/v1",
        "kind": "AdmissionConfiguration",
        "plugins": [
            {"name": "PodSecurity", "configuration": security},
            {"name": "EventRateLimit", "configuration": events},
        ],
    }
    return HEAD + json.dumps(document, indent=2) + "\n"
