"""How probe pods ended, as values read from what the API says of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from edgeboot.errors import NotMeasured
from edgeboot.json_document import Node
from edgeboot.kube.reading import elements, text


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
        """What a pod found out about something; NotMeasured if it did not run."""
        pod = self.pod(name)
        found = tuple(a for a in pod.answers if a.about.partition(" ")[0] == about)
        if not found:
            raise NotMeasured(f"the probe pod did not run: {pod.why}")
        return found


def ended(pod: Node) -> bool:
    """Whether a pod has ended, or its state is unknown."""
    return text(pod, "status", "phase") in {"Succeeded", "Failed", "Unknown"}


def running(pod: Node) -> bool:
    """Whether a pod runs or has ended."""
    return ended(pod) or text(pod, "status", "phase") == "Running"


def addresses(pods: Iterable[Node]) -> dict[str, str]:
    """The addresses of the pods that run, by node."""
    found = {}
    for pod in pods:
        address = text(pod, "status", "podIP")
        if text(pod, "status", "phase") == "Running" and address:
            found[text(pod, "spec", "nodeName")] = address
    return found


def warnings(events: Iterable[Node]) -> dict[str, str]:
    """The last warning about each object, by its name."""
    return {
        text(event, "involvedObject", "name"): text(event, "message")
        for event in events
        if text(event, "type") == "Warning"
    }


def pod_end(pod: Node, told: Mapping[str, str]) -> PodEnd:
    """What became of a pod; ``told`` are the warnings about objects."""
    name, status = text(pod, "metadata", "name"), pod.get("status")
    phase = text(status, "phase")
    container = next(iter(elements(status, "containerStatuses")), None)
    said = text(container, "state", "terminated", "message").splitlines()
    conditions = (text(c, "message") for c in elements(status, "conditions"))
    why = (
        told.get(name)
        or text(container, "state", "waiting", "message")
        or text(status, "message")
        or next(filter(None, conditions), None)
        or text(container, "state", "waiting", "reason")
        or f"it is {phase or 'not scheduled'}"
    )
    return PodEnd(
        name=name,
        ran=phase in {"Running", "Succeeded"},
        answers=tuple(map(_answer, said)),
        why=(why.strip().splitlines() or [why])[0],
        unknown=phase == "Unknown",
    )


def _answer(line: str) -> ProbeResult:
    words = line.split(" ")
    size = 2 if words[0] == "peer" else 1
    return ProbeResult(
        " ".join(words[:size]), words[size : size + 1] == ["ok"], " ".join(words[size + 1 :])
    )
