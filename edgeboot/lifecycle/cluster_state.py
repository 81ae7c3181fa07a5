"""The state that install decides from: inventory, bundle, facts, and what follows from them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace

from edgeboot.blob import Blob, Source
from edgeboot.bundle.format.contents import Contents, ImageArchive
from edgeboot.components.cluster.applied_labels import applied_labels_of
from edgeboot.components.cluster.charts import is_chart
from edgeboot.components.context import Context, JoinConfig, TokenFate, service_of
from edgeboot.components.roles import host_resources_of, resources_of
from edgeboot.inventory.model import Cluster, Node, Role
from edgeboot.lifecycle.joining import join_config_of, lead_server
from edgeboot.lifecycle.membership import NOBODY, Registered
from edgeboot.lifecycle.tokens import former_passwords, password_of, torn, written
from edgeboot.plan import paths
from edgeboot.plan.diff import diff, leftovers
from edgeboot.plan.facts import Facts
from edgeboot.plan.health import Status
from edgeboot.plan.options import DEFAULT_OPTIONS, InstallOptions
from edgeboot.plan.resources import Content, KnownAfter, Resource
from edgeboot.plan.steps import MakeDirectory, Remove, Step, Upload, Write
from edgeboot.platform import arch_of_machine
from edgeboot.secret import Secret

_NO_SECRET = Secret(b"")


@dataclass(frozen=True)
class BundleView:
    """A bundle as operations see it: its contents, and functions that return their bytes.

    ``check`` reads all of it and raises ``Refused`` naming what is damaged. ``allow_older`` permits
    it on hosts that were installed from a newer bundle.
    """

    contents: Contents
    blob_source: Callable[[Blob], Source]
    archive_source: Callable[[ImageArchive], Source]
    check: Callable[[], None]
    allow_older: bool = False
    file: str = ""  # its path
    signer: str = ""  # the key and the comment of its signature; empty where none was admitted


@dataclass(frozen=True)
class ClusterState:
    """Everything that a plan is a function of. The fresh tokens are used if none exist yet."""

    cluster: Cluster
    bundle: BundleView
    facts: Mapping[str, Facts]
    fresh_token: Secret
    statuses: Mapping[str, Status] = field(default_factory=dict)
    options: InstallOptions = DEFAULT_OPTIONS
    read_only: frozenset[str] = frozenset()  # nodes that are read and never changed
    fresh_agent_token: Secret = _NO_SECRET
    registered: Registered = NOBODY  # the Nodes before anything is changed

    def with_facts(self, facts: Mapping[str, Facts]) -> ClusterState:
        """The same state after some hosts were read again."""
        return replace(self, facts={**self.facts, **facts})

    def without(self, names: Collection[str]) -> ClusterState:
        """The same state without some nodes that are unreachable."""
        return replace(self, cluster=self.cluster.without(names))

    def with_status(self, node: str, status: Status) -> ClusterState:
        """The same state after a look at a node."""
        return replace(self, statuses={**self.statuses, node: status})

    def without_statuses(self) -> ClusterState:
        """The same state after something was done: earlier looks count no more."""
        return replace(self, statuses={})

    @property
    def lead(self) -> Node:
        """The server that other nodes join."""
        return lead_server(self.cluster, self.facts)

    @property
    def known_token(self) -> Secret | None:
        """The cluster's full token (with the CA's hash), once a server has one.

        Servers that do not have a rotated token yet still have the old one.
        """
        former = former_passwords(self.facts.values())
        found: list[Secret] = []
        for server in (self.lead, *self.cluster.servers):
            status, facts = self.statuses.get(server.name), self.facts[server.name]
            tokens = (status.node_token if status else None, facts.node_token)
            found += filter(None, tokens)
        return next(
            (t for t in found if password_of(t.value) not in former), next(iter(found), None)
        )

    @property
    def torn(self) -> str | None:
        """The server on which a rotation of the servers' token was interrupted."""
        return torn({server.name: self.facts[server.name] for server in self.cluster.servers})

    @property
    def token_place(self) -> str | None:
        """The server on which the token is to be rotated, or a rotation to be finished."""
        wanted = self.options.new_server_token and self.known_token is not None
        return self.torn or (self.lead.name if wanted else None)

    @property
    def join_token(self) -> Content:
        """The token for servers."""
        if self.token_place is not None:
            return KnownAfter("the servers' token is rotated")
        return self.known_token or self._not_up

    @property
    def _not_up(self) -> KnownAfter:
        return KnownAfter(f"{self.lead.name} is up")

    @property
    def agent_password(self) -> Secret:
        """The agents' password: generated once, the same on all servers.

        If servers differ, a rotation was interrupted: the lead server has the new one.
        """
        servers = (self.lead, *self.cluster.servers)
        for server in () if self.options.new_agent_token else servers:
            fact = self.facts[server.name].files.get(paths.AGENT_TOKEN)
            if fact is not None and fact.content:
                return Secret(fact.content.strip())
        return self.fresh_agent_token

    def _token_for(self, node: Node, join: JoinConfig) -> Content:
        if node.role is Role.AGENT:  # it shares only the CA's hash with the servers' token
            return agents_form(self.known_token or self._not_up, self.agent_password)
        if node.name == self.token_place:
            return self.known_token or self._not_up
        token = self.join_token
        begins = join.url is None and node == self.lead
        return self.fresh_token if begins and isinstance(token, KnownAfter) else token

    def _token_fate(self, node: Node) -> TokenFate:
        token, told = self.join_token, written(self.facts[node.name])
        if node.name == self.token_place:
            return TokenFate.CHANGES
        if told is None or (isinstance(token, Secret) and told == password_of(token.value)):
            return TokenFate.KEPT
        return TokenFate.REPLACED if self.known_token else TokenFate.KEPT

    def resources(self, node: Node) -> tuple[Resource, ...]:
        """Everything a node should have."""
        context = self.context(node)
        return resources_of(context) if context else ()

    def host_resources(self, node: Node) -> tuple[Resource, ...]:
        """What the host should have before K3s is installed."""
        context = self.context(node)
        return host_resources_of(context) if context else ()

    def context(self, node: Node) -> Context | None:
        """The input of components for a node.

        None if K3s does not support its machine; preflight refuses such a host.
        """
        facts = self.facts[node.name]
        arch = arch_of_machine(facts.traits.machine)
        if arch is None:
            return None
        join = join_config_of(self.cluster, node, self.facts)
        return Context(
            cluster=self.cluster,
            node=node,
            traits=facts.traits,
            arch=arch,
            contents=self.bundle.contents,
            join_token=self._token_for(node, join),
            blob_source=self.bundle.blob_source,
            archive_source=self.bundle.archive_source,
            agent_token=self.agent_password,
            token_fate=self._token_fate(node),
            join=join,
            applied_labels=applied_labels_of(facts, service_of(node.role)),
        )

    def expected_images(self, node: Node) -> dict[str, str]:
        """References and digests (``sha256:…``) of the images that a node must import."""
        arch = arch_of_machine(self.facts[node.name].traits.machine)
        images = self.bundle.contents.images_of(arch.name) if arch else ()
        return {image.name: f"sha256:{image.digest}" for image in images}


