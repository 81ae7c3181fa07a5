"""The part of a node that defaults, roles and groups can give as well: one reader for all four."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from edgeboot.errors import BadInput
from edgeboot.inventory import sections, syntax
from edgeboot.inventory.boards import BOARDS
from edgeboot.inventory.budget.values import COMPONENTS, FIGURES, NAMED, budget_of, parse_amount
from edgeboot.inventory.checking import checked
from edgeboot.inventory.hosts import Host, read_host
from edgeboot.inventory.k3s_keys import KEYS, OWNED, K3sKey, Kind, applies_to
from edgeboot.inventory.model import Budget, ConfigValue, Jump, Role, Ssh
from edgeboot.yaml.reader import Reader, Scalar
from edgeboot.yaml.wording import nearest, quoted

_HOST_PORT = re.compile(r"(\[[^\]]*\]|[^:]*)(?::([0-9]{1,6}))?")


@dataclass(frozen=True)
class Settings:
    """What a node has besides its identity."""

    ssh: Ssh
    labels: dict[str, str]
    taints: tuple[str, ...]
    config: dict[str, ConfigValue]
    budget: Budget
    profiles: frozenset[str]
    host: Host


def read_settings(reader: Reader, base: Path, role: Role | None) -> Settings:
    """Settings from a node or a layer below it.

    ``base`` is where relative paths begin; ``role`` is None where nodes of both may follow.
    """
    return Settings(
        ssh=_ssh(reader, base),
        labels=_labels(reader),
        taints=_taints(reader),
        config=read_config(reader, role),
        budget=_budget(reader),
        profiles=_profiles(reader),
        host=read_host(reader, base),
    )


def read_config(reader: Reader, role: Role | None) -> dict[str, ConfigValue]:
    """K3s's own keys under ``config``."""
    mapping = reader.mapping("config")
    for key in mapping:
        if key in OWNED:
            what = f"'{key}' cannot stand in 'config' of {reader.what}"
            raise BadInput(what, where=mapping.where(key), hint=OWNED[key])
        if role and not applies_to(key, role):
            what = f"'{key}' is for servers only, {reader.what} is an agent"
            hint = "move it to 'config' of 'cluster', which gives it to the server"
            raise BadInput(what, where=mapping.where(key), hint=hint)
    config = mapping.reader(tuple(KEYS), f"'config' of {reader.what}")
    return {key: _config_value(config, key, KEYS[key]) for key in mapping}


def _config_value(config: Reader, key: str, known: K3sKey) -> ConfigValue:
    match known.kind:
        case Kind.BOOLEAN:
            return config.boolean(key)
        case Kind.INTEGER:
            return config.integer(key)
        case Kind.LIST:
            # K3s takes one text for a list of one; there is one form of it from here on.
            single = isinstance(config.value(key), Scalar)
            texts = (config.text(key),) if single else config.texts(key)
            if known.choices:
                texts = tuple(word.strip() for text in texts for word in text.split(","))
                return tuple(_choice(config, key, text, known.choices) for text in texts)
            return tuple(checked(config, key, text, syntax.plain) for text in texts)
        case Kind.TEXT:
            text = checked(config, key, config.text(key), syntax.plain)
            return _choice(config, key, text, known.choices) if known.choices else text


def _choice(config: Reader, key: str, text: str, choices: tuple[str, ...]) -> str:
    if text in choices:
        return text
    near = nearest(text, choices)
    hint = f"did you mean '{near}'?" if near else f"one of {', '.join(choices)}"
    raise config.error(key, f"{quoted(text)} is no value of '{key}'", hint)


def _ssh(reader: Reader, base: Path) -> Ssh:
    ssh = reader.mapping("ssh").reader(sections.SSH, f"'ssh' of {reader.what}")
    jump = _jump_text(ssh) if isinstance(ssh.value("jump"), Scalar) else _jump(ssh, base)
    return Ssh(
        user=_optional(ssh, "user", syntax.user),
        port=_port(ssh),
        key=_key(ssh, base),
        host_key=_optional(ssh, "host-key", syntax.host_key),
        jump=jump,
        password=_password(ssh),
    )


def _jump(ssh: Reader, base: Path) -> Jump | None:
    if not ssh.has("jump"):
        return None
    jump = ssh.mapping("jump").reader(sections.JUMP, f"'jump' of {ssh.what}")
    return Jump(
        address=checked(jump, "address", jump.text("address"), syntax.address),
        user=_optional(jump, "user", syntax.user),
        port=_port(jump),
        key=_key(jump, base),
        host_key=_optional(jump, "host-key", syntax.host_key),
        password=_password(jump),
    )


def _password(reader: Reader) -> bool:
    """``ask`` and nothing else: what was written there instead is not repeated in the message."""
    text = reader.literal("password", None)
    if text not in {None, "ask"}:
        hint = "write 'password: ask', or use keys; change a password that stood here"
        raise reader.error("password", "an inventory holds no secrets", hint)
    return text is not None


