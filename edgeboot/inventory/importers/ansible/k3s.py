"""An inventory for Ansible becomes one of edgeboot's: groups become roles, variables settings.

The names are those of k3s-ansible, its forks, techno-tim's and PyratLabs' roles, and kubespray.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from edgeboot.errors import BadInput
from edgeboot.inventory import syntax
from edgeboot.inventory.draft import Draft, DraftNode, DraftSettings, DraftSsh, named, usable
from edgeboot.inventory.importers.ansible import login
from edgeboot.inventory.importers.ansible.model import Inventory
from edgeboot.inventory.importers.ansible.templates import Undefined, Unknown, rendered
from edgeboot.inventory.importers.k3s_args import UNKNOWN, Collected
from edgeboot.inventory.model import Role
from edgeboot.yaml.foreign import Tagged

_SERVERS = frozenset(
    {"server", "servers", "master", "masters", "control_node", "control_nodes", "control_plane"}
    | {"controlplane", "control", "controller", "controllers", "primary", "primary_server"}
    | {"leader", "init", "first_server", "first_master", "primary_master", "initial_master"}
)
_AGENTS = frozenset({"agent", "agents", "node", "nodes", "worker", "workers", "minion", "minions"})
_PREFIXES = ("k3s_", "k8s_", "kube_", "kubernetes_", "k3_", "rke2_", "cluster_")
_SUFFIXES = ("_nodes", "_node", "_hosts")
_CLUSTERS = frozenset({"k3s_cluster", "k3s", "k8s_cluster", "k8s", "cluster", "kubernetes"})
_HINT = "put hosts into the groups 'server' and 'agent' (or 'master' and 'node')"
_SERVER_ARGS = ("extra_server_args", "k3s_server_args", "k3s_extra_server_args")
_AGENT_ARGS = ("extra_agent_args", "k3s_agent_args", "k3s_extra_agent_args")
_DATASTORES = ("datastore_endpoint", "k3s_datastore_endpoint", "external_database")
_ADDRESSES = ("api_endpoint", "apiserver_endpoint", "k3s_registration_address")
_OURS = {
    "k3s_version": "the bundle determines K3s's version",
    "k3s_release_version": "the bundle determines K3s's version",
    "token": "edgeboot creates the token",
    "k3s_token": "edgeboot creates the token",
    "ansible_become_password": "use --ask-sudo-pass",
    "ansible_become_pass": "use --ask-sudo-pass",
    "ansible_sudo_pass": "use --ask-sudo-pass",
    "ansible_ssh_pass": "use --ask-pass",
    "ansible_password": "use --ask-pass",
    "server_config_yaml": "it is not a mapping of K3s options",
}
_SILENT = frozenset(
    {"ansible_connection", "ansible_become", "ansible_python_interpreter", "ansible_become_method"}
)
_MOST_NAMES = 12


def draft(inventory: Inventory, where: str, base: Path, parse: Callable[[bytes], Any]) -> Draft:
    """The draft; raises ``BadInput`` if no host has a role."""
    return _Reading(inventory, base, parse).draft(where)


class _Host:
    """A host's variables, with their templates replaced."""

    def __init__(self, name: str, reading: _Reading) -> None:
        self.name = name
        self._reading = reading
        self.variables = reading.inventory.variables_of(name)
        self.used: set[str] = set()

    def get(self, *names: str) -> Any:
        """The first that is set; None also where it is a secret or cannot be known."""
        for name in names:
            value = self.variables.get(name)
            if value is None or value == "":
                continue
            self.used.add(name)
            if isinstance(value, Tagged):
                self._reading.lost[f"{name} of {self.name}: encrypted by ansible-vault"] = None
                continue
            try:
                return rendered(value, self.lookup)
            except Unknown:
                self._reading.lost[f"{name} of {self.name}: a template that Ansible computes"] = (
                    None
                )
        return None

    def text(self, *names: str) -> str | None:
        """As ``get``, as text."""
        value = self.get(*names)
        return str(value) if isinstance(value, str | int) and str(value) else None

    def arguments(self, *names: str) -> Iterator[tuple[str, str]]:
        """Command lines; a part that cannot be known is ``UNKNOWN``."""
        for name in names:
            value = self.variables.get(name)
            if value is None or isinstance(value, Tagged | Mapping):
                continue
            self.used.add(name)
            for item in value if isinstance(value, list) else [value]:
                yield name, str(rendered(str(item), self.lookup, unknown=UNKNOWN))

    def lookup(self, name: str) -> Any:
        """A name in a template."""
        inventory = self._reading.inventory
        match name:
            case "inventory_hostname":
                return self.name
            case "inventory_hostname_short":
                return self.name.partition(".")[0]
            case "group_names":
                return list(inventory.groups_of(self.name))
            case "groups":
                return {group: list(inventory.hosts(group)) for group in (*inventory.groups, "all")}
            case "hostvars":
                return self._reading.all_variables
        if name in self.variables:
            self.used.add(name)
            value = self.variables[name]
            if isinstance(value, Tagged):
                raise Unknown
            return value
        raise Undefined


