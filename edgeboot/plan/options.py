"""What an operator allows edgeboot to do and to overlook."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class InstallOptions:
    """``allowed`` are ids of findings that shall warn instead of refuse.

    ``new_agent_token``: agents get another one than they have; ``new_server_token``: servers do.
    """

    reboot: bool = True
    allowed: frozenset[str] = frozenset()
    forget_node_passwords: bool = False
    new_agent_token: bool = False
    new_server_token: bool = False


DEFAULT_OPTIONS = InstallOptions()
