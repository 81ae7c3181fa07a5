"""Pods that ask each other: what is started. Pure.

Two groups, each with a pod a node. The first answers HTTP with its own name. The second asks: for
a name of the cluster's DNS, for the pods of other nodes, for the ingress of its own node; one more
on the node's own network asks CoreDNS from there. What they find is their termination message, so
that nothing but the API is needed to hear it. Images are never pulled.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from edgeboot.kube.api import CLAIMS, NAMESPACES, PODS, SERVICE_ACCOUNTS, Document, Kind
from edgeboot.verify.expectation import ClusterExpectation

MANAGED_BY = ("app.kubernetes.io/managed-by", "edgeboot-probe")
GROUP = "edgeboot-probe"  # the label that says which group a pod belongs to
_PORT = 8080
_ALL_PEERS_UP_TO = 6
_RING = 3
_NOBODY = 65534
_GIVEN_UP = 300  # seconds after which the kubelet ends a pod that nobody removed

# All is tried twice and bounded: with six dead peers, no DNS and no ingress this takes 100 s.
# busybox's own bounds do not do: `wget -T` crashes in some versions, `nc` waits for the other end.
ASK = r"""
said() { echo "$*" >>/dev/termination-log; }
try() { out=$("$@" 2>&1) || { sleep 2; out=$("$@" 2>&1); }; }
last() { echo "${out:-no answer}" | grep . | tail -n 1; }
if [ -n "$NAME" ]; then
    if try timeout 8 nslookup -type=a "$NAME" $DNS; then said dns ok
    else said "dns failed $(last)"; fi
fi
for peer in $PEERS; do
    case " $WANTED " in *" ${peer%%=*} "*) ;; *) continue ;; esac
    if try timeout 4 wget -q -O - "http://${peer#*=}:8080/hostname"
    then said "peer ${peer%%=*} ok $out"
    else said "peer ${peer%%=*} failed ${peer#*=}: $(last)"; fi
done
http() { timeout 4 wget -S -O /dev/null "http://$NODE_IP:$1/" 2>&1 | grep -q 'HTTP/'; }
https() { nc -w 5 "$NODE_IP" "$1" -e true; }
ask=http
for port in $INGRESS; do
    if try "$ask" "$port"; then said "ingress-$port ok"
    else said "ingress-$port failed no answer at $NODE_IP:$port"; fi
    ask=https
done
"""
_STORE = r"""
echo edgeboot >/data/probe && sync && grep -q edgeboot /data/probe &&
    echo storage ok >/dev/termination-log
"""


def wanted_peers(nodes: Sequence[str], node: str) -> tuple[str, ...]:
    """Whom a node's pod asks: everybody in a small cluster, else the next few in a ring."""
    others = len(nodes) - 1
    count = others if others < _ALL_PEERS_UP_TO else _RING
    start = nodes.index(node)
    return tuple(nodes[(start + step) % len(nodes)] for step in range(1, count + 1))


def first_group(
    expected: ClusterExpectation, nodes: Sequence[str], namespace: str
) -> list[tuple[Kind, Document]]:
    """The namespace, what its pods run as, and a pod a node that answers."""
    maker = _Maker(expected, namespace)
    # One pod per node is on the node's network, whatever the cluster's default says.
    labels = dict((MANAGED_BY, ("pod-security.kubernetes.io/enforce", "privileged")))
    space = {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": namespace, "labels": labels},
    }
    account = {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {"name": "probe", "namespace": namespace},
        "automountServiceAccountToken": False,
    }
    pods = [(PODS, maker.answering(node)) for node in nodes]
    return [(NAMESPACES, space), (SERVICE_ACCOUNTS, account), *pods]


