"""Steps as people and programs read them, and what they are decided from."""

from __future__ import annotations

from dataclasses import replace

import pytest

from edgeboot.blob import BytesSource
from edgeboot.plan.cluster import DeleteNodes
from edgeboot.plan.diff import FIRST_START, content_hash, diff
from edgeboot.plan.facts import Facts, FileFact, PartialUpload, UnitFact
from edgeboot.plan.paths import stage_of
from edgeboot.plan.reset.clear import Clear, ResetTarget
from edgeboot.plan.resources import (
    Action,
    CreateOnly,
    Directory,
    File,
    KnownAfter,
    Resource,
    Service,
    text,
)
from edgeboot.plan.steps import (
    MakeDirectory,
    Reboot,
    Remove,
    Run,
    Start,
    Step,
    Upload,
    Write,
    as_json,
    human_size,
)
from edgeboot.secret import Secret
from tests.support.contexts import TRAITS

BARE = Facts(TRAITS, {}, frozenset(), {}, (), "", None)
KIB, SOURCE = 1 << 10, BytesSource(b"x" * 2048)


def having(path: str, **file: object) -> Facts:
    """A host with one file."""
    whole = {"kind": "file", "mode": 0o600, "owner": "0:0", "size": 1, **file}
    return replace(BARE, files={path: FileFact(**whole)})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("size", "words"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (KIB, "1.0 KiB"),
        (KIB**2 - 1, "1024.0 KiB"),
        (KIB**2, "1.0 MiB"),
        (KIB**3, "1.00 GiB"),
        (5 * KIB**4, "5120.00 GiB"),
    ],
)
def test_sizes(size: int, words: str) -> None:
    assert human_size(size) == words


@pytest.mark.parametrize(
    ("step", "words"),
    [
        (Upload("/k3s", SOURCE, 0o755, replaces=False), "upload /k3s (2.0 KiB)"),
        (Upload("/k3s", SOURCE, 0o755, replaces=True), "replace /k3s (2.0 KiB)"),
        (
            Upload("/k3s", SOURCE, 0o755, False, PartialUpload(1024, "")),
            "upload /k3s (1.0 KiB of 2.0 KiB already sent)",
        ),
        (Write("/c", text("a"), 0o600, replaces=False), "write /c (0600)"),
        (Write("/c", Secret(b"a"), 0o600, replaces=True), "change /c (0600) <secret>"),
        (
            Write("/c", KnownAfter("server-1 is up"), 0o600, replaces=True),
            "change /c (0600) (known after server-1 is up)",
        ),
    ],
)
def test_what_a_step_says(step: Step, words: str) -> None:
    assert step.describe() == words


@pytest.mark.parametrize(
    ("old", "new", "lines"),
    [
        (None, "a\n", ("@@ -0,0 +1 @@", "+a")),
        ("a\nb\nc\nd\n", "a\nb\nC\nd\n", ("@@ -2,3 +2,3 @@", " b", "-c", "+C", " d")),
        ("a\n", "a\n", ()),
    ],
)
def test_a_change_is_shown_with_one_line_around_it(
    old: str | None, new: str, lines: tuple[str, ...]
) -> None:
    assert Write("/c", text(new), 0o600, replaces=True, old=old).details() == lines


def test_a_secret_change_is_not_shown() -> None:
    assert Write("/c", Secret(b"a"), 0o600, replaces=True, old="b").details() == ()
    assert Write("/c", KnownAfter("x"), 0o600, replaces=True, old="b").details() == ()


@pytest.mark.parametrize(
    ("step", "shape"),
    [
        (MakeDirectory("/d", 0o700), {"step": "makedirectory", "path": "/d"}),
        (Remove("/c"), {"step": "remove", "path": "/c"}),
        (Start("k3s", "h", "why"), {"step": "start", "service": "k3s"}),
        (Reboot("id", "why"), {"step": "reboot"}),
        (DeleteNodes(("a",)), {"step": "deletenodes", "nodes": ["a"]}),
        (
            Clear(ResetTarget.PATHS, ("/d",), "remove /d"),
            {"step": "clear", "part": "paths", "items": ["/d"]},
        ),
        (Run("hook", (), "run it", ("+a",)), {"step": "run", "diff": ["+a"]}),
        (
            Upload("/k3s", SOURCE, 0o755, replaces=False),
            {"step": "upload", "path": "/k3s", "size": 2048, "sha256": SOURCE.sha256},
        ),
        (
            Write("/c", text("a"), 0o600, replaces=False),
            {"step": "write", "path": "/c", "diff": ["@@ -0,0 +1 @@", "+a"]},
        ),
    ],
)
def test_a_step_as_json(step: Step, shape: dict[str, object]) -> None:
    assert as_json(step) == {**shape, "text": step.describe()}


