"""Hosts, groups and variables, with Ansible's precedence.

Source: Ansible's "How to build your inventory" and "Using variables": all, then groups by depth and
name, each with the inventory's own variables before group_vars, then the host.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

Vars = Mapping[str, Any]
MOST_HOSTS = 1000


@dataclass
class Group:
    """A group's own hosts, its child groups, and the variables written in the inventory."""

    hosts: dict[str, None] = field(default_factory=dict)
    children: dict[str, None] = field(default_factory=dict)
    variables: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Source:
    """Variables from ``group_vars`` and ``host_vars`` of one directory, by group and by host."""

    groups: dict[str, Vars]
    hosts: dict[str, Vars]


@dataclass
class Inventory:
    """All of it. ``notes`` are what was not understood, one line each."""

    groups: dict[str, Group] = field(default_factory=dict)
    host_variables: dict[str, dict[str, Any]] = field(default_factory=dict)
    sources: list[Source] = field(default_factory=list)  # the inventory's, then the playbooks'
    notes: dict[str, None] = field(default_factory=dict)

    def group(self, name: str) -> Group:
        """The group of a name, made if it is new."""
        return self.groups.setdefault(name, Group())

    def add_host(self, name: str, group: str, variables: Vars) -> None:
        """A host in a group; variables it was given before stay."""
        self.group(group).hosts[name] = None
        self.host_variables.setdefault(name, {}).update(variables)

    def hosts(self, group: str) -> tuple[str, ...]:
        """The hosts of a group and of the groups below it."""
        if group == "all":
            return tuple(self.host_variables)
        found: dict[str, None] = {}
        for name in self._below(group, {}):
            found |= self.groups[name].hosts
        return tuple(found)

    def _below(self, group: str, seen: dict[str, None]) -> dict[str, None]:
        if group in self.groups and group not in seen:
            seen[group] = None
            for child in self.groups[group].children:
                self._below(child, seen)
        return seen

    def groups_of(self, host: str) -> tuple[str, ...]:
        """The groups a host is in, parents before children, then by name; without ``all``."""
        depths = self._depths()
        named = (g for g in self.groups if g != "all" and host in self.hosts(g))
        return tuple(sorted(named, key=lambda g: (depths[g], _priority(self.groups[g]), g)))

    def _depths(self) -> dict[str, int]:
        depths = dict.fromkeys(self.groups, 1)
        for _ in self.groups:  # a chain of groups is no longer than that
            deeper = [
                (child, depths[name] + 1)
                for name, group in self.groups.items()
                for child in group.children
                if name != "all" and child in depths and depths[child] <= depths[name]
            ]
            if not deeper:
                break
            for child, depth in deeper:
                depths[child] = max(depths[child], min(depth, len(depths) + 1))
        return depths

    def variables_of(self, host: str) -> dict[str, Any]:
        """A host's variables; what is written last wins."""
        merged: dict[str, Any] = {}
        for layer in self._layers(host, self.groups_of(host)):
            merged.update(layer)
        return merged

    def _layers(self, host: str, groups: tuple[str, ...]) -> Iterator[Vars]:
        yield self.groups["all"].variables if "all" in self.groups else {}
        yield from (self.groups[group].variables for group in groups)
        yield from (source.groups.get("all", {}) for source in self.sources)
        for source in self.sources:
            yield from (source.groups.get(group, {}) for group in groups)
        yield self.host_variables.get(host, {})
        yield from (source.hosts.get(host, {}) for source in self.sources)


def _priority(group: Group) -> int:
    text = str(group.variables.get("ansible_group_priority", 1))
    return int(text) if text.isdecimal() else 1
