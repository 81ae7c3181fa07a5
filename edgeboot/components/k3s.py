"""K3s itself: its binary, configuration, token, unit and service."""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Iterator, Mapping

from edgeboot.components import clock, lean
from edgeboot.components.additions import with_components
from edgeboot.components.context import Context
from edgeboot.components.hardening import is_hardened
from edgeboot.components.services import Around, service_files
from edgeboot.inventory.k3s_keys import applies_to
from edgeboot.inventory.model import Cluster, ConfigValue, Node, Role
from edgeboot.plan import paths
from edgeboot.plan.resources import Directory, File, Kept, Resource, Service, text
from edgeboot.secret import Secret


def directories(context: Context) -> Iterator[Resource]:
    """K3s's directories, tight before anything is put into them.

    K3s makes ``agent`` and ``server`` 0700 but never tightens what exists, and what it generates
    below them holds credentials.
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
    """Token, configuration and unit, and the service that runs with them."""
    name = context.service
    if context.node.role is Role.SERVER and isinstance(context.join_token, Secret):
        yield Kept(paths.TOKEN, context.join_token, restarts=name)
    else:
        yield File(paths.TOKEN, context.join_token, 0o600, restarts=name)
    config = render(config_of(context.cluster, context.node))
    yield File(paths.CONFIG, text(config), 0o600, restarts=name)
    around = Around(
        before=clock.command(context),
        after_time_sync=bool(context.node.host.time_servers),
        needs_data=context.node.host.storage is not None,
        hardened=is_hardened(context.node),
    )
    yield from service_files(context.traits, name, context.node.role, around)
    yield Service(name)


def config_of(cluster: Cluster, node: Node) -> dict[str, ConfigValue]:
    """The keys of a node's ``config.yaml``: edgeboot's own, the cluster's, the node's."""
    config: dict[str, ConfigValue] = {
        key: value for key, value in cluster.config.items() if applies_to(key, node.role)
    }
    if node.role is Role.SERVER and (unneeded := lean.left_out(cluster)):
        config["disable"] = unneeded
    config |= node.config
    config["node-name"] = node.name
    config["token-file"] = paths.TOKEN
    if node.node_ip:
        config["node-ip"] = node.node_ip
    if node.labels:
        config["node-label"] = tuple(f"{k}={v}" for k, v in sorted(node.labels.items()))
    if node.taints:
        config["node-taint"] = node.taints
    if node.role is Role.AGENT:
        config["server"] = api_url(cluster)
    else:
        config["tls-san"] = _names(config.get("tls-san"), node.address)
    return with_components(config, cluster, node)


def _names(given: ConfigValue | None, address: str) -> tuple[str, ...]:
    """The server's address belongs into its certificate: it is what kubeconfig will use."""
    names = given if isinstance(given, tuple) else (str(given),) if given else ()
    return names if address in names else (*names, address)


def api_url(cluster: Cluster) -> str:
    """Where agents find the API: the first server's address inside the site."""
    server = cluster.servers[0]
    return f"https://{bracketed(server.node_ip or server.address)}:6443"


def bracketed(host: str) -> str:
    """A host as it stands in a URL: IPv6 addresses in brackets."""
    try:
        return f"[{host}]" if ipaddress.ip_address(host).version == 6 else host
    except ValueError:
        return host


def render(config: Mapping[str, ConfigValue]) -> str:
    """K3s's flat YAML. JSON's scalars are YAML's, so quoting is settled by ``json``."""
    lines = ["# Written by edgeboot; changes are overwritten by the next `edgeboot install`."]
    for key in sorted(config):
        value = config[key]
        if isinstance(value, tuple):
            lines.append(f"{key}:")
            lines += [f"  - {json.dumps(word)}" for word in value]
        else:
            lines.append(f"{key}: {json.dumps(value)}")
    return "\n".join(lines) + "\n"
