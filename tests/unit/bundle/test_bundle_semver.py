"""Expected values from Masterminds/semver 3.3, the library that Helm uses."""

from __future__ import annotations

import itertools

import pytest

from edgeboot.bundle.charts import semver
from edgeboot.bundle.charts.repository import newest


@pytest.mark.parametrize(
    ("range_", "inside", "outside"),
    [
        ("", "0.0.0 3.2.1", "1.0.0-rc.1"),
        ("*", "0.0.0 3.2.1", "1.0.0-rc.1"),
        ("1.2.3", "1.2.3 1.2.3+build", "1.2.4 1.2.3-rc.1"),
        ("1.2", "1.2.0 1.2.9", "1.3.0 1.1.9"),
        ("1.x", "1.0.0 1.9.9", "2.0.0 0.9.9"),
        ("=1.2.x", "1.2.0", "1.3.0"),
        ("^1.2.3", "1.2.3 1.9.0", "2.0.0 1.2.2 1.3.0-rc.1"),
        ("^0.2.3", "0.2.3 0.2.9", "0.3.0 1.0.0"),
        ("^0.0.3", "0.0.3", "0.0.4 0.1.0"),
        ("^0.0", "0.0.9", "0.1.0"),
        ("^0", "0.9.9", "1.0.0"),
        ("~1.2.3", "1.2.3 1.2.9", "1.3.0"),
        ("~1", "1.9.9", "2.0.0"),
        ("~>1.2", "1.2.9", "1.3.0"),
        (">=1.2 <2, !=1.5.0", "1.2.0 1.9.9", "1.5.0 2.0.0"),
        (">= 1.2.0, < 2.0.0", "1.2.0", "2.0.0"),
        (">11", "12.0.0", "11.9.9"),
        (">11.1", "11.2.0", "11.1.9"),
        ("<=11", "11.9.9", "12.0.0"),
        ("<2.0.0", "1.9.9", "2.0.0"),
        ("!=1.2.x", "1.3.0", "1.2.7"),
        ("1.2 - 1.4.5", "1.2.0 1.4.5", "1.4.6 1.1.9"),
        ("^1.0.0 || ^3", "1.5.0 3.9.0", "2.0.0"),
        (">=1.0.0-0", "1.0.0-rc.1 1.0.0", "0.9.0"),
        ("^2.0.0-rc.1", "2.0.0-rc.2 2.1.0", "2.0.0-alpha"),
        ("v1.2.3", "v1.2.3 1.2.3", "1.2.4"),
    ],
)
def test_ranges(range_: str, inside: str, outside: str) -> None:
    constraint = semver.constraint(range_)
    for text in inside.split():
        assert constraint.allows(semver.parse(text)), text
    for text in outside.split():
        assert not constraint.allows(semver.parse(text)), text


def test_versions_are_ordered_as_semver_says() -> None:
    order = "0.9 1.0.0-alpha 1.0.0-alpha.1 1.0.0-alpha.beta 1.0.0-beta.2 1.0.0-beta.11 1.0.0 1.0.1"
    versions = [semver.parse(text) for text in order.split()]
    assert all(a < b for a, b in itertools.pairwise(versions))
    assert semver.parse("1.0.0+a") == semver.parse("v1")


@pytest.mark.parametrize("text", ["latest", "^", "1.2.3.4", "1 -", ">=1.2.3-", "^1.2.3foo", "|"])
def test_what_is_no_range_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="invalid version range"):
        semver.constraint(text)


def test_the_newest_version_is_taken_and_the_very_one_that_is_named() -> None:
    there = ["1.0.0", "2.0.0-rc.1", "1.10.0", "1.9.0", "not-a-version"]
    assert newest(there, "") == "1.10.0"
    assert newest(there, "<1.10") == "1.9.0"
    assert newest(there, "2.0.0-rc.1") == "2.0.0-rc.1"
    assert newest(there, "^3") is None
