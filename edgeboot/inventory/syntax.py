"""The syntax of names, addresses, users, host keys, labels and taints.

Allow-lists throughout: what passes has no character that a shell, SSH or a terminal would obey,
and does not start with a dash. Each function returns the value in its usual spelling, or raises
ValueError with how to write it.

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
    raise ValueError("use up to 63 lower-case letters, digits and dashes, no dash at the ends")


def bundle_key(text: str) -> str:
    """A minisign public key."""
    if _BUNDLE_KEY.fullmatch(text):
        return text
    raise ValueError("use the line of the .pub file that starts with RW")


def address(text: str) -> str:
    """An IP address, IPv6 with or without brackets, or a host name; nothing is resolved."""
    bare = text[1:-1] if text.startswith("[") and text.endswith("]") else text
    if ":" in bare:
        host, _, zone = bare.partition("%")
        if "%" in bare and not _ZONE.fullmatch(zone):
            raise ValueError("name an interface after %, for example fe80::1%eth0")
        return ip_address(host) + (f"%{zone}" if zone else "")
    parts = text.removesuffix(".").split(".")
    if parts[-1].isdigit():  # no domain ends in a number: an IPv4 address was meant
        return ip_address(text)
    if len(text) <= 253 and all(_HOSTNAME_PART.fullmatch(part) for part in parts):
        return text.lower()
    raise ValueError("use an IP address or a host name")


def ip_address(text: str) -> str:
    """An IP address in its usual spelling."""
    try:
        if "%" in text:
            raise ValueError
        return str(ipaddress.ip_address(text))
    except ValueError:
        raise ValueError("use an IP address, for example 192.0.2.11") from None


def user(text: str) -> str:
    """A user to log in as."""
    if _USER.fullmatch(text):
        return text
    raise ValueError("use up to 32 letters, digits, '.', '_' and '-', not starting with '-' or '.'")


def host_key(text: str) -> str:
    """A public host key (``TYPE BASE64``, a comment is dropped) or its fingerprint."""
    if _FINGERPRINT.fullmatch(text):
        return text
    words = text.split(" ")
    if len(words) >= 2 and _KEY_TYPE.fullmatch(words[0]) and _is_key(words[0], words[1]):
        return f"{words[0]} {words[1]}"
    raise ValueError(
        "use 'ssh-ed25519 AAAA…' from the host's /etc/ssh/ssh_host_ed25519_key.pub, "
        "or 'SHA256:…' from `ssh-keygen -lf` of that file"
    )


def label_key(text: str) -> str:
    """A label that a kubelet can give its own node."""
    prefix, slash, name = text.rpartition("/")
    if not _WORD.fullmatch(name) or (slash and not _DNS_SUBDOMAIN.fullmatch(prefix)):
        raise ValueError("use [example.com/]name with up to 63 letters, digits, '-', '_' and '.'")
    if _within(prefix, ("kubernetes.io", "k8s.io")) and not (
        text in _KUBELET_LABELS or _within(prefix, _KUBELET_DOMAINS)
    ):
        raise ValueError(
            "the kubelet would not start with this prefix, which Kubernetes reserves; use your own "
            "(example.com/name) or node.kubernetes.io/name, or run `kubectl label` afterwards"
        )
    return text


def label_value(text: str) -> str:
    """A label's value, which may be empty."""
    if text == "" or _WORD.fullmatch(text):
        return text
    raise ValueError(
        "use up to 63 letters, digits, '-', '_' and '.', a letter or digit at both ends"
    )


def taint(text: str) -> str:
    """``key[=value]:Effect``."""
    rest, _, effect = text.rpartition(":")
    if effect not in TAINT_EFFECTS:
        raise ValueError(f"write key=value:EFFECT; EFFECT is one of {', '.join(TAINT_EFFECTS)}")
    key, _, value = rest.partition("=")
    prefix, slash, name = key.rpartition("/")
    if not _WORD.fullmatch(name) or (slash and not _DNS_SUBDOMAIN.fullmatch(prefix)):
        raise ValueError("write key=value:EFFECT; the key follows the rules for labels")
    label_value(value)
    return text


def plain(text: str) -> str:
    """Text without control characters: for paths and K3s's own values."""
    if text.isprintable() and text:
        return text
    raise ValueError("use one line without control characters")


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
