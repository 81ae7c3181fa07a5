"""Readers with one check less: copies of modules, loaded in place of the real ones."""

from __future__ import annotations

import ast
import copy
import sys
import types
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

import edgeboot

ROOT = Path(edgeboot.__file__).parent
# The readers by their own names, and where each lies.
PLACES = {
    "json_document": "json_document",
    "header": "bundle.tar.header",
    "untar": "bundle.tar.untar",
    "blobs": "bundle.store.blobs",
    "documents": "bundle.oci.documents",
    "platforms": "bundle.oci.platforms",
    "archive_layers": "bundle.build.archive_layers",
    "encoding": "bundle.format.encoding",
    "image_archive": "bundle.format.image_archive",
    "archive": "bundle.format.archive",
    "image_files": "bundle.build.image_files",
    "package": "bundle.charts.package",
    "delta": "bundle.travel.delta",
    "split": "bundle.travel.split",
    "minisign": "bundle.trust.minisign",
}


def source_of(leaf: str) -> str:
    return ROOT.joinpath(*PLACES[leaf].split(".")).with_suffix(".py").read_text()


def mutants(source: str) -> Iterator[tuple[str, ast.Module]]:
    """Copies of a module with one check less: an ``if`` that raises, or a part of a condition."""
    tree = ast.parse(source)
    nodes = list(ast.walk(tree))
    for number, node in enumerate(nodes):
        raises = isinstance(node, ast.If) and any(isinstance(n, ast.Raise) for n in node.body)
        if raises:
            changed = copy.deepcopy(tree)
            twin = list(ast.walk(changed))[number]
            assert isinstance(twin, ast.If)
            twin.test = ast.copy_location(ast.Constant(False), twin.test)
            yield f"line {node.lineno}: {ast.unparse(node.test)}", changed  # type: ignore[attr-defined]
        elif isinstance(node, ast.BoolOp) and not any(map(_is_constant, node.values)):
            for index, part in enumerate(node.values):
                changed = copy.deepcopy(tree)
                twin = list(ast.walk(changed))[number]
                assert isinstance(twin, ast.BoolOp)
                twin.values[index] = twin.values[index - 1]  # `a or b` becomes `a or a`
                yield f"line {node.lineno}: without {ast.unparse(part)}", changed


def _is_constant(node: ast.expr) -> bool:
    """As in ``given or 1``, which is a default and no check."""
    return isinstance(node, ast.Constant)


def loaded(name: str, tree: ast.Module, monkeypatch: pytest.MonkeyPatch) -> types.ModuleType:
    """A module made from a tree, under its own name as long as the patch lasts."""
    module = types.ModuleType(name)
    monkeypatch.setitem(sys.modules, name, module)
    package, _, leaf = name.rpartition(".")
    monkeypatch.setattr(sys.modules[package], leaf, module)
    exec(compile(ast.fix_missing_locations(tree), name, "exec"), module.__dict__)  # noqa: S102
    return module


def chain(
    leaves: Iterable[str], changed: str, tree: ast.Module, monkeypatch: pytest.MonkeyPatch
) -> types.SimpleNamespace:
    """The modules ``leaves`` loaded anew, each after what it imports; ``changed`` from a tree."""
    found = types.SimpleNamespace()
    for leaf in leaves:
        made = copy.deepcopy(tree) if leaf == changed else ast.parse(source_of(leaf))
        setattr(found, leaf, loaded(f"edgeboot.{PLACES[leaf]}", made, monkeypatch))
    return found
