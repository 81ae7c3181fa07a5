"""Which token the servers have, where a change of it was cut off: from facts alone.

K3s writes the token it has into its data directory: at each start the one it is configured with,
and a new one as the first thing of ``k3s token rotate`` (K3s, pkg/server/handlers/token.go). So a
server on which both differ is where the token has changed, and edgeboot's file was not taken along
yet. That server also remembers former tokens, which tells new from old once its own files agree.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from edgeboot.plan import paths
from edgeboot.plan.facts import Facts


def password_of(token: bytes) -> bytes:
    """The password in a token, be it ``K10<hash>::server:<password>`` or short."""
    token = token.strip()
    head, _, rest = token.partition(b"::")
    return rest.partition(b":")[2] if rest and head.startswith(b"K10") else token


def former_passwords(facts: Iterable[Facts]) -> frozenset[bytes]:
    """What the servers had before, as far as edgeboot has changed it."""
    found = (one.files.get(paths.FORMER_TOKENS) for one in facts)
    contents = (fact.content or b"" for fact in found if fact)
    return frozenset(line for content in contents for line in content.split())


def written(facts: Facts) -> bytes | None:
    """The password that a server was last told by edgeboot."""
    fact = facts.files.get(paths.TOKEN)
    return password_of(fact.content) if fact and fact.content else None


def in_use(facts: Facts) -> bytes | None:
    """The password that a server's K3s has, or had when it last ran."""
    return password_of(facts.node_token.value) if facts.node_token else None


def torn(servers: Mapping[str, Facts]) -> str | None:
    """The server on which the token was changed and edgeboot's file was not; None without one.

    One that has been told the new token and not been restarted differs too: its own is a former
    one, or that of others.
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
