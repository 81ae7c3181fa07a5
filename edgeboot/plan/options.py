"""What the operator allows an install to do."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class InstallOptions:
    """``allowed`` are the ids of findings to treat as warnings.

    ``open_firewall`` opens the firewalls of all hosts whose inventory entry has no setting.
    ``new_agent_token`` and ``new_server_token`` rotate the agents' and the servers' token.
    """

    reboot: bool = True
    allowed: frozenset[str] = frozenset()
    open_firewall: bool = False
    forget_node_passwords: bool = False
    new_agent_token: bool = False
    new_server_token: bool = False


DEFAULT_OPTIONS = InstallOptions()
