"""What to do about a failed check whose own message does not say. Pure."""

from __future__ import annotations

from dataclasses import replace

from edgeboot.verify.results import CLUSTER, CheckResult, Outcome

_HINTS = {
    "service": "run `edgeboot install`, which starts it",
    "version": "run `edgeboot plan` to see what an install would change",
    "file": "run `edgeboot install`, which restores it",
    "image": "run `edgeboot install`, which imports it",
    "secrets": "run `edgeboot ssh {node} sudo chmod o-r FILE` for each",
    "certificates": "run `edgeboot ssh {node} sudo systemctl restart {service}`",
    "kernel": "run `edgeboot install`, or `edgeboot preflight` to see what the kernel lacks",
    "api": "run `edgeboot status`, which names the cause",
    "identity": "run `edgeboot plan`, which says what to do",
    "other_nodes": "run `edgeboot plan`, which says what to do",
    "node_ready": "run `edgeboot status`, which names the cause",
    "node_version": "restart its service, {service}",
    "etcd_voter": "wait until it has copied the data; `edgeboot status` shows its progress",
    "workload": "run `edgeboot ssh {server} sudo k3s kubectl -n {namespace} describe {name}`",
    "chart": "run `edgeboot ssh {server} sudo k3s kubectl -n kube-system logs "
    "job/helm-install-{subject}`",
    "pod_runs": "see `journalctl -u {service}` on the node",
    "dns_from_pod": "run `edgeboot ssh {server} sudo k3s kubectl -n kube-system get pods -o wide`",
    "dns_from_node": "check that no firewall on the host blocks 10.42.0.0/16 and 10.43.0.0/16",
    "pod_traffic": "check that no firewall blocks 8472/udp between the nodes",
    "ingress": "run `edgeboot ssh {server} sudo k3s kubectl -n kube-system get pods,services`",
    "storage": "run `edgeboot ssh {server} sudo k3s kubectl get storageclass,pv`",
    "budget": "see what uses it: `edgeboot verify --watch --limit {node}`; or raise the limit in "
    "`budget`",
}


def advised(result: CheckResult, *, server: str, service: str) -> CheckResult:
    """A failed result with what to do; ``server`` is one to ask, ``service`` the node's."""
    template = _HINTS.get(result.check, "")
    if result.outcome is not Outcome.FAILED or result.hint or not template:
        return result
    namespace, _, name = result.subject.partition("/")
    words = {
        "node": server if result.node == CLUSTER else result.node,
        "server": server,
        "service": service,
        "subject": result.subject,
        "namespace": namespace,
        "name": name,
    }
    return replace(result, hint=template.format_map(words))
