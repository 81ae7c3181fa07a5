"""``secrets-encryption`` and ``audit``. Source: K3s docs/security, docs/cli/secrets-encrypt."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from edgeboot.inventory.cluster.base import (
    BOOLEAN,
    TEXT,
    closed,
    described,
    in_range,
    is_flag,
    one_of,
    text_file,
)
from edgeboot.inventory.k3s_keys import KEYS as K3S_KEYS
from edgeboot.yaml import foreign
from edgeboot.yaml.reader import Reader

PROVIDERS = K3S_KEYS["secrets-encryption-provider"].choices
LEVELS = ("Metadata", "Request", "RequestResponse")
AUDIT_KEYS = ("level", "policy", "max-age", "max-backup", "max-size")
_MOST_DAYS, _MOST_FILES, _MOST_SIZE = 3650, 1000, 10_000


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


ENCRYPTION_SCHEMA = {
    "description": "Encrypt Secrets in the datastore: true, or how. From the first start on only.",
    "oneOf": [BOOLEAN, {"enum": list(PROVIDERS)}],
}
AUDIT_SCHEMA = {
    "description": "The API's log of who did what.",
    "oneOf": [
        BOOLEAN,
        closed(
            {
                "level": described({"enum": list(LEVELS)}, "How much; Metadata by default."),
                "policy": described(TEXT, "A file with an audit Policy, in place of 'level'."),
                "max-age": described({"type": "integer", "minimum": 1}, "Days; 30 by default."),
                "max-backup": described({"type": "integer", "minimum": 1}, "Files; 10 by default."),
                "max-size": described({"type": "integer", "minimum": 1}, "MiB; 100 by default."),
            }
        ),
    ],
}


def read_encryption(cluster: Reader, _base: Path) -> Encryption:
    """``secrets-encryption``: true, false or a provider."""
    key = "secrets-encryption"
    if not cluster.has(key):
        return Encryption()
    if is_flag(cluster, key):
        return Encryption(cluster.boolean(key))
    return Encryption(True, one_of(cluster, key, PROVIDERS, PROVIDERS[0]))


def read_audit(cluster: Reader, base: Path) -> Audit | None:
    """``audit``: true, or how; None without one."""
    if not cluster.has("audit"):
        return None
    if is_flag(cluster, "audit"):
        return Audit() if cluster.boolean("audit") else None
    reader = cluster.mapping("audit").reader(AUDIT_KEYS, "'audit'")
    if reader.has("level") and reader.has("policy"):
        raise reader.error("policy", "'level' and 'policy' exclude each other")
    return Audit(
        level=one_of(reader, "level", LEVELS, Audit.level),
        policy=_policy(reader, base),
        max_age=in_range(reader, "max-age", 1, _MOST_DAYS) or Audit.max_age,
        max_backup=in_range(reader, "max-backup", 1, _MOST_FILES) or Audit.max_backup,
        max_size=in_range(reader, "max-size", 1, _MOST_SIZE) or Audit.max_size,
    )


def _policy(reader: Reader, base: Path) -> str | None:
    text = text_file(reader, "policy", base)
    if text is None:
        return None
    try:
        document = foreign.parse(text.encode())
    except ValueError:
        document = None
    kind = document.get("kind") if isinstance(document, dict) else None
    if kind != "Policy" or not document.get("rules"):
        what = "the file holds no audit Policy with rules: the API would not start"
        raise reader.error("policy", what, "see Kubernetes, 'Auditing'")
    return text
