"""Steps that act on what lies in the cluster, through the API of the server they belong to.

``kube.steps`` executes them. Each is idempotent.
"""

from __future__ import annotations

from dataclasses import dataclass

_AGAIN = "see `edgeboot status`, then rerun; the install resumes here"


@dataclass(frozen=True)
class Reach:
    """Checks that the host about to join can reach a server's API."""

    url: str
    hint: str

    def describe(self) -> str:
        """One line for people."""
        return f"reach {self.url}"


@dataclass(frozen=True)
class DeleteNodes:
    """Removes nodes from the cluster; K3s forgets their passwords and members of etcd with them."""

    nodes: tuple[str, ...]
    hint: str = _AGAIN

    def describe(self) -> str:
        """One line for people."""
        return f"remove from the cluster: {', '.join(self.nodes)}"


@dataclass(frozen=True)
class ForgetNodePasswords:
    """Lets reinstalled hosts join under the names of these agents."""

    nodes: tuple[str, ...]
    hint: str = _AGAIN

    def describe(self) -> str:
        """One line for people."""
        return f"forget the node passwords of {', '.join(self.nodes)}"


@dataclass(frozen=True)
class ApplyLabels:
    """Removes labels and taints from a node and adds taints; does nothing if the node is gone.

    ``remove_labels`` are keys, ``remove_taints`` are ``KEY:EFFECT``, ``taints`` are
    ``KEY=VALUE:EFFECT`` and replace one with the same key and effect.
    """

    node: str
    remove_labels: tuple[str, ...] = ()
    remove_taints: tuple[str, ...] = ()
    taints: tuple[str, ...] = ()
    hint: str = _AGAIN

    def describe(self) -> str:
        """One line for people."""
        gone = [f"-{name}" for name in (*self.remove_labels, *self.remove_taints)]
        words = " ".join((*gone, *(f"+{taint}" for taint in self.taints)))
        return f"set the labels and taints of node {self.node}: {words or 'nothing to change'}"


@dataclass(frozen=True)
class ScaleDeployment:
    """Sets how many pods a Deployment has."""

    namespace: str
    name: str
    replicas: int
    text: str
    hint: str = _AGAIN

    def describe(self) -> str:
        """One line for people."""
        return self.text


@dataclass(frozen=True)
class WaitForChart:
    """Waits until K3s has installed a chart as its manifest on the host says.

    ``sha256`` is the manifest's: K3s records which content it has applied.
    """

    name: str
    manifest: str
    sha256: str
    seconds: int

    def describe(self) -> str:
        """One line for people."""
        return f"wait until chart {self.name} is installed"

    @property
    def hint(self) -> str:
        """What to do if it is not."""
        return (
            f"see `kubectl logs -n kube-system job/helm-install-{self.name}`; fix the chart or its "
            "values, then rerun"
        )


@dataclass(frozen=True)
class Withdraw:
    """Removes from the cluster what a manifest brought: K3s leaves it there when the file goes.

    Namespaces, volumes and definitions of resources stay, since data hangs on them.
    """

    manifest: str
    seconds: int
    text: str
    hint: str = "look for a finalizer that is never cleared, with `kubectl`, then rerun"

    def describe(self) -> str:
        """One line for people."""
        return self.text


ClusterStep = (
    Reach
    | DeleteNodes
    | ForgetNodePasswords
    | ApplyLabels
    | ScaleDeployment
    | WaitForChart
    | Withdraw
)


def cluster_step_json(step: ClusterStep) -> dict[str, object]:
    """What a step is about, for machines."""
    match step:
        case Reach():
            return {"url": step.url}
        case DeleteNodes() | ForgetNodePasswords():
            return {"nodes": list(step.nodes)}
        case ApplyLabels():
            return {"node": step.node}
        case ScaleDeployment():
            return {
                "namespace": step.namespace,
                "deployment": step.name,
                "replicas": step.replicas,
            }
        case WaitForChart():
            return {"chart": step.name}
        case Withdraw():
            return {"path": step.manifest}
