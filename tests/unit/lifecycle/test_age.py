"""Row 34 of the fault catalogue: a bundle that is older than what the host has had."""

from __future__ import annotations

from dataclasses import replace

import pytest

from edgeboot.bundle.format.contents import Contents
from edgeboot.engine.fleet import FleetError
from edgeboot.engine.observe import observe
from edgeboot.events import silent
from edgeboot.lifecycle.install.age import age_objections
from edgeboot.lifecycle.install.run import install, make_plan
from edgeboot.plan import paths
from edgeboot.transport.fake.host import FakeFile
from tests.support.small_cluster import BUNDLE, CLUSTER, CONTENTS, hosts

K3S = "v1.36.2+k3s1"


def objections(had: bytes, bundle: Contents) -> tuple[str, ...]:
    host = hosts()["server-1"]
    host.files[paths.BUNDLE] = FakeFile(0o600, had)
    return age_objections(observe(host), bundle)


@pytest.mark.parametrize(
    ("had", "ours", "refused"),
    [
        (("a", K3S, "1.4"), ("a", K3S, "1.4"), False),
        (("a", K3S, "1.4"), ("a", K3S, "1.4.0"), False),
        (("a", K3S, "1.4"), ("a", K3S, "1.10"), False),
        (("a", K3S, "1.10"), ("a", K3S, "1.9"), True),
        (("a", K3S, "1.4.1"), ("a", K3S, "1.4"), True),
        (("a", K3S, "1.4"), ("a", K3S, None), True),
        (("a", K3S, None), ("a", K3S, "1"), False),
        (("a", K3S, "9"), ("b", K3S, "1"), False),
        (("a", K3S, None), ("b", "v1.36.1+k3s9", None), True),
        (("a", K3S, None), ("b", "v1.36.2+k3s2", None), False),
        (("a", "v1.36.2+k3s2", None), ("b", K3S, None), True),
        (("a", K3S, None), ("b", "v1.36.2-rc1+k3s1", None), True),
        (("a", "v1.36.2-rc2+k3s1", None), ("b", K3S, None), False),
        (("a", "v1.9.0+k3s1", None), ("b", "v1.10.0+k3s1", None), False),
    ],
)
def test_row_34_what_is_older(
    had: tuple[str, str, str | None], ours: tuple[str, str, str | None], refused: bool
) -> None:
    name, k3s, version = had
    document = f'{{"name": "{name}", "k3s_version": "{k3s}"'
    document += f', "version": "{version}"}}' if version else "}"
    new_name, new_k3s, new_version = ours
    bundle = replace(CONTENTS, name=new_name, k3s_version=new_k3s, version=new_version)
    found = objections(document.encode(), bundle)
    assert bool(found) == refused
    assert all("--allow-older" in reason for reason in found)


@pytest.mark.parametrize("record", [b"", b"{}", b"[]", b'"x"', b"\xff", b"{", b"null"])
def test_a_record_that_cannot_be_read_is_no_free_pass(record: bytes) -> None:
    (reason,) = objections(record, CONTENTS)
    assert "cannot be read" in reason


def test_the_bundle_is_remembered_and_an_older_one_is_refused() -> None:
    fakes = hosts()
    newer = replace(BUNDLE, contents=replace(CONTENTS, version="1.10"))
    install(CLUSTER, newer, fakes, confirm=lambda _p: True, tell=silent, patience=0.0)
    assert b'"version": "1.10"' in fakes["agent-1"].files[paths.BUNDLE].data
    assert make_plan(CLUSTER, newer, fakes).empty
    older = replace(BUNDLE, contents=replace(CONTENTS, version="1.9"))
    with pytest.raises(FleetError, match=r"version 1\.10 of the bundle test") as caught:
        make_plan(CLUSTER, older, fakes)
    assert caught.value.exit_code == 5
    allowed = make_plan(CLUSTER, replace(older, allow_older=True), fakes)
    paths_written = {getattr(step, "path", "") for _, step in allowed.steps}
    assert paths_written == {paths.BUNDLE}