class _Reading:
    def __init__(self, inventory: Inventory, base: Path, parse: Callable[[bytes], Any]) -> None:
        self.inventory, self._base, self._parse = inventory, base, parse
        self.lost: dict[str, None] = dict(inventory.notes)
        self.all_variables = {
            name: {"inventory_hostname": name, **inventory.variables_of(name)}
            for name in inventory.host_variables
        }

    def draft(self, where: str) -> Draft:
        roles = self._roles()
        if not roles:
            raise BadInput("no hosts found", where=where, hint=_HINT)
        hosts = {name: _Host(name, self) for name in roles}
        etcd = sum(role is Role.SERVER for role in roles.values()) > 1
        settings: dict[str, DraftSettings] = {}
        for name, role in roles.items():
            settings[name], own_etcd = self._settings(hosts[name], role)
            etcd |= own_etcd
        nodes = [self._node(hosts[name], role, settings[name]) for name, role in roles.items()]
        shared = {role: _shared(nodes, role) for role in Role}
        nodes = [_without(node, shared[node.role]) for node in nodes]
        if not etcd:
            shared, nodes = self._without_etcd(shared, nodes)
        self._addresses(hosts, nodes)
        self._rest(hosts)
        return Draft(
            "edge",
            named(nodes),
            lost=tuple(self.lost),
            datastore="etcd" if etcd else None,
            roles=shared,
        )

    def _roles(self) -> dict[str, Role]:
        """Each host's role, servers first; one in groups of both kinds is a server."""
        inventory = self.inventory
        cluster = next((g for g in inventory.groups if _plain(g) in _CLUSTERS), None)
        inside = set(inventory.hosts(cluster)) if cluster else set()
        servers, agents = self._of(_SERVERS), self._of(_AGENTS)
        if inside & {*servers, *agents}:
            servers = [host for host in servers if host in inside]
            agents = [host for host in agents if host in inside]
        if not servers and inside:
            servers, agents = self._by_variable(inventory.hosts(str(cluster)), agents)
        roles = dict.fromkeys(servers, Role.SERVER)
        roles |= {host: Role.AGENT for host in agents if host not in roles}
        for host in inventory.host_variables:
            if host not in roles:
                groups = ", ".join(f"'{g}'" for g in inventory.groups_of(host)) or "no group"
                self.lost[f"host {host} in {groups}: neither server nor agent"] = None
        return roles

    def _of(self, words: frozenset[str]) -> list[str]:
        """The hosts of groups with such a name; of those for K3s alone if there are any."""
        found = [group for group in self.inventory.groups if _word(group) in words]
        own = [group for group in found if _plain(group).startswith(_PREFIXES)]
        hosts = {host: None for group in own for host in self.inventory.hosts(group)}
        return list(hosts or {h: None for group in found for h in self.inventory.hosts(group)})

    def _by_variable(
        self, hosts: tuple[str, ...], agents: list[str]
    ) -> tuple[list[str], list[str]]:
        """PyratLabs' role: ``k3s_control_node`` of each host; else the first is the server."""
        servers = [h for h in hosts if _Host(h, self).get("k3s_control_node") in {True, "true"}]
        if not servers and hosts:
            first = next((host for host in hosts if host not in agents), hosts[0])
            self.lost[f"roles: no group says which host is a server; {first} is taken"] = None
            servers = [first]
        return servers, [host for host in hosts if host not in servers]

    def _settings(self, host: _Host, role: Role) -> tuple[DraftSettings, bool]:
        found = Collected(role, self.lost)
        names = _SERVER_ARGS if role is Role.SERVER else _AGENT_ARGS
        for source, text in host.arguments(*names):
            found.arguments(text, source)
        documents = ("server_config_yaml", "k3s_server") if role is Role.SERVER else ("k3s_agent",)
        if role is Role.AGENT:
            documents = (*documents, "agent_config_yaml")
        for source in documents:
            value = host.variables.get(source)
            if isinstance(value, str) and not isinstance(value, Tagged) and value.strip():
                value = self._parsed(host, source, value)
            if isinstance(value, Mapping):
                host.used.add(source)
                found.configuration(value, source)
        if role is Role.SERVER and host.get("k3s_etcd_datastore") is True:
            found.etcd = True
        return found.made(), found.etcd

    def _parsed(self, host: _Host, source: str, text: str) -> Any:
        try:
            return self._parse(str(rendered(text, host.lookup, unknown=UNKNOWN)).encode())
        except ValueError:
            self.lost[f"{source}: not YAML"] = None
            return None

    def _node(self, host: _Host, role: Role, settings: DraftSettings) -> DraftNode:
        address = host.text("ansible_host", "ansible_ssh_host") or host.name
        user = host.text("ansible_user", "ansible_ssh_user")
        port = host.text("ansible_port", "ansible_ssh_port")
        if "@" in address:  # ssh takes it apart
            before, _, address = address.rpartition("@")
            user = before
        key = host.text("ansible_ssh_private_key_file", "ansible_private_key_file")
        arguments = host.text("ansible_ssh_common_args"), host.text("ansible_ssh_extra_args")
        jump = login.jump(" ".join(filter(None, arguments)), self.lost)
        is_name = bool(usable(host.name.partition(".")[0], syntax.dns_label, ""))
        numbers = host.name.replace(".", "").isdigit()
        return DraftNode(
            address=address,
            role=role,
            name=host.name if is_name and not numbers else "",
            node_ip=self._node_ip(host, address),
            ssh=DraftSsh(
                user=user,
                port=int(port) if port and port.isdecimal() and port != "22" else None,
                key=login.key(key, self._base) if key else None,
                jump=jump,
            ),
            settings=settings,
        )

    def _node_ip(self, host: _Host, address: str) -> str | None:
        found = usable(host.text("k3s_node_ip", "node_ip", "ip") or "", syntax.ip_address, "")
        return found if found and found != address else None

    def _without_etcd(
        self, shared: dict[Role, DraftSettings], nodes: list[DraftNode]
    ) -> tuple[dict[Role, DraftSettings], list[DraftNode]]:
        """K3s ignores the keys of a datastore that it does not use; an inventory refuses them."""

        def kept(settings: DraftSettings) -> DraftSettings:
            config = {k: v for k, v in settings.config.items() if not k.startswith("etcd-")}
            for key in settings.config.keys() - config:
                self.lost[f"{key}: it has no effect without etcd"] = None
            return DraftSettings(config, settings.labels, settings.taints)

        return (
            {role: kept(settings) for role, settings in shared.items()},
            [replace(node, settings=kept(node.settings)) for node in nodes],
        )

    def _addresses(self, hosts: dict[str, _Host], nodes: list[DraftNode]) -> None:
        """The address that a playbook gives to the servers together, which edgeboot does not."""
        own = {node.address for node in nodes} | {node.node_ip for node in nodes} | set(hosts)
        for host in hosts.values():
            for name in _ADDRESSES:
                address = host.text(name)
                if address and address not in own:
                    self.lost[
                        f"{name} {address}: edgeboot provides no such address; if kube-vip or a "
                        f"load balancer does, write `vip: {address}` below 'cluster:'"
                    ] = None
            for name in _DATASTORES:
                if host.variables.get(name):
                    host.used.add(name)
                    self.lost[
                        f"{name}: keep it in a file, `datastore: {{endpoint-file: FILE}}`"
                    ] = None

    def _rest(self, hosts: dict[str, _Host]) -> None:
        """The names of the other variables; a value may be a secret."""
        used = _SILENT.union(*(host.used for host in hosts.values()))
        left = {n: None for host in hosts.values() for n in host.variables if n not in used}
        for name in [name for name in left if name in _OURS]:
            self.lost[f"{name}: {_OURS[name]}"] = None
            del left[name]
        shown = [name for name in left if name.isprintable()][:_MOST_NAMES]
        if shown:
            more = f" and {len(left) - len(shown)} more" if len(left) > len(shown) else ""
            self.lost[f"other variables: {', '.join(shown)}{more}"] = None


def _plain(group: str) -> str:
    return group.lower().replace("-", "_")


def _word(group: str) -> str:
    """What a group's name says without prefixes: ``k3s_server_nodes`` is ``server``."""
    word = _plain(group)
    for prefix in _PREFIXES:
        word = word.removeprefix(prefix)
    for suffix in _SUFFIXES:
        if word.removesuffix(suffix) in _SERVERS | _AGENTS:
            word = word.removesuffix(suffix)
    return word


def _shared(nodes: list[DraftNode], role: Role) -> DraftSettings:
    """What all nodes of a role have in common, if they have everything in common."""
    of_role = [node.settings for node in nodes if node.role is role]
    alike = bool(of_role) and all(settings == of_role[0] for settings in of_role)
    return of_role[0] if alike else DraftSettings()


def _without(node: DraftNode, shared: DraftSettings) -> DraftNode:

    return replace(node, settings=DraftSettings()) if node.settings == shared else node
