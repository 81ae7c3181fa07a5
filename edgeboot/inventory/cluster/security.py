"""``secrets-encryption`` and ``audit``. Source: K3s docs/security, docs/cli/secrets-encrypt."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from edgeboot.errors import BadInput
from edgeboot.inventory.files import TEXT_FILE, TextFile
from edgeboot.inventory.k3s_keys import KEYS as K3S_KEYS
from edgeboot.yaml import foreign
from edgeboot.yaml.compound import Either, Made
from edgeboot.yaml.section import Section, Values, optional
from edgeboot.yaml.types import At, Boolean, Choice, Integer
from edgeboot.yaml.wording import quoted

PROVIDERS = K3S_KEYS["secrets-encryption-provider"].choices
LEVELS = ("Metadata", "Request", "RequestResponse")


@dataclass(frozen=True)
class Encryption:
    """Whether Secrets are encrypted in the datastore; None is K3s's own default."""

    enabled: bool | None = None
    provider: str | None = None


@dataclass(frozen=True)
class Audit:
    """The API's log of who did what; days, files, MiB. ``policy`` is the text of a Policy."""

    level: str = "Metadata"
    policy: str | None = None
    max_age: int = 30
    max_backup: int = 10
    max_size: int = 100


def _encryption(value: bool | str, _at: At) -> Encryption:
    return Encryption(value) if isinstance(value, bool) else Encryption(True, value)


ENCRYPTION = Made(Either(Boolean(), Choice(PROVIDERS)), _encryption)


def _policy(file: TextFile, at: At) -> str:
    try:
        document = foreign.parse(file.text.encode())
    except ValueError:
        document = None
    kind = document.get("kind") if isinstance(document, dict) else None
    if kind != "Policy" or not document.get("rules"):
        what = f"no audit Policy with rules in {quoted(str(file.path))}: the API would not start"
        raise at.error(what, "see https://kubernetes.io/docs/tasks/debug/debug-cluster/audit/")
    return file.text


LEVEL = optional(
    "level", Choice(LEVELS), "How much is logged; Metadata by default.", default=Audit.level
)
POLICY = optional("policy", Made(TEXT_FILE, _policy), "A file with an audit Policy, not 'level'.")
MAX_AGE = optional("max-age", Integer(1, 3650), "Days; 30 by default.", default=Audit.max_age)
MAX_BACKUP = optional(
    "max-backup", Integer(1, 1000), "Files; 10 by default.", default=Audit.max_backup
)
MAX_SIZE = optional("max-size", Integer(1, 10_000), "MiB; 100 by default.", default=Audit.max_size)


def _level_or_policy(values: Values) -> Iterator[BadInput]:
    if values.has(LEVEL) and values.has(POLICY):
        what = "'level' and 'policy' exclude each other"
        yield values.error(POLICY, what, "remove one of them")


_SECTION = Section(
    (LEVEL, POLICY, MAX_AGE, MAX_BACKUP, MAX_SIZE),
    lambda v: Audit(v[LEVEL], v[POLICY], v[MAX_AGE], v[MAX_BACKUP], v[MAX_SIZE]),
    title="{key}",
    rules=(_level_or_policy,),
)


def _audit(value: bool | Audit, _at: At) -> Audit | None:
    if isinstance(value, Audit):
        return value
    return Audit() if value else None


AUDIT = Made(Either(Boolean(), _SECTION), _audit)
