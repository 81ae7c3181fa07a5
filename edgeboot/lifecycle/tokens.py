"""Which token the servers have, and where a rotation was interrupted: from facts alone.

K3s records its token in its data directory: at each start the configured one, and at the beginning
of ``k3s token rotate`` the new one (K3s, pkg/server/handlers/token.go). So on the server where it
differs from edgeboot's file, the token was rotated and the file not updated yet. That server also
records old tokens, which tells new from old once its own files agree.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from edgeboot.plan import paths
from edgeboot.plan.facts import Facts


def password_of(token: bytes) -> bytes:
    """The password in a token, either ``K10<hash>::server:<password>`` or short."""
    token = token.strip()
    head, _, rest = token.partition(b"::")
    return rest.partition(b":")[2] if rest and head.startswith(b"K10") else token


def former_passwords(facts: Iterable[Facts]) -> frozenset[bytes]:
    """The servers' old passwords, as far as edgeboot rotated them."""
    found = (one.files.get(paths.FORMER_TOKENS) for one in facts)
    contents = (fact.content or b"" for fact in found if fact)
    return frozenset(line for content in contents for line in content.split())


def written(facts: Facts) -> bytes | None:
    """The password that edgeboot last wrote on a server."""
    fact = facts.files.get(paths.TOKEN)
    return password_of(fact.content) if fact and fact.content else None


def in_use(facts: Facts) -> bytes | None:
    """The password that a server's K3s uses, or used when it last ran."""
    return password_of(facts.node_token.value) if facts.node_token else None


def torn(servers: Mapping[str, Facts]) -> str | None:
    """The server where the token was rotated but edgeboot's file was not updated; None without one.

    On a server that has the new token and has not restarted they differ too: K3s then uses an old
    token, or that of other servers.
    """
    former = former_passwords(servers.values())
    for name, facts in servers.items():
        own, told = in_use(facts), written(facts)
        if own is None or told is None or own == told or {own, told} & former:
            continue
        others = [f for other, f in servers.items() if other != name]
        if all(own not in {in_use(f), written(f)} for f in others):
            return name
    return None
