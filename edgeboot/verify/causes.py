"""Which results are consequences of another one. Pure.

A stopped service fails a dozen checks, a lost host all of them: each is one problem with one thing
to do about it. All results are kept; a consequence names its cause.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace

from edgeboot.verify.results import CLUSTER, Category, CheckResult, Outcome

REACHABLE = "reachable"
_OF_PODS = frozenset({"dns_from_pod", "dns_from_node", "pod_traffic", "ingress"})
_OF_A_NODE = _OF_PODS | {"node_version", "etcd_voter", "pod_runs", "identity"}
_OF_A_SERVICE = _OF_A_NODE | {"node_ready", "image"}


@dataclass(frozen=True)
class Circumstances:
    """What is known beside results: servers, nodes whose K3s does not run, DaemonSets' gaps.

    ``gaps`` has how many pods are not ready, by the title of a DaemonSet.
    """

    servers: AbstractSet[str] = frozenset()
    down: AbstractSet[str] = frozenset()
    gaps: Mapping[str, int] = field(default_factory=dict)


def traced(results: Sequence[CheckResult], known: Circumstances) -> tuple[CheckResult, ...]:
    """The results, consequences with their causes."""
    tracer = _Tracer(results, known)
    return tuple(tracer.traced(result) for result in results)


class _Tracer:
    def __init__(self, results: Sequence[CheckResult], known: Circumstances) -> None:
        self._known = known
        self._bad = {(r.node, r.check) for r in results if r.bad}
        self._lost = {r.node for r in results if r.check == REACHABLE and r.bad}
        self._down = {n for n in known.down if (n, "service") in self._bad}

    def traced(self, result: CheckResult) -> CheckResult:
        cause = self._cause(result) if result.bad else ""
        return replace(result, because="" if cause == result.about else cause)

    def _cause(self, result: CheckResult) -> str:
        """The first that explains it, the deepest first; a result may be its own cause."""
        node, unmeasured = result.node, result.outcome is Outcome.NOT_MEASURED
        if node in self._lost:
            return f"{node} {REACHABLE}" if unmeasured else ""
        if node in self._down and (
            result.check in _OF_A_SERVICE or (result.check == "budget" and unmeasured)
        ):
            return f"{node} service"
        gap = self._known.gaps.get(result.subject, 0)
        if result.check == "workload" and gap > 0:
            return self._of_other_nodes(gap)
        if result.check == "api" or (self._api_failed and unmeasured and _asks_the_api(result)):
            return self._of_servers or f"{CLUSTER} api"
        pods = result.check in _OF_PODS or result.check == "pod_runs"
        if pods and unmeasured and (node, "node_ready") in self._bad:
            return f"{node} node_ready"
        if result.check in _OF_PODS and unmeasured and (node, "pod_runs") in self._bad:
            return f"{node} pod_runs"
        if result.check == "pod_traffic" and unmeasured:  # there was nobody to ask
            return self._of_other_nodes(1)
        return ""

    @property
    def _api_failed(self) -> bool:
        return (CLUSTER, "api") in self._bad

    @property
    def _of_servers(self) -> str:
        """Why no server answers, if none of them runs."""
        silent = [n for n in sorted(self._known.servers) if n in self._lost or n in self._down]
        if not silent or len(silent) < len(self._known.servers):
            return ""
        first = silent[0]
        return f"{first} {REACHABLE if first in self._lost else 'service'}"

    @property
    def _missing(self) -> dict[str, str]:
        """Nodes on which no pod is Ready, and the cause of that."""
        unready = sorted(n for n, check in self._bad if check == "node_ready")
        return {
            **{node: f"{node} node_ready" for node in unready},
            **{node: f"{node} service" for node in sorted(self._down)},
            **{node: f"{node} {REACHABLE}" for node in sorted(self._lost)},
        }

    def _of_other_nodes(self, gap: int) -> str:
        """The first node that is missing, if those that are explain so many missing pods."""
        missing = self._missing
        return next(iter(missing.values()), "") if gap <= len(missing) else ""


def _asks_the_api(result: CheckResult) -> bool:
    return result.category is Category.HEALTH