def agents_form(token: Content, password: Secret) -> Content:
    """The agents' full token: the CA's hash from the servers' token, and the agents' password."""
    if not isinstance(token, Secret):
        return token
    return Secret(token.value.partition(b"::")[0] + b"::node:" + password.value)


def staging_steps(state: ClusterState, node: Node) -> tuple[Step, ...]:
    """A node's directories and large files, which depend on nothing and so come first."""
    return tuple(s for s in _steps(state, node) if isinstance(s, MakeDirectory | Upload))


def settling_steps(state: ClusterState, node: Node) -> tuple[Step, ...]:
    """All other steps that need no API: leftovers, configuration, the service."""
    left = leftovers(state.resources(node), state.facts[node.name])
    rest = (s for s in _steps(state, node) if not isinstance(s, MakeDirectory | Upload))
    return tuple(step for step in (*left, *rest) if not is_of_cluster(step))


def is_of_cluster(step: Step) -> bool:
    """Whether a step changes objects in the cluster, so that the API must answer first."""
    match step:
        case Write():
            return is_chart(step.path)
        case Remove():
            return step.path.startswith((f"{paths.MANIFESTS}/", f"{paths.CHARTS}/"))
        case _:
            return False


def _steps(state: ClusterState, node: Node) -> tuple[Step, ...]:
    return diff(state.resources(node), state.facts[node.name])
