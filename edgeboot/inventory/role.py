"""What a node is to K3s."""

from __future__ import annotations

from enum import StrEnum


class Role(StrEnum):
    """Server or agent."""

    SERVER = "server"
    AGENT = "agent"