def _jump_text(ssh: Reader) -> Jump | None:
    """``[user@]host[:port]``, or ``none`` as in ssh_config(5): undoes a jump of a layer below."""
    text = ssh.text("jump")
    if text == "none":
        return None
    user, at, rest = text.rpartition("@")
    found = _HOST_PORT.fullmatch(rest)  # else an IPv6 address without brackets, or a mistake
    host, port = (found[1], found[2]) if found else (rest, None)
    return Jump(
        address=checked(ssh, "jump", host, syntax.address),
        user=checked(ssh, "jump", user, syntax.user) if at else None,
        port=_port_in_range(ssh, "jump", int(port)) if port else None,
    )


def _port(reader: Reader) -> int | None:
    port = reader.integer("port", None)
    return None if port is None else _port_in_range(reader, "port", port)


def _port_in_range(reader: Reader, key: str, port: int) -> int:
    if 1 <= port <= 65535:
        return port
    raise reader.error(key, f"{port} is no port", "ports run from 1 to 65535")


def _key(reader: Reader, base: Path) -> Path | None:
    """The private key's file; looked for at once, since later a host would have to be reached."""
    text = _optional(reader, "key", syntax.plain)
    if text is None:
        return None
    try:
        path = base / Path(text).expanduser()
    except RuntimeError:
        raise reader.error("key", f"no such user in {quoted(text)}") from None
    if path.suffix == ".pub":
        raise reader.error("key", f"{quoted(text)} is a public key", "name the private one")
    if not path.is_file():
        hint = "correct the path, or leave 'key' out to use the SSH agent and ~/.ssh"
        raise reader.error("key", f"no key file {quoted(str(path))}", hint)
    if not os.access(path, os.R_OK):
        raise reader.error("key", f"{quoted(str(path))} is not yours to read", "see its owner")
    return path


def _optional(reader: Reader, key: str, check: Callable[[str], str]) -> str | None:
    text = reader.text(key, None)
    return None if text is None else checked(reader, key, text, check)


def _labels(reader: Reader) -> dict[str, str]:
    labels = reader.mapping("labels").free_reader(f"'labels' of {reader.what}")
    return {
        checked(labels, key, key, syntax.label_key): checked(
            labels, key, labels.literal(key), syntax.label_value
        )
        for key in labels.top
    }


def _taints(reader: Reader) -> tuple[str, ...]:
    for text in reader.texts("taints"):
        effect = text.rpartition(":")[2]
        near = _nearest_effect(effect)
        if near and near != effect:
            what = f"{quoted(effect)} is no effect of a taint"
            raise reader.error("taints", what, f"did you mean {near}?")
    return tuple(checked(reader, "taints", t, syntax.taint) for t in reader.texts("taints"))


def _profiles(reader: Reader) -> frozenset[str]:
    for name in reader.texts("profiles"):
        if name not in sections.PROFILES:
            near = nearest(name, sections.PROFILES)
            hint = f"did you mean '{near}'?" if near else f"known: {', '.join(sections.PROFILES)}"
            raise reader.error("profiles", f"{reader.what}: no profile {quoted(name)}", hint)
    preset = BOARDS.get(reader.text("board", ""))
    if preset and not reader.has("profiles"):
        return frozenset(preset.profiles)
    return frozenset(reader.texts("profiles"))


def _nearest_effect(effect: str) -> str | None:
    by_lower = {known.lower(): known for known in syntax.TAINT_EFFECTS}
    near = nearest(effect, tuple(by_lower))
    return by_lower[near] if near else None


def _budget(reader: Reader) -> Budget:
    what = f"'budget' of {reader.what}"
    return read_budget(reader.mapping("budget").reader(sections.BUDGET, what))


def read_budget(budget: Reader) -> Budget:
    """The limits of a ``budget`` mapping, those of its ``components`` as ``component.figure``."""
    limits = _limits(budget, FIGURES, "")
    components = budget.mapping("components").reader(
        tuple(COMPONENTS), f"'components' of {budget.what}"
    )
    for name, figures in COMPONENTS.items():
        part = components.mapping(name).reader(figures, f"'{name}' of {components.what}")
        limits |= _limits(part, figures, f"{name}.")
    return budget_of(limits, _base(budget))


def _limits(reader: Reader, names: Iterable[str], prefix: str) -> dict[str, int]:
    found = ((f"{prefix}{name}", _amount(reader, name)) for name in names)
    return {name: amount for name, amount in found if amount is not None}


def _base(budget: Reader) -> str | None:
    text = budget.text("base", None)
    if text is None or text in NAMED:
        return text
    near = nearest(text, tuple(NAMED))
    hint = f"did you mean '{near}'?" if near else f"one of {', '.join(NAMED)}"
    raise budget.error("base", f"no budget is called {quoted(text)}", hint)


def _amount(budget: Reader, key: str) -> int | None:
    text = budget.literal(key, None)
    if text is None:
        return None
    try:
        return parse_amount(FIGURES[key].unit, text)
    except ValueError as error:
        what = f"{quoted(text)} is no amount for {budget.what}: '{key}'"
        raise budget.error(key, what, str(error)) from None
