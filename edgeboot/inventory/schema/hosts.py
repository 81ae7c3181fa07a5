"""The part of the JSON Schema that is about hosts: see ``inventory.hosts``."""

from __future__ import annotations

from typing import Any

from edgeboot.inventory import syntax
from edgeboot.inventory.boards import BOARDS
from edgeboot.inventory.hosts import (
    FIREWALLS,
    MODE,
    MOST_TIMEOUT,
    PATH,
    STAGES,
    SWAPS,
    TIMEOUT,
)


def _text(description: str, **more: Any) -> dict[str, Any]:
    return {"type": "string", "description": description, **more}


def _object(properties: dict[str, Any], *required: str) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(required),
        "additionalProperties": False,
    }


_STAGE = {"enum": list(STAGES)}
DEFINITIONS: dict[str, dict[str, Any]] = {
    "storage": _object({"path": _text("Where a disk is mounted that K3s's data shall lie on.")}),
    "time": _object(
        {
            "servers": {
                "description": "Time servers of the site; K3s starts after the first answer.",
                "type": "array",
                "items": {"type": "string"},
            },
            "floor": {
                "description": "Whether the clock is set to the last known time before K3s starts; "
                "by default on boards.",
                "type": "boolean",
            },
        }
    ),
    "file": _object(
        {
            "src": _text("The file, relative to the inventory."),
            "dest": _text("Where it belongs on the host.", pattern=f"^{PATH.pattern}$"),
            "mode": _text("Octal, 0644 by default; root owns it.", pattern=f"^{MODE.pattern}$"),
            "secret": {"type": "boolean", "description": "Keeps its content out of every plan."},
        },
        "src",
        "dest",
    ),
    "hook": _object(
        {
            "name": _text("By which the host remembers it.", pattern=syntax.LABEL_PATTERN),
            "before": {**_STAGE, "description": "Runs before that part of an installation."},
            "after": {**_STAGE, "description": "Runs after that part of an installation."},
            "run": _text("Commands for sh, as root."),
            "script": _text("A file of them, relative to the inventory."),
            "inputs": {
                "description": "Files whose change makes it run again.",
                "type": "array",
                "items": {"type": "string"},
            },
            "timeout": {
                "description": f"Seconds it may take, {TIMEOUT} by default.",
                "type": "integer",
                "minimum": 1,
                "maximum": MOST_TIMEOUT,
            },
        },
        "name",
    ),
}
PROPERTIES: dict[str, dict[str, Any]] = {
    "board": {"enum": list(BOARDS), "description": "Chooses profiles and swap where you do not."},
    "swap": {
        "enum": list(SWAPS),
        "description": "zram: compressed memory only; none: no swap; keep: as the host has it.",
    },
    "storage": {"$ref": "#/$defs/storage"},
    "firewall": {
        "enum": list(FIREWALLS),
        "description": "open: let the nodes' traffic through firewalld or ufw; "
        "keep: close again what was opened.",
    },
    "time": {"$ref": "#/$defs/time"},
    "files": {
        "description": "Files to place on the host.",
        "type": "array",
        "items": {"$ref": "#/$defs/file"},
    },
    "hooks": {
        "description": "Commands to run on the host, once, and again when they change.",
        "type": "array",
        "items": {"$ref": "#/$defs/hook"},
    },
}
