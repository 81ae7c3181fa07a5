"""Reads SSH configuration files without ssh: ``Host``, ``Match`` on names, ``Include``.

What needs a program, DNS or the network (``Match exec``, canonical names) is not evaluated: either
the host is refused, or, for an import, the block counts as not matching and is listed.
"""

from __future__ import annotations

import fnmatch
import getpass
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from edgeboot.transport.ssh.client_config.files import Line
from edgeboot.transport.ssh.client_config.settings import (
    SSH_PORT,
    HostConfiguration,
    Query,
    Settings,
)

_LISTS = frozenset({"identityfile", "certificatefile"})
_NAMES = frozenset({"host", "originalhost", "user", "localuser"})
_INSTALL = "install OpenSSH's client, which evaluates it: apt-get install openssh-client"


@dataclass(frozen=True)
class Subset:
    """A ``Reader`` of files, the first one first.

    ``skipped`` collects the ``Match`` lines that were not evaluated; None: refuse them.
    """

    files: tuple[tuple[Line, ...], ...]
    skipped: dict[str, None] | None = None

    def settings(self, query: Query) -> Settings:
        """What the files say about a host."""
        return _Pass(query, self.skipped).over(self.files)


@dataclass
class _Pass:
    query: Query
    skipped: dict[str, None] | None
    found: dict[str, list[str]] = field(default_factory=dict)
    where: dict[str, str] = field(default_factory=dict)
    final: bool = False
    final_needed: bool = False

    def over(self, files: Sequence[tuple[Line, ...]]) -> Settings:
        for lines in files:
            self._read(lines, True)
        if self.final_needed:  # `Match final`: once more, what was found stays
            self.final = True
            for lines in files:
                self._read(lines, True)
        return self._made()

    def _read(self, lines: tuple[Line, ...], active: bool) -> None:
        block = active
        for line in lines:
            if line.keyword == "host":
                block = active and _matches(self._host, line.words)
            elif line.keyword == "match":
                block = active and self._match(line)
            elif line.keyword == "include":
                for included in line.included:
                    self._read(included, block)
            elif block:
                self._take(line)

    def _take(self, line: Line) -> None:
        kept = self.found.setdefault(line.keyword, [])
        if line.keyword in _LISTS:
            kept += [word for word in line.words[:1] if word not in kept]
        elif not kept:
            kept += line.words
            self.where[line.keyword] = line.where

    @property
    def _host(self) -> str:
        """What ``Host`` and ``Match host`` look at."""
        return self._hostname if self.final else self.query.host

    @property
    def _hostname(self) -> str:
        written = self.found.get("hostname", ["%h"])[0]
        return written.replace("%h", self.query.host).replace("%n", self.query.host)

    @property
    def _user(self) -> str:
        return self.query.user or self.found.get("user", [getpass.getuser()])[0]

    def _match(self, line: Line) -> bool:
        for negated, name, value in _criteria(line):
            if name == "all":
                holds = True
            elif name == "final":
                self.final_needed = True
                holds = self.final
            elif name == "canonical":
                holds = False  # host names are not made canonical here: see _made
            elif name in _NAMES:
                subject = {
                    "host": self._hostname,
                    "originalhost": self.query.host,
                    "user": self._user,
                    "localuser": getpass.getuser(),
                }[name]
                holds = _matches(subject, value.split(","))
            else:
                return self._undecided(line, name)
            if holds == negated:
                return False
        return True

    def _undecided(self, line: Line, name: str) -> bool:
        what = f"'Match {name}' at {line.where}"
        if self.skipped is None:
            raise HostConfiguration(
                f"cannot evaluate {what} without ssh", where=self.query.node, hint=_INSTALL
            )
        self.skipped[f"{what}: not evaluated, as if it did not match"] = None
        return False

    def _made(self) -> Settings:
        if self._first("canonicalizehostname") in {"yes", "always"}:
            raise HostConfiguration(
                "cannot evaluate CanonicalizeHostname without ssh",
                where=self.query.node,
                hint=_INSTALL,
            )
        return Settings(
            hostname=self._hostname,
            user=self._user,
            port=self._number("port") or SSH_PORT,
            identity_files=tuple(self.found.get("identityfile", ())),
            certificate_files=tuple(self.found.get("certificatefile", ())),
            identities_only=self._first("identitiesonly") in {"yes", "true"},
            identity_agent=self._plain("identityagent"),
            host_key_alias=self._plain("hostkeyalias"),
            known_hosts=(
                *self.found.get("userknownhostsfile", ()),
                *self.found.get("globalknownhostsfile", ()),
            ),
            proxy_jump=None if self._first("proxyjump") == "none" else self._plain("proxyjump"),
            proxy_command=self._proxy_command(),
            connect_timeout=self._number("connecttimeout"),
            address_family=self._first("addressfamily") or "any",
        )

    def _plain(self, keyword: str) -> str | None:
        return next(iter(self.found.get(keyword, ())), None)

    def _first(self, keyword: str) -> str:
        return (self._plain(keyword) or "").lower()

    def _number(self, keyword: str) -> int | None:
        text = self._first(keyword)
        if text in {"", "none"}:
            return None
        if not text.isdecimal() or not 0 < int(text) <= 65535:
            raise HostConfiguration(
                f"invalid SSH configuration: {keyword} {text!r} at {self.where[keyword]}",
                where=self.query.node,
                hint="use a number from 1 to 65535",
            )
        return int(text)

    def _proxy_command(self) -> str | None:
        """The one of the two that comes first counts, as with ssh."""
        order = list(self.found)
        jump_first = "proxyjump" in order and "proxycommand" in order
        if jump_first and order.index("proxyjump") < order.index("proxycommand"):
            return None
        return None if self._first("proxycommand") == "none" else self._plain("proxycommand")


def _criteria(line: Line) -> Iterator[tuple[bool, str, str]]:
    """Each criterion as (negated, name, value); only these have no value."""
    waiting = list(line.words)
    while waiting:
        word = waiting.pop(0)
        negated = word.startswith("!")
        name, has_value, value = word.removeprefix("!").partition("=")
        name = name.lower()
        if name not in {"all", "final", "canonical"} and not has_value:
            value = waiting.pop(0) if waiting else ""
        yield negated, name, value


def _matches(subject: str, patterns: Sequence[str]) -> bool:
    """Whether a pattern matches and none with ``!`` does."""
    subject = subject.lower()
    found = False
    for pattern in patterns:
        bare = pattern.removeprefix("!").lower().replace("[", "[[]")  # no sets of characters
        if fnmatch.fnmatchcase(subject, bare):
            if pattern.startswith("!"):
                return False
            found = True
    return found
