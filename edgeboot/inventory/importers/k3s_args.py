"""K3s's command line and configuration as settings of an inventory."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from typing import Any

from edgeboot.inventory import syntax
from edgeboot.inventory.draft import DraftSettings
from edgeboot.inventory.k3s_keys import KEYS, OWNED, ConfigValue, Kind
from edgeboot.inventory.model import Role
from edgeboot.yaml.foreign import Tagged

UNKNOWN = "\x00"  # in the place of a value that cannot be known
_ALIASES = {"no-deploy": "disable", "kube-controller-arg": "kube-controller-manager-arg"}


class Collected:
    """Settings as they are found; ``lost`` gets a line for each that cannot be carried over.

    Values are not repeated there: they may be secrets.
    """

    def __init__(self, role: Role, lost: dict[str, None]) -> None:
        self._role, self._lost = role, lost
        self._config: dict[str, ConfigValue] = {}
        self._labels: dict[str, str] = {}
        self._taints: dict[str, None] = {}
        self.etcd = False

    def made(self) -> DraftSettings:
        """The settings found so far."""
        return DraftSettings(self._config, self._labels, tuple(self._taints))

    def arguments(self, text: str, source: str) -> None:
        """Options of ``k3s server`` or ``k3s agent``."""
        try:
            words = shlex.split(text)
        except ValueError:
            self._lost[f"{source}: a quote is not closed"] = None
            return
        for key, value in _options(words):
            self._add(key, value, source)

    def configuration(self, document: Any, source: str) -> None:
        """The content of K3s's ``config.yaml``."""
        if not isinstance(document, Mapping):
            self._lost[f"{source}: not a mapping of K3s options"] = None
            return
        for key, value in document.items():
            for one in value if isinstance(value, list) else [value]:
                self._add(str(key).rstrip("+"), None if one is True else one, source)

    def _add(self, key: str, value: Any, source: str) -> None:
        key = _ALIASES.get(key.replace("_", "-"), key.replace("_", "-"))
        text = "true" if value is None else str(value)
        name = f"{source}: {key}" if key.isprintable() and len(key) < 60 else source
        if UNKNOWN in text or UNKNOWN in key or "{{" in text or isinstance(value, Tagged):
            self._lost[
                f"{source}: {key.partition(UNKNOWN)[0] or 'an option'} has a value that "
                "Ansible computes"
            ] = None
        elif key == "node-label":
            self._label(text, name)
        elif key == "node-taint":
            self._taint(text, name)
        elif key == "cluster-init":
            self.etcd = self._role is Role.SERVER and text.lower() != "false"
        elif key in OWNED:
            self._lost[f"{name}: {OWNED[key].removeprefix('remove it: ')}"] = None
        elif key not in KEYS:
            self._lost[f"{name}: not an option that an inventory has"] = None
        elif KEYS[key].server_only and self._role is Role.AGENT:
            self._lost[f"{name}: an option of servers, which agents refuse"] = None
        else:
            self._key(key, text, name)

    def _key(self, key: str, text: str, name: str) -> None:
        known = KEYS[key]
        words = text.split(",") if known.choices and known.kind is Kind.LIST else [text]
        for word in (word.strip() for word in words):
            if known.choices and word not in known.choices:
                self._lost[f"{name}: only {', '.join(known.choices)} are possible"] = None
            elif known.kind is Kind.LIST:
                before = self._config.get(key, ())
                old = before if isinstance(before, tuple) else ()
                self._config[key] = (*old, *([word] if word not in old else []))
            elif known.kind is Kind.BOOLEAN:
                self._config[key] = word.lower() in {"true", "1", "yes"}
            elif known.kind is Kind.INTEGER and not word.isdecimal():
                self._lost[f"{name}: not a number"] = None
            elif not word or not word.isprintable():
                self._lost[f"{name}: not a text of one line"] = None
            else:
                self._config[key] = int(word) if known.kind is Kind.INTEGER else word

    def _label(self, text: str, name: str) -> None:
        for one in text.split(","):
            key, _, value = one.partition("=")
            try:
                self._labels[syntax.label_key(key)] = syntax.label_value(value)
            except ValueError as error:
                self._lost[f"{name} {key}: {error}"] = None

    def _taint(self, text: str, name: str) -> None:
        for one in text.split(","):
            try:
                self._taints[syntax.taint(one)] = None
            except ValueError as error:
                self._lost[f"{name}: {error}"] = None


def _options(words: list[str]) -> Iterator[tuple[str, str | None]]:
    """Options and their values, in both spellings."""
    waiting = [word for word in words if word not in {"server", "agent"}]
    while waiting:
        word = waiting.pop(0)
        key, has_value, value = word.lstrip("-").partition("=")
        if has_value:
            yield key, value
            continue
        is_flag = key in KEYS and KEYS[key].kind is Kind.BOOLEAN
        takes = waiting and not waiting[0].startswith("--") and word.startswith("-")
        yield key, waiting.pop(0) if takes and not is_flag else None
