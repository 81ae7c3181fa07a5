"""Asks ssh itself what its configuration says: ``ssh -G``, which connects to nothing."""

from __future__ import annotations

import os
import pwd
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from edgeboot.errors import BadInput
from edgeboot.localio import program
from edgeboot.transport.ssh.client_config.settings import (
    SSH_PORT,
    HostConfiguration,
    Query,
    Settings,
)

_SECONDS = 20.0  # canonical names are looked up in DNS, and `Match exec` runs programs
_MOST = 1 << 18  # bytes of output
_CHARACTERS = 300  # of ssh's message

Answer = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class AskSsh:
    """A ``Reader`` that asks the ssh at ``path``, once for each query.

    ``configs`` are the files to read, the first one first; None: the ones ssh reads by itself.
    """

    path: str
    configs: tuple[Path, ...] | None = None
    _known: dict[tuple[str, str | None, int | None], Settings] = field(
        default_factory=dict, repr=False, compare=False
    )
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)

    def settings(self, query: Query) -> Settings:
        """What ssh would do with this host."""
        key = (query.host, query.user, query.port)
        with self._lock:
            known = self._known.get(key)
        if known is None:
            known = self._settings(query)
            with self._lock:
                self._known[key] = known
        return known

    def _settings(self, query: Query) -> Settings:
        words = ["-l", query.user] if query.user else []
        words += ["-p", str(query.port)] if query.port else []
        answer = self._ask(self.configs, [*words, "--", query.host], query.node)
        return _made(answer, self._defaults)

    @cached_property
    def _defaults(self) -> Answer:
        """What ssh says without any configuration."""
        return self._ask((), ["--", "localhost"], "ssh")

    def _ask(self, configs: tuple[Path, ...] | None, words: Sequence[str], node: str) -> Answer:
        argv, stdin = [self.path, "-G"], b""
        if configs is not None and len(configs) < 2:
            argv += ["-F", str(configs[0]) if configs else "none"]
        elif configs is not None:  # ssh takes one file
            argv += ["-F", "/dev/stdin"]
            stdin = "".join(f'Include "{path}"\n' for path in configs).encode()
        done = program.run(
            [*argv, *words], stdin=stdin, seconds=_SECONDS, most=_MOST, what="ssh -G"
        )
        if done.code == 0:
            return _parsed(done.stdout)
        said = next((line for line in done.stderr.splitlines() if line.strip()), "")
        said = "".join(c for c in said if c.isprintable())[:_CHARACTERS]
        raise BadInput(
            f"ssh cannot use its configuration: {said or f'exit code {done.code}'}",
            where=node,
            hint=f"correct it; `ssh -G {words[-1]}` shows the same error",
        )


def own_files(configs: Sequence[Path], home: Path) -> tuple[Path, ...] | None:
    """None where ssh reads these files by itself: it looks for its own in the account's home."""
    try:
        account = Path(pwd.getpwuid(os.getuid()).pw_dir)
    except KeyError:
        return tuple(configs)
    return None if account == home else tuple(configs)


def _parsed(text: str) -> Answer:
    found: dict[str, list[str]] = {}
    for line in text.splitlines():
        keyword, _, value = line.partition(" ")
        found.setdefault(keyword.lower(), []).append(value)
    return {keyword: tuple(values) for keyword, values in found.items()}


def _made(answer: Answer, defaults: Answer) -> Settings:
    def one(keyword: str) -> str | None:
        value = next(iter(answer.get(keyword, ())), None)
        return None if value in {None, "", "none"} else value

    def own(keyword: str) -> tuple[str, ...]:
        values = answer.get(keyword, ())
        return () if values == defaults.get(keyword) else values

    def number(keyword: str) -> int | None:
        text = one(keyword) or ""
        return int(text) if text.isdecimal() and int(text) else None

    hostname, user = one("hostname"), one("user")
    if hostname is None or user is None:
        raise HostConfiguration(
            "ssh -G did not say where to connect to",
            hint="check the output of `ssh -G HOST`; OpenSSH 7.3 or later is needed",
        )
    agent = next(iter(answer.get("identityagent", ())), None)
    known = (*own("userknownhostsfile"), *own("globalknownhostsfile"))
    return Settings(
        hostname=hostname,
        user=user,
        port=number("port") or SSH_PORT,
        identity_files=tuple(name for name in own("identityfile") if name != "none"),
        certificate_files=tuple(name for name in own("certificatefile") if name != "none"),
        identities_only=one("identitiesonly") in {"yes", "true"},
        identity_agent=agent,
        host_key_alias=one("hostkeyalias"),
        known_hosts=tuple(path for line in known for path in _paths(line)),
        proxy_jump=one("proxyjump"),
        proxy_command=one("proxycommand"),
        connect_timeout=number("connecttimeout"),
        address_family=one("addressfamily") or "any",
    )


def _paths(line: str) -> list[str]:
    """The files of a list; ssh prints spaces within a path as they are, without quotes."""
    found: list[str] = []
    for word in line.split(" "):
        if found and not word.startswith(("/", "~", "%", "$")):
            found[-1] += f" {word}"
        else:
            found.append(word)
    return [path for path in found if path not in {"", "none"}]
