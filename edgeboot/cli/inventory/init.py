"""``edgeboot inventory init``: from addresses to a working inventory."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import click

from edgeboot.bundle.trust.signing import public_key
from edgeboot.cli.formats import out_options
from edgeboot.cli.inventory.write import Target
from edgeboot.cli.options import ask_options
from edgeboot.cli.run.interruption import close_all, closing_on_signals
from edgeboot.cli.terminal.prompts import HOSTS_LOGIN, Asking, credentials_for
from edgeboot.cli.terminal.questions import confirmed, typed
from edgeboot.engine.fleet import require_all
from edgeboot.engine.observe import observe
from edgeboot.errors import BadInput, Refused
from edgeboot.inventory import syntax
from edgeboot.inventory.draft import Draft
from edgeboot.inventory.model import Role
from edgeboot.lifecycle.enrol import Candidate, Enrolled, authorize, describe, draft_nodes
from edgeboot.localio import bounded
from edgeboot.localio.directories import expanded
from edgeboot.transport.base import Transport
from edgeboot.transport.ssh.cancellation import Cancellation
from edgeboot.transport.ssh.connection import connect
from edgeboot.transport.ssh.host_keys.policy import HostKeys
from edgeboot.transport.ssh.host_keys.scan import Offer, scan
from edgeboot.transport.ssh.login.auth import LoginFailed
from edgeboot.transport.ssh.login.secrets import Credentials
from edgeboot.transport.ssh.target import SshTarget

_HOST = re.compile(
    r"(?:(?P<user>[^@]+)@)?(?P<address>\[[^\]]+\]|[^:=/]+)(?::(?P<port>\d{1,5}))?"
    r"(?:=(?P<role>[a-z]+))?(?:/(?P<name>[^/]+))?"
)
_FORM = "write [USER@]ADDRESS[:PORT][=ROLE][/NAME], for example pi@192.0.2.11=server/server-1"
_KEY_MAX = 64 << 10  # bytes
_KEYS = ("id_ed25519", "id_ecdsa", "id_rsa")


@click.command()
@click.argument("hosts", nargs=-1, metavar="[HOST]...")
@click.option("--host", "more", multiple=True, metavar="HOST", help="Same as HOST; repeatable.")
@click.option("--name", default="edge", show_default=True, help="Name of the cluster.")
@click.option("--bundle", default="edge.tar", show_default=True, help="The bundle to install.")
@click.option(
    "--bundle-key",
    metavar="KEY",
    help="Public key that signs your bundles: the .pub file of `bundle keygen`, or its line.",
)
@click.option(
    "--key",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="Your SSH key: to log in with, and to install where only a password works.",
)
@out_options(
    "yaml",
    out_help="The inventory to write.  [default: inventory.yml]",
    output_help="Print it instead of writing a file.",
)
@click.option("--force", is_flag=True, help="Replace an existing inventory.")
@click.option("-y", "--yes", is_flag=True, help="Accept the host keys without asking.")
@ask_options
def init(
    hosts: tuple[str, ...],
    more: tuple[str, ...],
    name: str,
    bundle: str,
    bundle_key: str | None,
    key: Path | None,
    out: Path | None,
    output: str | None,
    force: bool,
    yes: bool,
    asking: Asking,
) -> int:
    """Write an inventory of hosts reachable over SSH; asks for them if none is given.

    HOST is [USER@]ADDRESS[:PORT][=ROLE][/NAME]; the first one becomes the server. Shows the hosts'
    keys and pins them, detects what the hosts are, and installs your public key where only a
    password works. Changes nothing else on them.

    \b
    edgeboot inventory init
    edgeboot inventory init --bundle-key site.pub pi@192.0.2.11 pi@192.0.2.21 pi@192.0.2.22
    edgeboot inventory init --yes pi@192.0.2.11=server/server-1 pi@192.0.2.21:2222=agent
    """
    target = Target.chosen(out, output, force=force)
    if not usable_name(name):
        raise BadInput(f"invalid cluster name {name!r}", hint="for example: --name edge")
    signer = public_key(bundle_key).text if bundle_key else None
    candidates = [_candidate(text) for text in (*hosts, *more) or _asked_hosts(target)]
    if len({(c.address, c.port) for c in candidates}) < len(candidates):
        raise BadInput("duplicate host", hint="name each address and port once")
    cancellation = Cancellation()
    credentials = credentials_for(asking, cancellation)
    enrolment = _Enrolment(candidates, credentials, key, cancellation, target)
    with closing_on_signals(enrolment.opened, cancellation):
        enrolment.meet(yes)
        try:
            found = enrolment.look()
        finally:
            close_all(enrolment.opened)
    for host in found:
        target.say(f"{host.candidate.address}: {describe(host.traits)}")
    draft = Draft(name, draft_nodes(found), bundle, signer)
    target.write(draft, f"{len(found)} nodes, their host keys pinned")
    return 0


def usable_name(name: str) -> bool:
    """Whether a cluster can have this name."""
    try:
        return bool(syntax.dns_label(name))
    except ValueError:
        return False


class _Enrolment:
    """The hosts by the operator's names for them, and what is known about each."""

    def __init__(
        self,
        candidates: list[Candidate],
        credentials: Credentials,
        key: Path | None,
        cancellation: Cancellation,
        target: Target,
    ) -> None:
        self._say = target.say
        self._cancellation = cancellation
        self._candidates = {_label(c): c for c in candidates}
        self._credentials = credentials
        self._public_key = _public_key(key)
        private = key.with_suffix("") if key and key.suffix == ".pub" else key
        self._key = private.absolute() if private and private.is_file() else None
        self._offers: dict[str, Offer] = {}
        self.opened: dict[str, Transport] = {}

    def meet(self, yes: bool) -> None:
        """Shows every host's key and asks once for confirmation; ``Refused`` without it."""
        keys = HostKeys()
        self._offers = require_all(
            self._candidates,
            lambda name: scan(self._target(name), keys, cancellation=self._cancellation),
        )
        for name, offer in self._offers.items():
            kind = offer.public.partition(" ")[0]
            self._say(f"{name}: {offer.fingerprint} ({kind}){', known' if offer.known else ''}")
        if yes or all(offer.known for offer in self._offers.values()):
            return
        self._say("Compare with `ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub` on each host.")
        if not sys.stdin.isatty():
            what = "cannot confirm the host keys without a terminal"
            raise BadInput(what, hint="compare them, then add --yes")
        if not confirmed("Are these the keys of your hosts?"):
            raise Refused("nothing was written: the host keys were not confirmed")

    def look(self) -> list[Enrolled]:
        """Logs in everywhere, installs the key where needed, and detects what the hosts are."""
        found = require_all(self._candidates, self._look)
        return [found[name] for name in self._candidates]

    def _look(self, name: str) -> Enrolled:
        by_password = False
        try:
            self._open(name, password=None)
        except LoginFailed:
            self._open(name, password=HOSTS_LOGIN)
            by_password = not self._let_in(name)
        facts = observe(self.opened[name])
        offer = self._offers[name]
        candidate = self._candidates[name]
        key = str(self._key) if self._key else None
        return Enrolled(candidate, offer.user, offer.public, facts.traits, by_password, key)

    def _let_in(self, name: str) -> bool:
        """Whether our key is accepted from now on; tried, as a host may accept no keys."""
        if self._public_key is None:
            self._say(f"{name}: you have no public key; create one with `ssh-keygen -t ed25519`")
            return False
        authorize(self.opened[name], self._offers[name].user, self._public_key)
        before = self.opened[name]
        try:
            self._open(name, password=None)
        except LoginFailed:
            self._say(f"{name}: accepts no keys; it will ask for a password each time")
            return False
        before.close()
        self._say(f"{name}: your SSH key is installed")
        return True

    def _open(self, name: str, *, password: str | None) -> None:
        target = self._target(name, self._offers[name].public, password)
        self.opened[name] = connect(
            target,
            HostKeys(),
            credentials=self._credentials,
            cancellation=self._cancellation,
        )
        self._cancellation.check()  # the signal may have been too early to close this one

    def _target(
        self, name: str, host_key: str | None = None, password: str | None = None
    ) -> SshTarget:
        c = self._candidates[name]
        return SshTarget(
            name, c.address, c.user, c.port, self._key, host_key=host_key, password=password
        )