@pytest.mark.parametrize(
    ("wanted", "have", "steps"),
    [
        (Directory("/d", 0o700), BARE, [MakeDirectory("/d", 0o700)]),
        (Directory("/d", 0o700), having("/d", kind="directory", mode=0o700), []),
        (
            Directory("/d", 0o700),
            having("/d", kind="file", mode=0o700),
            [MakeDirectory("/d", 0o700)],
        ),
        (
            Directory("/d", 0o700),
            having("/d", kind="directory", mode=0o700, owner="1:0"),
            [MakeDirectory("/d", 0o700)],
        ),
        (Directory("/d", 0o700, kept=True), having("/d", kind="directory", mode=0o755), []),
        (
            Directory("/d", 0o700, kept=True),
            having("/d", kind="file"),
            [MakeDirectory("/d", 0o700)],
        ),
        (CreateOnly("/c", Secret(b"a")), having("/c", content=b"b"), []),
        (
            CreateOnly("/c", Secret(b"a"), 0o400),
            having("/c", content=b"b"),
            [Write("/c", Secret(b"b"), 0o400, replaces=True)],
        ),
        (CreateOnly("/c", Secret(b"a"), 0o400), having("/c"), []),  # its content is not known
        # a secret is never sent as a plain upload, and its old content is not kept
        (
            File("/c", Secret(b"a"), 0o600, bulky=True),
            having("/c", content=b"old"),
            [Write("/c", Secret(b"a"), 0o600, replaces=True)],
        ),
        (
            File("/c", text("a"), 0o600),
            having("/c", content=b"old"),
            [Write("/c", text("a"), 0o600, replaces=True, old="old")],
        ),
        (
            File("/c", text("a"), 0o600),
            having("/c"),
            [Write("/c", text("a"), 0o600, replaces=True)],
        ),
        (
            Action("swap", "h", "activate", "on"),
            BARE,
            [Run("activate", ("swap", "h"), "on")],
        ),
        (
            Action("swap", "", "activate", "off", ("x",), hint="do that"),
            replace(BARE, done={"swap": "h"}),
            [Run("activate", ("swap", "-", "x"), "off", hint="do that")],
        ),
        (Action("swap", "", "activate", "off"), BARE, []),
        (Action("swap", "h", "activate", "on"), replace(BARE, done={"swap": "h"}), []),
    ],
)
def test_what_is_wanted_against_what_is_there(
    wanted: Resource, have: Facts, steps: list[Step]
) -> None:
    assert list(diff([wanted], have)) == steps


def test_a_large_file_resumes_from_its_own_stage() -> None:
    part = PartialUpload(1024, "p")
    facts = replace(
        BARE, parts={stage_of("/k3s", SOURCE.sha256): part, stage_of("/k3s", "x"): part}
    )
    wanted = File("/k3s", SOURCE, 0o755, bulky=True)
    assert diff([wanted], facts) == (Upload("/k3s", SOURCE, 0o755, False, part),)
    (step,) = diff([wanted], having("/k3s", sha256="other"))
    assert step == Upload("/k3s", SOURCE, 0o755, replaces=True)


def inputs(*resources: Resource, facts: Facts = BARE) -> str:
    (start,) = (s for s in diff([*resources, Service("k3s")], facts) if isinstance(s, Start))
    return start.inputs


def test_the_inputs_of_a_service_are_the_files_that_restart_it() -> None:
    token = CreateOnly("/t", Secret(b"fresh"), restarts="k3s")
    there = having("/t", content=b"old", sha256=BytesSource(b"old").sha256)
    alone = inputs()
    assert inputs(File("/x", text("a"))) == alone
    assert inputs(File("/x", text("a"), restarts="other")) == alone
    assert inputs(CreateOnly("/t", Secret(b"a"), restarts="other")) == alone
    assert inputs(File("/x", text("a"), restarts="k3s")) != alone
    # a token that is there counts, not the one that would be made
    assert inputs(token) == inputs(File("/t", Secret(b"fresh"), restarts="k3s"))
    assert inputs(token, facts=there) == inputs(File("/t", Secret(b"old"), restarts="k3s"))
    # one that another step changes counts as not known
    later = File("/t", KnownAfter("it is rotated"), restarts="k3s")
    assert inputs(replace(token, changes=True), facts=there) == inputs(later)
    assert content_hash(KnownAfter("x")) == ""


@pytest.mark.parametrize(
    ("unit", "reason"),
    [
        (None, FIRST_START),
        (UnitFact("active", True, ""), FIRST_START),
        (UnitFact("active", True, "other"), "what it is started with has changed"),
        (UnitFact("failed", True, "same"), "it is failed"),
        (UnitFact("inactive", False, "same"), "it is inactive"),
        (UnitFact("active", False, "same"), "it is not enabled at boot"),
        (UnitFact("active", True, "same"), None),
        (UnitFact("activating", True, "same"), None),
        (UnitFact("reloading", True, "same"), None),
    ],
)
def test_why_a_service_is_started(unit: UnitFact | None, reason: str | None) -> None:
    if unit and unit.started_with == "same":
        unit = replace(unit, started_with=inputs())
    facts = replace(BARE, units={"k3s": unit} if unit else {})
    found = [step.reason for step in diff([Service("k3s")], facts) if isinstance(step, Start)]
    assert found == ([] if reason is None else [reason])
