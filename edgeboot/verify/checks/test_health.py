"""Health: the API, nodes, workloads, charts, and what pods can reach."""

# The assertions of checks are the product here, not debugging aids.
# ruff: noqa: S101

from __future__ import annotations

from edgeboot.errors import NotMeasured
from edgeboot.plan.health import NodeState
from edgeboot.verify.probes.ends import Probes
from edgeboot.verify.subject import ClusterSubject, Subject


def test_api(cluster: ClusterSubject) -> None:
    """A server's API is ready."""
    reading = cluster.reading
    assert reading.ready, reading.complaint or "/readyz is not ok"


def test_other_nodes(cluster: ClusterSubject) -> None:
    """Every Node of the cluster is in the inventory."""
    other = [
        f"{node.name} ({'Ready' if node.ready else 'not Ready'})"
        for node in cluster.reading.nodes.values()
        if node.name not in cluster.expected.nodes
    ]
    assert not other, f"not in the inventory: {', '.join(other)}"


def test_identity(subject: Subject) -> None:
    """The host is the node that the inventory names."""
    own, machine_id = subject.expected.runs_as, subject.expected.machine_id
    assert own in {"", subject.name}, f"this host runs as {own}"
    node = _node(subject)
    if not (node.machine_id and machine_id):
        return  # some hosts have none
    where = f" at {node.addresses[0]}" if node.addresses else ""
    changed = ", or its machine-id was changed while K3s ran" if own else ""
    assert node.machine_id == machine_id, f"another host{where} reports as {subject.name}{changed}"


def test_node_ready(subject: Subject) -> None:
    """The node is Ready."""
    state = subject.cluster.reading.nodes.get(subject.name)
    assert state is not None, "it has not joined the cluster"
    assert state.ready, f"not Ready: {state.message}"


def test_node_version(subject: Subject) -> None:
    """The kubelet has the bundle's version."""
    found = _node(subject).version
    assert found == subject.expected.version, f"version {found}, not {subject.expected.version}"


def test_etcd_voter(subject: Subject) -> None:
    """The server votes in etcd."""
    voter = subject.cluster.reading.is_voter(subject.name)
    if voter is None:
        raise NotMeasured("the Node has no EtcdIsVoter condition")
    assert voter, "the server is a member of etcd but does not vote yet"


def test_workload(cluster: ClusterSubject, workload: str) -> None:
    """All pods of each Deployment, DaemonSet and StatefulSet are ready."""
    found = next((w for w in cluster.reading.workloads if w.title == workload), None)
    if found is None:
        raise NotMeasured("the API does not list workloads")
    assert found.ready >= found.wanted, f"{found.ready} of {found.wanted} pods are ready"


def test_chart(cluster: ClusterSubject, chart: str) -> None:
    """Each chart of the bundle is installed."""
    found = next((c for c in cluster.reading.charts if c.name == chart), None)
    assert found is not None, "no such HelmChart"
    assert found.done, found.message


def test_pod_runs(subject: Subject) -> None:
    """A pod starts on the node."""
    probes = _probes(subject)
    if not _node(subject).ready:
        raise NotMeasured("no pod was started: the node is not Ready")
    pod = probes.pod(f"first-{subject.name}")
    if pod.unknown:
        raise NotMeasured(pod.why)
    assert pod.ran, pod.why


def test_dns_from_pod(subject: Subject) -> None:
    """A pod on the node resolves the API's name by the cluster's DNS."""
    _agree(_probes(subject), f"pod-{subject.name}", "dns")


def test_dns_from_node(subject: Subject) -> None:
    """CoreDNS answers on the node's own network."""
    _agree(_probes(subject), f"node-{subject.name}", "dns")


def test_pod_traffic(subject: Subject) -> None:
    """A pod on the node reaches pods on other nodes."""
    _agree(_probes(subject), f"pod-{subject.name}", "peer")


def test_ingress(subject: Subject) -> None:
    """Traefik answers on the node's ports for HTTP and HTTPS."""
    for port in subject.cluster.expected.ingress:
        _agree(_probes(subject), f"pod-{subject.name}", f"ingress-{port}")


def test_storage(cluster: ClusterSubject) -> None:
    """The default storage class binds a volume that a pod can write to."""
    default = cluster.reading.default_class
    assert default is not None, "no default storage class"
    probes = cluster.probes
    pod = probes.pod("storage")
    if pod.unknown:
        raise NotMeasured(pod.why)
    assert probes.claim == "Bound", f"the claim is {probes.claim or 'missing'}: {pod.why}"
    assert any(a.ok for a in pod.answers), f"cannot write to the volume: {pod.why}"


def _node(subject: Subject) -> NodeState:
    nodes = subject.cluster.reading.nodes
    if subject.name not in nodes:
        raise NotMeasured("the API does not list this node")
    return nodes[subject.name]


def _probes(subject: Subject) -> Probes:
    return subject.cluster.probes


def _agree(probes: Probes, pod: str, about: str) -> None:
    wrong = [a for a in probes.answers(pod, about) if not a.ok]
    assert not wrong, "; ".join(f"{a.about}: {a.text or 'no answer'}" for a in wrong)
