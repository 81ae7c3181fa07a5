"""The first line of the files that edgeboot writes."""

from __future__ import annotations

HEAD = "# Written by edgeboot; changes are overwritten by the next `edgeboot install`.\n"


def head(why: str) -> str:
    """The first line of a file that is there because of one setting of the inventory."""
    return f"# Written by edgeboot for `{why}`; changes are overwritten by `edgeboot install`.\n"
