"""The JSON Schema of ``inventory.yml``, for editors that complete and check while one types.

It is made of the loader's own tables and patterns. It cannot say all that the loader checks
(uniqueness, one server, keys of K3s against a role, ranges of the same length).
"""

from __future__ import annotations

from typing import Any

from edgeboot.inventory import quantities, sections, syntax
from edgeboot.inventory.budget.values import COMPONENTS, FIGURES, NAMED, Figure, Unit
from edgeboot.inventory.cluster import SCHEMAS
from edgeboot.inventory.k3s_keys import KEYS, K3sKey, Kind
from edgeboot.inventory.schema import hosts

_TEXT = {"type": "string"}
_PORT = {"type": "integer", "minimum": 1, "maximum": 65535}
_SIZE = {"type": ["string", "integer"], "pattern": quantities.BYTES_PATTERN, "minimum": 1}
_CPU = {"type": ["string", "number"], "pattern": quantities.CPU_PATTERN, "exclusiveMinimum": 0}
_AMOUNTS: dict[Unit, dict[str, Any]] = {
    Unit.BYTES: _SIZE,
    Unit.CPU: _CPU,
    Unit.LOAD: _CPU,
    Unit.PERCENT: {**_CPU, "pattern": quantities.PERCENT_PATTERN},
    Unit.TIME: {**_CPU, "pattern": quantities.SECONDS_PATTERN},
    Unit.RATE: {**_SIZE, "pattern": quantities.RATE_PATTERN},
    Unit.COUNT: {**_SIZE, "pattern": quantities.COUNT_PATTERN},
}
_DIALECT = "https://json-schema.org/draft/2020-12/schema"


def json_schema() -> dict[str, Any]:
    """The schema, in JSON Schema draft 2020-12."""
    settings = {
        "ssh": _ref("ssh"),
        "labels": {
            "description": "Kubernetes labels.",
            "type": "object",
            "additionalProperties": {"type": ["string", "number", "boolean"]},
        },
        "taints": {
            "description": "Kubernetes taints, key=value:Effect; K3s sets them when a node joins.",
            "type": "array",
            "items": {"type": "string", "pattern": f":({'|'.join(syntax.TAINT_EFFECTS)})$"},
        },
        "profiles": {
            "description": "Sets of documented settings; they can be combined.",
            "type": "array",
            "items": {"enum": list(sections.PROFILES)},
        },
        "config": _ref("config"),
        "budget": _ref("budget"),
        **hosts.PROPERTIES,
    }
    node = {
        "name": _described(_TEXT, "Host name in the cluster; may hold one range: agent-[1-5]."),
        "address": _described(_TEXT, "Where SSH finds it; a range as in 'name': 192.0.2.[21-25]."),
        "role": {"enum": list(sections.ROLES)},
        "groups": {"type": "array", "items": _TEXT},
        "node-ip": _described(_TEXT, "The address inside the cluster, if it is another one."),
        **settings,
    }
    layer = _ref("settings")
    top = {
        "cluster": _ref("cluster"),
        "bundle": _described(_TEXT, "The bundle to install, relative to this file."),
        "bundle-keys": {
            "description": "minisign public keys; only bundles signed by one are installed.",
            "type": "array",
            "items": {"type": "string", "pattern": syntax.BUNDLE_KEY_PATTERN},
        },
        "allow-unsigned": _described({"type": "boolean"}, "Install bundles nobody signed."),
        "defaults": layer,
        "roles": _object(dict.fromkeys(sections.ROLES, layer)),
        "groups": {"type": "object", "additionalProperties": layer},
        "nodes": {"type": "array", "minItems": 1, "items": _ref("node")},
    }
    name = _described({"type": "string", "pattern": syntax.LABEL_PATTERN}, "Name of its context.")
    return {
        "$schema": _DIALECT,
        "title": "edgeboot inventory",
        **_object(top, "cluster", "nodes"),
        "$defs": {
            "cluster": _object(
                {
                    "name": name,
                    "vip": _described(_TEXT, "An address that all servers answer at together."),
                    "datastore": {
                        "description": "sqlite (one server), etcd (on the servers), or elsewhere.",
                        "oneOf": [{"enum": ["sqlite", "etcd"]}, _ref("datastore")],
                    },
                    "config": _ref("config"),
                    **SCHEMAS,
                },
                "name",
            ),
            "datastore": _object(
                {
                    "endpoint-file": _described(_TEXT, "A file, closed to others, with its URL."),
                    "endpoint-env": _described(_TEXT, "The environment variable with its URL."),
                }
            ),
            "settings": _object(settings),
            "node": _object(node, "name", "address", "role"),
            "ssh": _object({**_login(), "jump": {"oneOf": [_TEXT, _ref("jump")]}}),
            "jump": _object({"address": _TEXT, **_login()}, "address"),
            "budget": _budget(),
            **hosts.DEFINITIONS,
            "config": _object({key: _k3s(known) for key, known in KEYS.items()}),
        },
    }


def _login() -> dict[str, Any]:
    return {
        "user": {"type": "string", "pattern": syntax.USER_PATTERN},
        "port": _PORT,
        "key": _described(_TEXT, "Private key file."),
        "host-key": _described(_TEXT, "The host's public key, or its SHA256:… fingerprint."),
        "password": _described({"const": "ask"}, "Ask for one where no key gets in."),
    }


def _budget() -> dict[str, Any]:
    parts = {
        component: _object({name: _AMOUNTS[FIGURES[name].unit] for name in names})
        for component, names in COMPONENTS.items()
    }
    figures = {
        name: _described(_AMOUNTS[figure.unit], _limit(figure)) for name, figure in FIGURES.items()
    }
    base = _described({"enum": list(NAMED)}, "The named budget for what is not limited here.")
    each = "; ".join(f"`{part}`: {', '.join(names)}" for part, names in COMPONENTS.items())
    components = _described(_object(parts), f"Limits of single parts ({each}).")
    return _object({"base": base, **figures, "components": components})


def _limit(figure: Figure) -> str:
    return f"At {'least' if figure.at_least else 'most'}: {figure.what} ({figure.counts})."


def _k3s(known: K3sKey) -> dict[str, Any]:
    match known.kind:
        case Kind.LIST:
            one = {"type": "string", "enum": list(known.choices)} if known.choices else _TEXT
            return {"oneOf": [_TEXT, {"type": "array", "items": one}]}
        case Kind.INTEGER:
            return {"type": "integer"}
        case Kind.BOOLEAN:
            return {"type": "boolean"}
        case Kind.TEXT:
            return {"type": "string", **({"enum": list(known.choices)} if known.choices else {})}


def _object(properties: dict[str, Any], *required: str) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(required),
        "additionalProperties": False,
    }


def _described(schema: dict[str, Any], description: str) -> dict[str, Any]:
    return {**schema, "description": description}


def _ref(name: str) -> dict[str, str]:
    return {"$ref": f"#/$defs/{name}"}
