"""What ``defaults``, roles, groups and nodes can all set; later layers win."""

from __future__ import annotations

from dataclasses import dataclass

from edgeboot.inventory import syntax
from edgeboot.inventory.budget.section import BUDGET_SECTION
from edgeboot.inventory.host import section as host_section
from edgeboot.inventory.host.boards import BOARDS
from edgeboot.inventory.host.host import Host
from edgeboot.inventory.k3s_keys import CONFIG as CONFIG_SECTION
from edgeboot.inventory.k3s_keys import ConfigValue
from edgeboot.inventory.model import Budget, Ssh
from edgeboot.inventory.node.login import SSH_SECTION
from edgeboot.yaml.compound import ListOf, Made, MapOf
from edgeboot.yaml.section import Section, Values, optional
from edgeboot.yaml.types import At, Choice, Literal, Text, checked
from edgeboot.yaml.wording import nearest, quoted

PROFILES = ("lean", "sd-card", "cis")


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


_LABEL = Literal(syntax.label_value, {"type": ["string", "number", "boolean"]}, "label value")
_EFFECTS = "|".join(syntax.TAINT_EFFECTS)


def _taint(text: str, at: At) -> str:
    effect = text.rpartition(":")[2]
    by_lower = {known.lower(): known for known in syntax.TAINT_EFFECTS}
    near = nearest(effect, by_lower)
    if near and by_lower[near] != effect:
        raise at.invalid(quoted(effect), "taint effect", f"did you mean '{by_lower[near]}'?")
    return checked(text, syntax.taint, at, "taint")


SSH = optional("ssh", SSH_SECTION, "How to log in.", default=Ssh())
LABELS = optional(
    "labels", MapOf(_LABEL, syntax.label_key, "label"), "Kubernetes labels.", default={}
)
TAINTS = optional(
    "taints",
    ListOf(Made(Text(str, pattern=f":({_EFFECTS})$"), _taint)),
    "Kubernetes taints, key=value:Effect; K3s sets them when a node joins.",
    default=(),
)
_PROFILES = optional(
    "profiles",
    ListOf(Choice(PROFILES, "profile")),
    "Sets of documented settings, which can be combined.",
    default=(),
)
CONFIG = optional("config", CONFIG_SECTION, "K3s's own keys.", default={})
BUDGET = optional("budget", BUDGET_SECTION, "What the node may use.", default=Budget())


def _profiles(values: Values) -> frozenset[str]:
    preset = BOARDS.get(values[host_section.BOARD] or "")
    written = values[_PROFILES]
    return frozenset(preset.profiles if preset and not values.has(_PROFILES) else written)


def _settings(values: Values) -> Settings:
    return Settings(
        ssh=values[SSH],
        labels=values[LABELS],
        taints=values[TAINTS],
        config=values[CONFIG],
        budget=values[BUDGET],
        profiles=_profiles(values),
        host=host_section.host(values),
    )


SETTINGS: Section[Settings] = Section(
    (SSH, LABELS, TAINTS, _PROFILES, CONFIG, BUDGET, *host_section.KEYS),
    _settings,
    title="{key}",
    ref="settings",
)
