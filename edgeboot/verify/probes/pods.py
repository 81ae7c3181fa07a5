"""Pods that ask each other: what is started, and what their ends say. Pure.

Two groups, each with a pod a node. The first answers HTTP with its own name. The second asks: for
a name of the cluster's DNS, for the pods of other nodes, for the ingress of its own node; one more
on the node's own network asks CoreDNS from there. What they find is their termination message, so
that nothing but the API is needed to hear it. Images are never pulled.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from edgeboot.errors import NotMeasured
from edgeboot.verify.expectation import ClusterExpectation
from edgeboot.verify.reading.sections import Document, Sections, items_of

CUT = "---8<---"
SECONDS = 120  # for each group; K3s answers within a few, a board that swaps within a minute
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
http() { timeout 4 wget -S -O /dev/null "http://$NODE_IP/" 2>&1 | grep -q 'HTTP/'; }
https() { nc -w 5 "$NODE_IP" 443 -e true; }
if [ -n "$INGRESS" ]; then
    if try http; then said ingress-80 ok; else said "ingress-80 failed no answer at $NODE_IP"; fi
    if try https; then said ingress-443 ok; else said "ingress-443 failed no answer at $NODE_IP"; fi
fi
"""
_STORE = r"""
echo edgeboot >/data/probe && sync && grep -q edgeboot /data/probe &&
    echo storage ok >/dev/termination-log
"""


@dataclass(frozen=True)
class ProbeResult:
    """What a pod found out about one thing (``dns``, ``peer agent-1`` …)."""

    about: str
    ok: bool
    text: str


@dataclass(frozen=True)
class PodEnd:
    """What became of a pod.

    ``why`` explains a pod that did not run; ``unknown`` says that nobody knows what became of it.
    """

    name: str
    ran: bool
    answers: tuple[ProbeResult, ...]
    why: str = ""
    unknown: bool = False


@dataclass(frozen=True)
class Probes:
    """The ends of all pods, by name (``first-NODE``, ``pod-NODE``, ``node-NODE``, ``storage``)."""

    pods: Mapping[str, PodEnd]
    claim: str = ""

    def pod(self, name: str) -> PodEnd:
        """A pod's end."""
        if name not in self.pods:
            raise NotMeasured("its pod was not started")
        return self.pods[name]

    def answers(self, name: str, about: str) -> tuple[ProbeResult, ...]:
        """What a pod found out about something; NotMeasured where it did not get to say."""
        pod = self.pod(name)
        found = tuple(a for a in pod.answers if a.about.partition(" ")[0] == about)
        if not found:
            raise NotMeasured(f"the pod that was to ask did not run: {pod.why}")
        return found


def wanted_peers(nodes: Sequence[str], node: str) -> tuple[str, ...]:
    """Whom a node's pod asks: everybody in a small cluster, else the next few in a ring."""
    others = len(nodes) - 1
    count = others if others < _ALL_PEERS_UP_TO else _RING
    start = nodes.index(node)
    return tuple(nodes[(start + step) % len(nodes)] for step in range(1, count + 1))


def manifests(expected: ClusterExpectation, nodes: Sequence[str], namespace: str) -> bytes:
    """The standard input of ``probe.sh``: two lists of objects."""
    maker = _Maker(expected, namespace)
    label = {"app.kubernetes.io/managed-by": "edgeboot-probe"}
    first: list[dict[str, Any]] = [
        {
            "apiVersion": "v1",
            "kind": "Namespace",
            "metadata": {
                "name": namespace,
                # One pod per node is on its network, whatever the cluster's default says.
                "labels": {**label, "pod-security.kubernetes.io/enforce": "privileged"},
            },
        },
        {
            "apiVersion": "v1",
            "kind": "ServiceAccount",
            "metadata": {"name": "probe", "namespace": namespace},
            "automountServiceAccountToken": False,
        },
    ]
    first += [maker.answering(node) for node in nodes]
    second = [maker.asking(node, wanted_peers(nodes, node)) for node in nodes]
    if expected.coredns:
        second += [maker.asking_from_node(node) for node in nodes]
    if expected.storage:
        second += maker.storage(nodes[0])
    return b"".join(
        json.dumps({"apiVersion": "v1", "kind": "List", "items": items}).encode() + b"\n" + end
        for items, end in ((first, f"{CUT}\n".encode()), (second, b""))
    )


