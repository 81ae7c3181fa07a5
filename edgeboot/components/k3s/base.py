"""K3s itself: its binary, configuration, token, unit and service."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator

from edgeboot.components.cluster import applied_labels
from edgeboot.components.context import Context, JoinConfig, TokenFate
from edgeboot.components.host import clock
from edgeboot.components.k3s import config_file, lean
from edgeboot.components.k3s.additions import with_components
from edgeboot.components.k3s.hardening import is_hardened
from edgeboot.components.k3s.unit import Around, service_files
from edgeboot.inventory.k3s_keys import applies_to
from edgeboot.inventory.model import Cluster, ConfigValue, DatastoreKind, Node, Role
from edgeboot.plan import paths
from edgeboot.plan.resources import CreateOnly, Directory, File, Resource, Service, text
from edgeboot.secret import Secret


def directories(context: Context) -> Iterator[Resource]:
    """K3s's directories, with restrictive modes before anything is written to them.

    K3s creates ``agent`` and ``server`` with 0700 but never tightens existing ones, and it stores
    credentials below them.
    """
    yield Directory(paths.CONFIG_DIR)
    yield Directory(paths.AGENT, 0o700)
    yield Directory(paths.IMAGES)
    if context.node.role is Role.SERVER:
        yield Directory(paths.SERVER, 0o700)
        yield Directory(paths.MANIFESTS, 0o700)
        yield Directory(paths.CHARTS)


def binary(context: Context) -> Iterator[Resource]:
    """The K3s binary of the node's architecture."""
    item = context.contents.k3s_binary(context.arch.name)
    if item is not None:
        source = context.blob_source(item.blob)
        yield File(paths.K3S_BINARY, source, 0o755, restarts=context.service, bulky=True)


def service(context: Context) -> Iterator[Resource]:
    """Token, configuration, unit, and the service that runs with them."""
    name, cluster, node = context.service, context.cluster, context.node
    join = context.join or join_config_of(cluster, node)
    yield from _tokens(context, join)
    yield applied_labels.record(context.applied_labels, node)
    config = config_file.render(config_of(cluster, node, join))
    yield File(paths.CONFIG, text(config), 0o600, restarts=name)
    around = Around(
        before=clock.command(context),
        after_time_sync=bool(node.host.time_servers),
        needs_data=node.host.storage is not None,
        hardened=is_hardened(node),
    )
    yield from service_files(context.traits, name, node.role, around)
    yield Service(name)


def _tokens(context: Context, join: JoinConfig) -> Iterator[Resource]:
    """The first server keeps the password it began with; other nodes get the full token."""
    name, node = context.service, context.node
    first = node.role is Role.SERVER and join.url is None
    changes = context.token_fate is TokenFate.CHANGES
    keeps = changes or (first and context.token_fate is TokenFate.KEPT)
    if keeps and isinstance(context.join_token, Secret):
        yield CreateOnly(paths.TOKEN, context.join_token, restarts=name, changes=changes)
    else:
        yield File(paths.TOKEN, context.join_token, 0o600, restarts=name)
    if node.role is Role.SERVER and context.agent_token is not None:
        yield File(paths.AGENT_TOKEN, context.agent_token, 0o600, restarts=name)


def config_of(
    cluster: Cluster, node: Node, join: JoinConfig | None = None
) -> dict[str, ConfigValue]:
    """The keys of a node's ``config.yaml``: edgeboot's, the cluster's, and the node's."""
    join = join or join_config_of(cluster, node)
    config: dict[str, ConfigValue] = {
        key: value for key, value in cluster.config.items() if applies_to(key, node.role)
    }
    if node.role is Role.SERVER and (unneeded := lean.left_out(cluster)):
        config["disable"] = unneeded
    config |= node.config
    config["node-name"] = node.name
    config["token-file"] = paths.TOKEN
    if node.node_ip:
        both = node.second_node_ip is not None
        config["node-ip"] = node.node_ips if both else node.node_ip
    if node.labels:
        config["node-label"] = tuple(f"{k}={v}" for k, v in sorted(node.labels.items()))
    if node.taints:
        config["node-taint"] = node.taints
    if join.url:
        config["server"] = join.url
    if node.role is Role.SERVER:
        config["agent-token-file"] = paths.AGENT_TOKEN
        config["tls-san"] = _names(config.get("tls-san"), node.address, cluster.vip)
        if join.begins:
            config["cluster-init"] = True
    return with_components(config, cluster, node)


def _names(given: ConfigValue | None, *addresses: str | None) -> tuple[str, ...]:
    """Names in the certificate, for use in a kubeconfig: the server's address, and the VIP."""
    names = given if isinstance(given, tuple) else (str(given),) if given else ()
    return tuple(dict.fromkeys((*names, *filter(None, addresses))))


def join_config_of(cluster: Cluster, node: Node) -> JoinConfig:
    """How a node joins a new cluster: the first server begins it, the others join that one."""
    first = cluster.every_server[0]
    if node.role is Role.AGENT:
        return JoinConfig(url=api_url(cluster))
    if cluster.datastore.kind is not DatastoreKind.ETCD:
        return JoinConfig()
    return JoinConfig(begins=True) if node == first else JoinConfig(url=url_of(first))


def api_url(cluster: Cluster) -> str:
    """The API's URL for agents: by the servers' shared address, else the first server's."""
    return url_at(cluster.vip) if cluster.vip else url_of(cluster.every_server[0])


def url_of(server: Node) -> str:
    """A server's URL within the site."""
    return url_at(server.node_ip or server.address)


def url_at(host: str) -> str:
    """The API's URL on a host."""
    return f"https://{bracketed(host)}:6443"


def bracketed(host: str) -> str:
    """A host as written in a URL: IPv6 addresses in brackets."""
    try:
        return f"[{host}]" if ipaddress.ip_address(host).version == 6 else host
    except ValueError:
        return host
