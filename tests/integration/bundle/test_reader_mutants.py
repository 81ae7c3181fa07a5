"""Whether each check of the readers of bundles, images, charts, deltas, parts and keys is needed.

They are changed one check at a time; each time something that was refused must get through, or be
told otherwise. The tar reader has its own such test in test_hostile_archives.
"""

from __future__ import annotations

import ast
import os
from pathlib import Path

import pytest

from edgeboot.errors import EdgebootError
from tests.support.bundle import readers
from tests.support.bundle.mutation import chain, mutants, source_of
from tests.support.bundle.readers import bundles, charts, images, keys, travel

pytestmark = pytest.mark.integration

# each after what it imports
LEAVES = (
    *("blobs", "json_document", "documents", "platforms", "encoding", "untar", "archive_layers"),
    *("image_files", "package"),
    *("image_archive", "archive", "delta", "split", "minisign"),
)
READERS = (
    "json_document",
    "documents",
    "encoding",
    "image_files",
    "package",
    "archive",
    "delta",
    "split",
)
MUTANTS = [
    (f"{leaf} {label}", leaf, tree)
    for leaf in (*READERS, "minisign")
    for label, tree in mutants(source_of(leaf))
]


@pytest.fixture(scope="module")
def cases(
    small_bundle: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, list[readers.Case]]:
    whole, top = small_bundle.read_bytes(), tmp_path_factory.mktemp("readers")
    contents = list(bundles.contents_cases(whole))
    whole_ones = list(bundles.bundle_cases(whole, top))
    archives = list(images.image_cases(top))
    deltas = list(travel.delta_cases(whole, top))
    parts = list(travel.parts_cases(top))
    return {
        "json_document": [*contents, *archives, *images.json_cases()],
        "documents": archives,
        "encoding": [*contents, *whole_ones],
        "image_files": archives,
        "package": list(charts.chart_cases(top)),
        "archive": [*whole_ones, *deltas],
        "delta": deltas,
        "split": parts,
        "minisign": list(keys.signature_cases()),
    }


@pytest.fixture(scope="module")
def right(cases: dict[str, list[readers.Case]]) -> dict[str, list[str]]:
    """What the real readers say; no case meets a bug."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda _descriptor: None)
        modules = chain(LEAVES, "json_document", ast.parse(source_of("json_document")), patch)
        found = {
            leaf: list(readers.answers(c, modules, EdgebootError)) for leaf, c in cases.items()
        }
    for leaf, texts in found.items():
        labels = (label for label, _ in cases[leaf])
        bugs = [pair for pair in zip(labels, texts, strict=True) if pair[1].startswith("bug")]
        assert not bugs
        good = [
            t for (name, _), t in zip(cases[leaf], texts, strict=True) if name.startswith("a good")
        ]
        assert not [t for t in good if t.startswith(("Refused", "BadInput", "StepFailed"))]
    return found


@pytest.mark.parametrize(("leaf", "tree"), [m[1:] for m in MUTANTS], ids=[m[0] for m in MUTANTS])
def test_each_check_of_the_readers_is_needed(
    leaf: str,
    tree: ast.Module,
    cases: dict[str, list[readers.Case]],
    right: dict[str, list[str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(os, "fsync", lambda _descriptor: None)
    modules = chain(LEAVES, leaf, tree, monkeypatch)
    found = readers.answers(cases[leaf], modules, EdgebootError)
    assert any(text != wanted for text, wanted in zip(found, right[leaf], strict=True))


def test_there_are_checks_to_take_away() -> None:
    assert {leaf for _, leaf, _ in MUTANTS} == {*READERS, "minisign"}
    assert len(MUTANTS) > 100