@dataclass(frozen=True)
class _Maker:
    expected: ClusterExpectation
    namespace: str

    def answering(self, node: str) -> dict[str, Any]:
        command = ["httpd", "-f", "-p", str(_PORT), "-h", "/etc"]
        return self._pod(f"first-{node}", "first", command, {"nodeName": node})

    def asking(self, node: str, peers: Sequence[str]) -> dict[str, Any]:
        name = f"kubernetes.default.svc.{self.expected.domain}." if self.expected.coredns else ""
        env = {"WANTED": " ".join(peers), "PEERS": "@PEERS@", "NAME": name, "DNS": ""}
        env["INGRESS"] = "yes" if self.expected.ingress else ""
        return self._pod(f"pod-{node}", "second", ["sh", "-c", ASK], {"nodeName": node}, env)

    def asking_from_node(self, node: str) -> dict[str, Any]:
        name = f"kubernetes.default.svc.{self.expected.domain}."
        env = {"WANTED": "", "PEERS": "", "NAME": name, "DNS": self.expected.dns, "INGRESS": ""}
        spec = {"nodeName": node, "hostNetwork": True, "dnsPolicy": "Default"}
        return self._pod(f"node-{node}", "second", ["sh", "-c", ASK], spec, env)

    def storage(self, node: str) -> list[dict[str, Any]]:
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
        return [claim, pod]

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
                "labels": {"edgeboot-probe": group},
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


def parse_probes(output: str) -> Probes:
    """The ends of all pods in the output of ``probe.sh``."""
    sections = Sections(output)
    if "refused" in sections:
        raise NotMeasured(f"the API refused the probes: {sections.raw('refused').strip()[:300]}")
    if "end" not in sections:
        raise NotMeasured("the probes did not come to an end")
    told = _events(sections)
    pods: dict[str, PodEnd] = {}
    for group in ("first", "second"):
        for item in items_of(sections.raw(group), group):
            end = _end(item, told)
            pods[end.name] = end
    claims = items_of(sections.raw("claims"), "claims") if "claims" in sections else ()
    claim = str(claims[0].get("status", {}).get("phase", "")) if claims else ""
    return Probes(pods, claim)


def _events(sections: Sections) -> dict[str, str]:
    """The last warning about each object."""
    try:
        items = sections.items("events")
    except NotMeasured:
        return {}
    return {
        str(item["involvedObject"]["name"]): str(item.get("message", ""))
        for item in items
        if item.get("type") == "Warning" and "involvedObject" in item
    }


def _end(item: Document, told: Mapping[str, str]) -> PodEnd:
    name, status = str(item["metadata"]["name"]), item.get("status", {})
    phase = status.get("phase")
    containers = status.get("containerStatuses") or [{}]
    container = containers[0].get("state", {})
    terminated = container.get("terminated") or {}
    answers = tuple(map(_answer, str(terminated.get("message", "")).splitlines()))
    why = (
        told.get(name)
        or (container.get("waiting") or {}).get("message")
        or status.get("message")
        or next((c["message"] for c in status.get("conditions", ()) if c.get("message")), None)
        or (container.get("waiting") or {}).get("reason")
        or f"it is {phase}"
    )
    return PodEnd(
        name=name,
        ran=phase in {"Running", "Succeeded"},
        answers=answers,
        why=str(why).strip().splitlines()[0],
        unknown=phase == "Unknown",
    )


def _answer(line: str) -> ProbeResult:
    words = line.split(" ")
    size = 2 if words[0] == "peer" else 1
    return ProbeResult(
        " ".join(words[:size]), words[size : size + 1] == ["ok"], " ".join(words[size + 1 :])
    )