def _label(candidate: Candidate) -> str:
    return f"{candidate.address}:{candidate.port}" if candidate.port else candidate.address


def _candidate(text: str) -> Candidate:
    found = _HOST.fullmatch(text.strip())
    if not found:
        raise BadInput(f"invalid host {text!r}", hint=_FORM)
    role = found["role"]
    if role and role not in set(Role):
        raise BadInput(f"invalid role {role!r} in {text!r}", hint="use server or agent")
    try:
        return Candidate(
            address=syntax.address(found["address"]),
            user=syntax.user(found["user"]) if found["user"] else None,
            port=int(found["port"]) if found["port"] else None,
            role=Role(role) if role else None,
            name=syntax.dns_label(found["name"]) if found["name"] else None,
        )
    except ValueError as error:
        raise BadInput(f"invalid host {text!r}: {error}", hint=_FORM) from None


def _asked_hosts(target: Target) -> tuple[str, ...]:
    if not sys.stdin.isatty():
        raise BadInput("no hosts given, and no terminal to ask for them", hint=_FORM)
    target.say("Enter the hosts as USER@ADDRESS, the server first. An empty line ends the list.")
    found: list[str] = []
    places: set[tuple[str, int | None]] = set()
    while text := typed(f"Host {len(found) + 1}", drop=not found):
        try:
            host = _candidate(text)
        except BadInput as error:
            click.echo(str(error), err=True)
            continue
        if (host.address, host.port) in places:
            click.echo(f"{text} is in the list already", err=True)
            continue
        places.add((host.address, host.port))
        found.append(text)
    if not found:
        raise BadInput("no hosts given", hint=_FORM)
    return tuple(found)


def _public_key(given: Path | None) -> str | None:
    """The operator's public key, as one line."""
    paths = [expanded("~/.ssh") / f"{name}.pub" for name in _KEYS]
    if given:
        paths = [given if given.suffix == ".pub" else Path(f"{given}.pub")]
    for path in paths:
        try:
            with bounded.opened(path) as file:
                line = file.read(_KEY_MAX).decode().strip()
        except FileNotFoundError:
            continue
        except (OSError, UnicodeDecodeError) as error:
            raise BadInput(f"cannot read the key: {error}", where=str(path)) from error
        if "\n" in line or not re.match(r"(ssh-|ecdsa-|sk-)[\w@.-]+ [A-Za-z0-9+/=]+", line):
            hint = f"ssh-keygen -y -f {path.with_suffix('')} > {path}"
            raise BadInput("not a public key", where=str(path), hint=hint)
        return line
    if given:
        hint = f"ssh-keygen -y -f {paths[0].with_suffix('')} > {paths[0]}"
        raise BadInput(f"no public key {paths[0]}", hint=hint)
    return None
