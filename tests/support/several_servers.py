"""Three servers and two agents on fake hosts."""

from __future__ import annotations

from dataclasses import replace

from edgeboot.engine.host_sessions import RunPolicy
from edgeboot.errors import Unreachable
from edgeboot.events import silent
from edgeboot.inventory.model import Cluster, Datastore, DatastoreKind, Node, Role
from edgeboot.lifecycle.install.run import Installed, install
from edgeboot.plan.options import DEFAULT_OPTIONS, InstallOptions
from edgeboot.plan.steps import Start
from edgeboot.transport.fake.host import FakeCluster, FakeHost
from tests.support.small_cluster import BUNDLE, IMAGES, VERSION

ETCD = "/var/lib/rancher/k3s/server/db/etcd/member"
CONFIG = "/etc/rancher/k3s/config.yaml"
TOKEN = "/etc/rancher/k3s/edgeboot-token"
AGENT_TOKEN = "/etc/rancher/k3s/edgeboot-agent-token"
NAMES = ("server-1", "server-2", "server-3", "agent-1", "agent-2")
CLUSTER = Cluster(
    "edge",
    tuple(
        Node(name, f"192.0.2.{11 + number}", Role(name.partition("-")[0]))
        for number, name in enumerate(NAMES)
    ),
    datastore=Datastore(DatastoreKind.ETCD),
)


def hosts() -> dict[str, FakeHost]:
    shared = FakeCluster(VERSION, IMAGES)
    return {name: FakeHost(name, shared) for name in NAMES}


def run(
    fakes: dict[str, FakeHost],
    cluster: Cluster = CLUSTER,
    options: InstallOptions = DEFAULT_OPTIONS,
    policy: RunPolicy | None = None,
) -> Installed:
    used = {node.name: fakes[node.name] for node in cluster.nodes}
    policy = policy or impatient()
    try:
        return install(
            cluster,
            BUNDLE,
            used,
            confirm=lambda _plan: True,
            tell=silent,
            patience=5.0,
            options=options,
            policy=policy,
        )
    finally:
        for fake in used.values():
            fake.close()


def impatient(**changes: object) -> RunPolicy:
    """Time that passes as fast as it is waited for."""
    now = [0.0]

    def sleep(seconds: float) -> None:
        now[0] += seconds

    policy = RunPolicy(sleep=sleep, clock=lambda: now[0])
    return replace(policy, **changes)  # type: ignore[arg-type]


def some(*names: str) -> Cluster:
    return CLUSTER.without(set(NAMES) - set(names))


def inventory(*names: str) -> Cluster:
    """An inventory that has never had the others."""
    return replace(some(*names), away=())


def config(fakes: dict[str, FakeHost], name: str) -> str:
    return fakes[name].files[CONFIG].data.decode()


def starts(plan_or_installed: Installed) -> list[str]:
    return [n for n, step in plan_or_installed.plan.steps if isinstance(step, Start)]


def unreachable(fake: FakeHost) -> FakeHost:
    def refuse(*_args: object) -> None:
        raise Unreachable("no route to host", where=fake.node)

    fake.reconnect = refuse  # type: ignore[method-assign]
    fake._operation = refuse  # type: ignore[assignment,method-assign]
    return fake
