"""What an operator allows edgeboot to do and to overlook."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Terms:
    """``allowed`` are ids of findings that shall warn instead of refuse."""

    reboot: bool = True
    allowed: frozenset[str] = frozenset()
    forget_node_passwords: bool = False


USUAL_TERMS = Terms()
