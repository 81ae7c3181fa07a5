"""Options of ssh in variables: jump hosts; and where a key file is."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

from edgeboot.inventory.files import is_file

_WITH_VALUE = frozenset(f"-{letter}" for letter in "bcDEeFIiLlmOopQRSWw")
_HARMLESS = ("stricthostkeychecking", "userknownhostsfile", "globalknownhostsfile")
_NEEDLESS = frozenset({"controlmaster", "controlpersist", "controlpath", "loglevel"})


def key(text: str, base: Path) -> str:
    """A relative path starts where the playbook is run: at the inventory or above it."""
    if text.startswith(("/", "~")):
        return text
    directories = (base, *base.parents[:3])
    found = next((d / text for d in directories if is_file(d / text)), None)
    return str(found.resolve()) if found else text


def jump(arguments: str, lost: dict[str, None]) -> str | None:
    """The jump host in ssh's options, as ``[user@]host[:port]``."""
    try:
        words = shlex.split(arguments)
    except ValueError:
        lost["ansible_ssh_common_args: a quote is not closed"] = None
        return None
    found: str | None = None
    for option, value in _options(words):
        name, _, setting = value.partition("=") if "=" in value else value.partition(" ")
        keyword = name.strip().lower() if option == "-o" else ""
        if option == "-J" or keyword == "proxyjump":
            found = value if option == "-J" else setting.strip()
        elif keyword == "proxycommand":
            found = _of_command(setting.strip().strip("'\""))
            if found is None:
                lost["ansible_ssh_common_args: ProxyCommand; use `jump:`"] = None
        elif keyword in _HARMLESS:
            lost[f"ansible_ssh_common_args: {name.strip()}; edgeboot always checks host keys"] = (
                None
            )
        elif keyword not in _NEEDLESS:
            lost["ansible_ssh_common_args: move these options to ~/.ssh/config"] = None
    if found and "," in found:
        lost["ansible_ssh_common_args: only the last of several jump hosts"] = None
        found = found.rpartition(",")[2]
    return None if found in {None, "", "none"} else found


def _options(words: list[str]) -> Iterator[tuple[str, str]]:
    waiting = list(words)
    while waiting:
        word = waiting.pop(0)
        option, value = word[:2], word[2:]
        if option in {*_WITH_VALUE, "-J"} and not value and waiting:
            value = waiting.pop(0)
        yield option, value


def _of_command(command: str) -> str | None:
    """``ssh [-p PORT] -W %h:%p [USER@]HOST`` is what a jump host does."""
    try:
        words = shlex.split(command)
    except ValueError:
        return None
    if not words or Path(words[0]).name != "ssh" or not re.search(r"-W|\bnc\b", command):
        return None
    host = user = port = ""
    waiting = words[1:]
    while waiting and not host:
        word = waiting.pop(0)
        if not word.startswith("-"):
            host = word
            continue
        option, value = word[:2], word[2:]
        if option in _WITH_VALUE and not value and waiting:
            value = waiting.pop(0)
        port = value if option == "-p" else port
        user = value if option == "-l" else user
    while waiting:  # options may follow the host
        word = waiting.pop(0)
        if word.startswith("-p") and (word[2:] or waiting):
            port = word[2:] or waiting.pop(0)
    if not host:
        return None
    name = host if "@" in host or not user else f"{user}@{host}"
    return f"{name}:{port}" if port else name
