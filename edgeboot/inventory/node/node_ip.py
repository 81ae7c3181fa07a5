"""``node-ip``: a node's address inside the cluster, or one of each family."""

from __future__ import annotations

import ipaddress

from edgeboot.inventory import syntax
from edgeboot.inventory.ranges import expand
from edgeboot.yaml.types import At, checked
from edgeboot.yaml.wording import quoted


def pairs(texts: tuple[str, ...], at: At) -> tuple[tuple[str, ...], ...]:
    """The addresses of each node of an entry, from a list or from one text with a comma."""
    words = [word.strip() for text in texts for word in text.split(",")]
    if len(words) > 2:
        raise at.error(
            f"{len(words)} addresses in 'node-ip'", "write one IPv4 and one IPv6 address"
        )
    columns = [_column(word, at) for word in words]
    if len({len(column) for column in columns}) > 1:
        what = "the ranges in 'node-ip' have different lengths"
        raise at.error(what, "use ranges of the same length")
    found = tuple(zip(*columns, strict=True))
    for one in found:
        if len({ipaddress.ip_address(address).version for address in one}) < len(one):
            what = f"the addresses {' and '.join(map(quoted, one))} are of the same family"
            raise at.error(what, "write one IPv4 and one IPv6 address")
    return found


def _column(word: str, at: At) -> tuple[str, ...]:
    def read(text: str) -> tuple[str, ...]:
        return tuple(syntax.ip_address(one) for one in expand(text))

    return checked(word, read, at, "node-ip")
