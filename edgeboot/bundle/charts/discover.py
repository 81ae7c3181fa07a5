"""Which images a chart needs, and how that is known.

Where a ``helm`` is at hand it is asked. Else: what the chart declares (annotation, Images.lock),
what its templates give when they are rendered as far as edgeboot can (``gorender``), and images
that stand in values which the templates read.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from edgeboot.bundle.charts import gorender, gotemplate
from edgeboot.bundle.charts.values import Scope
from edgeboot.bundle.oci.reference import full_name
from edgeboot.yaml import strict

# a line of its own, or in a flow mapping; an unknown part stands between NUL and SOH
_LINE = re.compile(
    r"""(?:^[ \t]*(?:-[ \t]+)?|[{,][ \t]*)["']?image["']?:[ \t]+"""
    "(\"[^\"\n]*\"|'[^'\n]*'|(?:\x00[^\x01]*\x01|[^\\s,}\"'\x00])+)",
    re.M,
)
# an operator is told the images that it will start: --config-reloader-image=HOST/REPOSITORY:TAG
_ARGUMENT = re.compile(
    r"--?[a-z0-9-]*(?:image|reloader)[a-z0-9-]*=([a-z0-9.-]+\.[a-z0-9.-]+(?::[0-9]+)?/\S+?:[\w.@:-]+)"
)
_TEMPLATE_MAX = 1 << 20
_TEST_HOOK = re.compile(r"helm\.sh/hook[\"']?:\s*[\"']?test")
_REGISTRY_KEYS = ("registry", "imageRegistry")


@dataclass(frozen=True)
class Found:
    """An image, and what says so: ``how`` is the method, ``where`` the place in the chart."""

    image: str
    how: str
    where: str


@dataclass(frozen=True)
class Discovery:
    """What was found in one chart; ``unresolved`` are places that name an image nobody knows."""

    found: tuple[Found, ...]
    unresolved: tuple[str, ...]

    @property
    def images(self) -> tuple[str, ...]:
        """Full names, each once."""
        return tuple(sorted({found.image for found in self.found}))


def from_rendered(documents: Iterable[object]) -> Discovery:
    """The images of the manifests that ``helm template`` printed."""
    found: set[Found] = set()
    unresolved: set[str] = set()
    for document in documents:
        if not isinstance(document, dict) or document.get("kind") == "CustomResourceDefinition":
            continue
        metadata = document.get("metadata")
        name = metadata.get("name") if isinstance(metadata, dict) else ""
        where = f"{document.get('kind')}/{name}"
        for image in _images_in(document):
            _add(found, unresolved, image, "helm template", where)
    return Discovery(_sorted(found), tuple(sorted(unresolved)))


def _images_in(node: object) -> Iterator[str]:
    if isinstance(node, dict):
        for key, value in node.items():
            if key == "image" and isinstance(value, str):
                yield value
            elif key in ("args", "command") and isinstance(value, list):
                yield from (m[1] for v in value if isinstance(v, str) if (m := _ARGUMENT.match(v)))
            else:
                yield from _images_in(value)
    elif isinstance(node, list):
        for item in node:
            yield from _images_in(item)


def from_chart(scope: Scope, release: Mapping[str, str]) -> Discovery:
    """What can be said of a chart without Helm; ``release`` is what templates call ``.Release``."""
    found: set[Found] = set()
    unresolved: set[str] = set()
    defines = dict(_defines(scope))
    for one in scope.all():
        declared = _declared(one)
        found |= declared
        missing: set[str] = set()
        rendered, touched = _rendered(one, defines, release, missing)
        found |= rendered
        known = {_repository(f.image) for f in rendered}
        for path, image in _in_values(one.values, (), one):
            read = any(t[: len(path)] == path or (t and path[: len(t)] == t) for t in touched)
            if read and _repository(_full(image) or "") not in known:
                place = f"{one.path}values: {'.'.join(path)}"
                _add(found, missing, image, "values", place)
                accounted = re.compile(rf"\.Values\.{re.escape('.'.join(path))}(?![\w-])")
                missing = {m for m in missing if not accounted.search(m)}
        if not declared:
            unresolved |= missing
    return Discovery(_sorted(found), tuple(sorted(unresolved)))


def _sorted(found: Iterable[Found]) -> tuple[Found, ...]:
    return tuple(sorted(found, key=lambda f: (f.image, f.how, f.where)))


def _add(found: set[Found], unresolved: set[str], image: str, how: str, where: str) -> None:
    full = _full(image)
    if full is None:
        unresolved.add(f"{where}: {image[:100]!r} is no image")
    else:
        found.add(Found(full, how, where))


def _full(image: str) -> str | None:
    try:
        return full_name(image)
    except ValueError:
        return None


def _repository(image: str) -> str:
    name = image.partition("@")[0]
    head, _, last = name.rpartition("/")
    return f"{head}/{last.partition(':')[0]}"


def _declared(scope: Scope) -> set[Found]:
    """The annotation of Artifact Hub, and Bitnami's Images.lock."""
    found: set[Found] = set()
    annotation = scope.metadata.annotations.get("artifacthub.io/images", "")
    lock = next((d for p, d in scope.files.items() if p.lower() == "images.lock"), b"")
    for how, data, key in (
        ("annotation artifacthub.io/images", annotation.encode(), None),
        ("Images.lock", lock, "images"),
    ):
        try:
            document: Any = strict.parse_foreign_texts(data)
        except ValueError:
            continue
        entries = document.get(key) if key and isinstance(document, dict) else document
        for entry in entries if isinstance(entries, list) else ():
            image = entry.get("image") if isinstance(entry, dict) else None
            full = _full(image) if isinstance(image, str) else None
            if full:
                found.add(Found(full, how, f"{scope.path}Chart.yaml" if key is None else "lock"))
    return found


def _templates(scope: Scope) -> Iterator[tuple[str, list[gotemplate.Node]]]:
    for path, data in sorted(scope.files.items()):
        if not path.startswith("templates/") or path.startswith("templates/tests/"):
            continue
        text = data[:_TEMPLATE_MAX].decode("utf-8", "replace")
        if path.endswith((".yaml", ".yml", ".tpl")) and not _TEST_HOOK.search(text):
            try:
                yield path, gotemplate.parse(text)
            except ValueError:
                continue


def _defines(scope: Scope) -> Iterator[tuple[str, list[gotemplate.Node]]]:
    """Named templates of all charts; the outermost chart's win, as in Helm."""
    for one in reversed(list(scope.all())):
        for _, nodes in _templates(one):
            for node in nodes:
                if isinstance(node, gotemplate.Block) and node.kind == "define" and node.head:
                    yield node.head[0].strip('"`'), node.body


def _rendered(
    scope: Scope,
    defines: Mapping[str, list[gotemplate.Node]],
    release: Mapping[str, str],
    missing: set[str],
) -> tuple[set[Found], set[tuple[str, ...]]]:
    metadata = scope.metadata
    chart = {"Name": metadata.name, "Version": metadata.version, "AppVersion": metadata.app_version}
    root = {"Values": scope.values, "Chart": chart, "Release": dict(release)}
    found: set[Found] = set()
    touched: set[tuple[str, ...]] = set()
    if metadata.library:
        return found, touched
    for path, nodes in _templates(scope):
        where = f"{scope.path}{path}"
        if path.rpartition("/")[2].startswith("_"):
            continue
        renderer = gorender.Renderer(root, defines)
        try:
            text = renderer.render(nodes, root, {"$": root})
        except (gorender.TooMuch, RecursionError):
            missing.add(f"{where}: its templates go too deep")
            continue
        touched |= renderer.touched
        if re.search(r"^kind: CustomResourceDefinition", text, re.M):
            continue
        _read_text(text, where, found, missing)
    return found, touched


def _read_text(text: str, where: str, found: set[Found], missing: set[str]) -> None:
    """The images in a rendered template."""
    for match in _LINE.finditer(text):
        image = match[1].strip("\"'")
        unknown = [m[1] for m in gorender.UNKNOWN.finditer(image)]
        if unknown:
            missing.add(f"{where}: image from {', '.join(unknown)}")
        elif image and not image.startswith(("{", "|", ">")):
            _add(found, missing, image, "template", where)
    for match in _ARGUMENT.finditer(text):
        if "\x00" not in match[1]:
            _add(found, missing, match[1].strip("\"'"), "argument in a template", where)


def _in_values(
    node: object, path: tuple[str, ...], scope: Scope
) -> Iterator[tuple[tuple[str, ...], str]]:
    """Images by the usual shapes: repository with tag or digest, or one text under ``…image``."""
    if not isinstance(node, dict) or (path and node.get("enabled") is False):
        return
    image = _composed(node, scope)
    if image:
        yield path, image
    for key, value in node.items():
        here = (*path, str(key))
        if (
            isinstance(value, str)
            and str(key).lower().endswith("image")
            and "/" in value
            and "{{" not in value
        ):
            yield here, value
        yield from _in_values(value, here, scope)


def _composed(node: Mapping[str, Any], scope: Scope) -> str | None:
    repository = node.get("repository")
    if (
        not isinstance(repository, str)
        or "{{" in f"{repository}{node.get('tag')}"
        or not {"tag", "digest"} & node.keys()
    ):
        return None
    registry = next((node[k] for k in _REGISTRY_KEYS if node.get(k)), "")
    shared = scope.values.get("global")
    if isinstance(shared, dict) and shared.get("imageRegistry") and "registry" in node:
        registry = shared["imageRegistry"]
    name = f"{registry}/{repository}" if registry else repository
    if node.get("digest"):
        return f"{name}@{node['digest']}"
    return f"{name}:{node.get('tag') or scope.metadata.app_version or 'latest'}"


def as_json(name: str, discovery: Discovery) -> str:
    """A discovery for machines."""
    found = [{"image": f.image, "how": f.how, "where": f.where} for f in discovery.found]
    shape = {"chart": name, "found": found, "unresolved": list(discovery.unresolved)}
    return json.dumps(shape, indent=1)
