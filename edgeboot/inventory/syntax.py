"""What names, addresses, users, host keys, labels and taints may look like.

Allow-lists throughout: what passes has no character that a shell, SSH or a terminal would obey,
and does not begin with a dash. Each function returns the value in its usual spelling, or raises
ValueError with what to do.

Labels and taints after Kubernetes: "Labels and Selectors", "Taints and Tolerations", and what the
kubelet accepts from its own flags (kubelet: ``--node-labels``).
"""

from __future__ import annotations

import base64
import binascii
import ipaddress
import re

LABEL_PATTERN = r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$"
USER_PATTERN = r"^[A-Za-z0-9_][A-Za-z0-9_.-]{0,31}$"
FINGERPRINT_PATTERN = r"^SHA256:[A-Za-z0-9+/]{43}$"
BUNDLE_KEY_PATTERN = r"^RW[A-Za-z0-9+/]{54}$"  # minisign: 42 bytes in base64, the first two "Ed"
TAINT_EFFECTS = ("NoSchedule", "PreferNoSchedule", "NoExecute")

_LABEL = re.compile(LABEL_PATTERN)
_USER = re.compile(USER_PATTERN)
_FINGERPRINT = re.compile(FINGERPRINT_PATTERN)
_BUNDLE_KEY = re.compile(BUNDLE_KEY_PATTERN)
_HOSTNAME_PART = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?")
_ZONE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,14}")
_KEY_TYPE = re.compile(r"(ssh-(ed25519|rsa)|ecdsa-sha2-nistp(256|384|521))")
_WORD = re.compile(r"[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?")
_DNS_SUBDOMAIN = re.compile(
    r"(?=.{1,253}\Z)[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*"
)
_KUBELET_DOMAINS = ("kubelet.kubernetes.io", "node.kubernetes.io")
_KUBELET_LABELS = frozenset(
    {
        "kubernetes.io/hostname",
        "kubernetes.io/arch",
        "kubernetes.io/os",
        "beta.kubernetes.io/arch",
        "beta.kubernetes.io/os",
        "beta.kubernetes.io/instance-type",
        "topology.kubernetes.io/region",
        "topology.kubernetes.io/zone",
        "failure-domain.beta.kubernetes.io/region",
        "failure-domain.beta.kubernetes.io/zone",
    }
)


def dns_label(text: str) -> str:
    """A name of a node or a cluster: an RFC 1123 label."""
    if _LABEL.fullmatch(text):
        return text
    if _LABEL.fullmatch(text.lower()):
        raise ValueError(f"write it in lower case: {text.lower()}")
    raise ValueError("lower-case letters, digits and dashes, at most 63, no dash at the ends")


def bundle_key(text: str) -> str:
    """A minisign public key."""
    if _BUNDLE_KEY.fullmatch(text):
        return text
    raise ValueError("give the line of the .pub file that starts with RW")


def address(text: str) -> str:
    """An IP address, IPv6 with or without brackets, or a host name; nothing is resolved."""
    bare = text[1:-1] if text.startswith("[") and text.endswith("]") else text
    if ":" in bare:
        host, _, zone = bare.partition("%")
        if "%" in bare and not _ZONE.fullmatch(zone):
            raise ValueError("what follows % must be the name of an interface")
        return ip_address(host) + (f"%{zone}" if zone else "")
    parts = text.removesuffix(".").split(".")
    if parts[-1].isdigit():  # no domain ends in a number: an IPv4 address was meant
        return ip_address(text)
    if len(text) <= 253 and all(_HOSTNAME_PART.fullmatch(part) for part in parts):
        return text.lower()
    raise ValueError("write an IP address or a host name, nothing else")


def ip_address(text: str) -> str:
    """An IP address in its usual spelling."""
    try:
        if "%" in text:
            raise ValueError
        return str(ipaddress.ip_address(text))
    except ValueError:
        raise ValueError("write an IP address, for instance 192.0.2.11") from None


def user(text: str) -> str:
    """A user to log in as."""
    if _USER.fullmatch(text):
        return text
    raise ValueError("letters, digits, '.', '_' and '-', not beginning with '-' or '.'")


def host_key(text: str) -> str:
    """A public host key (``TYPE BASE64``, a comment is dropped) or its fingerprint."""
    if _FINGERPRINT.fullmatch(text):
        return text
    words = text.split(" ")
    if len(words) >= 2 and _KEY_TYPE.fullmatch(words[0]) and _is_key(words[0], words[1]):
        return f"{words[0]} {words[1]}"
    raise ValueError(
        "write 'ssh-ed25519 AAAA…' from the host's /etc/ssh/ssh_host_ed25519_key.pub, "
        "or 'SHA256:…' from `ssh-keygen -lf` of that file"
    )


def label_key(text: str) -> str:
    """A label that a kubelet can give its own node."""
    prefix, slash, name = text.rpartition("/")
    if not _WORD.fullmatch(name) or (slash and not _DNS_SUBDOMAIN.fullmatch(prefix)):
        raise ValueError("write [example.com/]name: letters, digits, '-', '_' and '.', at most 63")
    if _within(prefix, ("kubernetes.io", "k8s.io")) and not (
        text in _KUBELET_LABELS or _within(prefix, _KUBELET_DOMAINS)
    ):
        raise ValueError(
            "Kubernetes keeps this prefix for itself and the kubelet would not start; use your "
            "own (example.com/name) or node.kubernetes.io/name, or `kubectl label` afterwards"
        )
    return text


def label_value(text: str) -> str:
    """A label's value, which may be empty."""
    if text == "" or _WORD.fullmatch(text):
        return text
    raise ValueError("letters, digits, '-', '_' and '.', at most 63, no sign at the ends")


def taint(text: str) -> str:
    """``key[=value]:Effect``."""
    rest, _, effect = text.rpartition(":")
    if effect not in TAINT_EFFECTS:
        raise ValueError(f"write key=value:EFFECT with one of {', '.join(TAINT_EFFECTS)}")
    key, _, value = rest.partition("=")
    prefix, slash, name = key.rpartition("/")
    if not _WORD.fullmatch(name) or (slash and not _DNS_SUBDOMAIN.fullmatch(prefix)):
        raise ValueError("write key=value:EFFECT; the key like a label's")
    label_value(value)
    return text


def plain(text: str) -> str:
    """Text without control characters: for paths and K3s's own values."""
    if text.isprintable() and text:
        return text
    raise ValueError("write it on one line, without control characters")


def _within(domain: str, parents: tuple[str, ...]) -> bool:
    return any(domain == parent or domain.endswith(f".{parent}") for parent in parents)


def _is_key(kind: str, encoded: str) -> bool:
    """Whether the blob is Base64 and names the same type inside (RFC 4253, 6.6)."""
    try:
        blob = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        return False
    name = kind.encode()
    return (
        len(blob) > 4 + len(name)
        and blob[:4] == len(name).to_bytes(4, "big")
        and (blob[4 : 4 + len(name)] == name)
    )