def second_group(
    expected: ClusterExpectation,
    nodes: Sequence[str],
    namespace: str,
    peers: Mapping[str, str],
) -> list[tuple[Kind, Document]]:
    """The pods that ask; ``peers`` are the addresses of the first group's, by node."""
    maker = _Maker(expected, namespace)
    listed = " ".join(f"{node}={address}" for node, address in peers.items())
    pods = [maker.asking(node, wanted_peers(nodes, node), listed) for node in nodes]
    if expected.coredns:
        pods += [maker.asking_from_node(node) for node in nodes]
    objects: list[tuple[Kind, Document]] = [(PODS, pod) for pod in pods]
    if expected.storage:
        claim, pod = maker.storage(nodes[0])
        objects += [(CLAIMS, claim), (PODS, pod)]
    return objects


@dataclass(frozen=True)
class _Maker:
    expected: ClusterExpectation
    namespace: str

    def answering(self, node: str) -> dict[str, Any]:
        command = ["httpd", "-f", "-p", str(_PORT), "-h", "/etc"]
        return self._pod(f"first-{node}", "first", command, {"nodeName": node})

    def asking(self, node: str, wanted: Sequence[str], peers: str) -> dict[str, Any]:
        name = f"kubernetes.default.svc.{self.expected.domain}." if self.expected.coredns else ""
        env = {"WANTED": " ".join(wanted), "PEERS": peers, "NAME": name, "DNS": ""}
        env["INGRESS"] = " ".join(map(str, self.expected.ingress))
        return self._pod(f"pod-{node}", "second", ["sh", "-c", ASK], {"nodeName": node}, env)

    def asking_from_node(self, node: str) -> dict[str, Any]:
        name = f"kubernetes.default.svc.{self.expected.domain}."
        env = {"WANTED": "", "PEERS": "", "NAME": name, "DNS": self.expected.dns, "INGRESS": ""}
        spec = {"nodeName": node, "hostNetwork": True, "dnsPolicy": "Default"}
        return self._pod(f"node-{node}", "second", ["sh", "-c", ASK], spec, env)

    def storage(self, node: str) -> tuple[dict[str, Any], dict[str, Any]]:
        """By the scheduler: a class that waits for its first consumer binds only then."""
        claim = {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": {"name": "probe", "namespace": self.namespace},
            "spec": {
                "accessModes": ["ReadWriteOnce"],
                "resources": {"requests": {"storage": "1Mi"}},
            },
        }
        spec = {
            "nodeSelector": {"kubernetes.io/hostname": node},
            "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "probe"}}],
        }
        pod = self._pod("storage", "second", ["sh", "-c", _STORE], spec)
        pod["spec"]["containers"][0]["volumeMounts"] = [{"name": "data", "mountPath": "/data"}]
        return claim, pod

    def _pod(
        self,
        name: str,
        group: str,
        command: Sequence[str],
        spec: Mapping[str, Any],
        env: Mapping[str, str] | None = None,
    ) -> dict[str, Any]:
        host_ip = {"name": "NODE_IP", "valueFrom": {"fieldRef": {"fieldPath": "status.hostIP"}}}
        container = {
            "name": "probe",
            "image": self.expected.probe_image,
            "imagePullPolicy": "Never",
            "command": list(command),
            "env": [*({"name": k, "value": v} for k, v in (env or {}).items()), host_ip],
            "resources": {
                "requests": {"cpu": "1m", "memory": "4Mi"},
                "limits": {"memory": "32Mi"},
            },
            "securityContext": {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "runAsNonRoot": True,
                "runAsUser": _NOBODY,
                "capabilities": {"drop": ["ALL"]},
                "seccompProfile": {"type": "RuntimeDefault"},
            },
        }
        return {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {
                "name": name,
                "namespace": self.namespace,
                "labels": {GROUP: group},
            },
            "spec": {
                "serviceAccountName": "probe",
                "automountServiceAccountToken": False,
                "enableServiceLinks": False,
                "restartPolicy": "Never",
                "activeDeadlineSeconds": _GIVEN_UP,
                "terminationGracePeriodSeconds": 1,
                "tolerations": [{"operator": "Exists"}],
                "containers": [container],
                **spec,
            },
        }
