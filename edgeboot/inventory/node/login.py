"""``ssh``: how to log in to a node, and the host it is reached through."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from edgeboot.inventory import syntax
from edgeboot.inventory.files import is_file, path_of
from edgeboot.inventory.model import Jump, Ssh
from edgeboot.yaml.compound import Either, Made
from edgeboot.yaml.section import Section, Values, optional, required
from edgeboot.yaml.types import TEXT, At, Integer, Literal, Text, checked
from edgeboot.yaml.values import Value
from edgeboot.yaml.wording import quoted

_HOST_PORT = re.compile(r"(\[[^\]]*\]|[^:]*)(?::([0-9]{1,6}))?")
_NO_JUMP = Jump("")


def _key_file(text: str, at: At) -> Path:
    """The private key's file; looked for at once, before any host is contacted."""
    path = path_of(text, at)
    if path.suffix == ".pub":
        raise at.error(f"{quoted(text)} is a public key", "name the private key")
    if not is_file(path):
        hint = "correct the path, or remove 'key' to use the SSH agent and ~/.ssh"
        raise at.error(f"no key file {quoted(str(path))}", hint)
    if not os.access(path, os.R_OK):
        raise at.error(f"cannot read {quoted(str(path))}", "check its owner and mode")
    return path


class _Ask(Literal[str]):
    """``ask`` and nothing else; what was written in its place is not repeated in the message."""

    def __init__(self) -> None:
        super().__init__(str, {"const": "ask"})

    def read(self, value: Value, at: At) -> str:
        """The word."""
        text = super().read(value, at)
        if text != "ask":
            hint = "write 'password: ask', or use keys; change the password that was here"
            raise at.error("secrets are not allowed in an inventory", hint)
        return text


PORT_TYPE = Integer(1, 65535, "port")
ADDRESS = required("address", Text(syntax.address, "address"), "Its address or host name.")
USER = optional(
    "user",
    Text(syntax.user, "user", syntax.USER_PATTERN),
    "The user to log in as; by default what ~/.ssh/config says.",
)
PORT = optional("port", PORT_TYPE, "The SSH server's port; 22 by default.")
KEY = optional("key", Made(TEXT, _key_file), "Private key file.")
HOST_KEY = optional(
    "host-key",
    Text(syntax.host_key, "host key"),
    "The host's public key, or its SHA256:… fingerprint.",
)
PASSWORD = optional("password", _Ask(), "Ask for a password if no key is accepted.")
_LOGIN = (USER, PORT, KEY, HOST_KEY, PASSWORD)


def _login(values: Values) -> dict[str, Any]:
    return {
        "user": values[USER],
        "port": values[PORT],
        "key": values[KEY],
        "host_key": values[HOST_KEY],
        "password": values[PASSWORD] is not None,
    }


JUMP_SECTION = Section((ADDRESS, *_LOGIN), lambda v: Jump(v[ADDRESS], **_login(v)), ref="jump")


def _jump(text: str, at: At) -> Jump:
    """``[user@]host[:port]``, or ``none`` as in ssh_config(5): undoes a jump of a lower layer."""
    if text == "none":
        return _NO_JUMP
    user, with_user, rest = text.rpartition("@")
    found = _HOST_PORT.fullmatch(rest)  # else an IPv6 address without brackets, or a mistake
    host, port = (found[1], found[2]) if found else (rest, None)
    if port and not 1 <= int(port) <= 65535:
        raise at.error(f"invalid port {port}", "use 1 to 65535")
    return Jump(
        address=checked(host, syntax.address, at, "jump host"),
        user=checked(user, syntax.user, at, "user") if with_user else None,
        port=int(port) if port else None,
    )


JUMP = optional(
    "jump",
    Either(Made(TEXT, _jump), JUMP_SECTION),
    "The host to connect through: [USER@]HOST[:PORT], a mapping, or none.",
)


def _ssh(values: Values) -> Ssh:
    jump = values[JUMP]
    return Ssh(**_login(values), jump=None if jump is _NO_JUMP else jump)


SSH_SECTION = Section((*_LOGIN, JUMP), _ssh, ref="ssh")
