"""The JSON Schema of ``bundle.yml``, for completion and validation in editors.

It reuses the loader's tables and patterns. The loader checks more, such as whether files exist and
names collide.
"""

from __future__ import annotations

from typing import Any

from edgeboot.bundle.build.component_images import COMPONENTS
from edgeboot.bundle.build.releases.section import HELM_VERSION
from edgeboot.bundle.format.encoding import DAY, RELEASE
from edgeboot.k3s_version import PATTERN
from edgeboot.platform import ARCHES

_TEXT = {"type": "string"}
_TEXTS = {"type": "array", "items": _TEXT}
_DIALECT = "https://json-schema.org/draft/2020-12/schema"


def json_schema() -> dict[str, Any]:
    """Return the schema, in JSON Schema draft 2020-12."""
    arches = {
        "type": "array",
        "items": {"enum": list(ARCHES)},
        "minItems": 1,
        "uniqueItems": True,
    }
    without = {"type": "array", "items": {"enum": list(COMPONENTS)}}
    k3s = {
        "version": {"type": "string", "pattern": f"^{PATTERN}$"},
        "channel": _described(_TEXT, "stable, latest, v1.36 …; not together with 'version'."),
        "source": _described(_TEXT, "A release directory, or the base URL of releases."),
        "arches": arches,
        "images": _described(
            {"anyOf": [{"const": "all"}, _object({"without": without}, "without")]},
            "K3s's own images: all, or without those of components that the inventory disables.",
        ),
    }
    pulled = {
        "name": _described(_TEXT, "docker.io/library/nginx:1.27, with a tag, @sha256:… or both."),
        "arches": _described(
            arches, "The architectures to pull, if the image does not exist for all."
        ),
    }
    registry = {
        "mirrors": _described(_TEXTS, "Tried before the registry itself, in this order."),
        "ca": _described(_TEXT, "PEM file of the only CA to trust for this registry."),
        "plain-http": {"type": "boolean"},
        "token-host": _described(
            _TEXT, "Another host that may receive this registry's credential."
        ),
    }
    helm = {
        "version": {"type": "string", "pattern": f"^{HELM_VERSION.pattern}$"},
        "source": _described(_TEXT, "A directory with Helm's archives, or their base URL."),
    }
    item = {"path": _TEXT, "name": _TEXT, "sha256": {"type": "string", "pattern": "^[0-9a-f]{64}$"}}
    images = {"anyOf": [_object({"archive": _TEXT}, "archive"), _object(pulled, "name")]}
    top = {
        "name": _described(_TEXT, "The bundle's name."),
        "version": _described(
            # YAML reads 1.4 as a number; edgeboot keeps the text
            {"type": ["string", "number"], "pattern": f"^{RELEASE.pattern}$"},
            "Numbers with dots; hosts refuse an older bundle unless --allow-older is given.",
        ),
        "expires": _described(
            {"type": "string", "pattern": f"^{DAY.pattern}$"},
            "The last day (UTC) on which it can be installed without --allow-expired.",
        ),
        "k3s": _object(k3s),
        "charts": _list(
            {"anyOf": [_chart("path"), _chart("repo", "chart"), _chart("oci")]},
        ),
        "manifests": _TEXTS,
        "files": _list(_object(item, "path")),
        "images": _list(images),
        "helm": _described(
            _object(helm, "version"),
            "Renders charts to find their images; fetched and run on the build machine.",
        ),
        "strict": _described(
            {"type": "boolean"}, "Fail if an image of a chart cannot be determined."
        ),
        "registries": {"type": "object", "additionalProperties": _object(registry)},
    }
    return {"$schema": _DIALECT, "title": "edgeboot bundle", **_object(top, "name")}


def _chart(*source: str) -> dict[str, Any]:
    options = {
        "name": _TEXT,
        "namespace": _TEXT,
        "values": {"type": "object"},
        "values-file": _TEXT,
        "discover": {"type": "boolean"},
    }
    if source != ("path",):
        options["version"] = _described(
            {"type": ["string", "integer"]}, "Exact, or a range: ^1.2, ~1.2.3, '>=1 <3'."
        )
    return _object({**dict.fromkeys(source, _TEXT), **options}, *source)


def _described(schema: dict[str, Any], text: str) -> dict[str, Any]:
    return {**schema, "description": text}


def _list(items: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": items}


def _object(properties: dict[str, Any], *required: str) -> dict[str, Any]:
    found: dict[str, Any] = {
        "type": "object",
        "properties": properties,
        "additionalProperties": False,
    }
    return {**found, "required": list(required)} if required else found
