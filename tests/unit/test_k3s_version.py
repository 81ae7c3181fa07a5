"""A version of K3s and its order."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise, product

import pytest

from edgeboot.bundle.format.encoding import decode, encode
from edgeboot.errors import EdgebootError
from edgeboot.k3s_version import K3sVersion, is_version
from tests.support.small_cluster import CONTENTS

ORDER = (
    "v1.9.0+k3s1",
    "v1.35.9+k3s9",
    "v1.36.2-rc1+k3s1",
    "v1.36.2-rc1+k3s2",
    "v1.36.2-rc2+k3s1",
    "v1.36.2-rc10+k3s1",
    "v1.36.2+k3s1",
    "v1.36.2+k3s2",
    "v1.36.2+k3s10",
    "v1.36.10+k3s1",
    "v2.0.0-rc0+k3s1",
    "v2.0.0+k3s1",
)


def test_versions_are_ordered() -> None:
    found = [K3sVersion.parse(text) for text in ORDER]
    assert sorted({*found}) == found
    assert all(one < other and not other <= one for one, other in pairwise(found))
    assert all((one == other) == (one is other) for one, other in product(found, repeat=2))


@pytest.mark.parametrize("text", ORDER)
def test_a_version_is_written_as_it_was_read(text: str) -> None:
    assert str(K3sVersion.parse(text)) == text


def test_the_minor_version_decides_what_a_kubelet_can_do() -> None:
    assert K3sVersion.parse("v1.32.11+k3s1").minor == (1, 32)
    assert K3sVersion.parse("v1.32.11+k3s1").release == (1, 32, 11)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "abc",
        "v1.36.2",
        "1.36.2+k3s1",
        "v1.36+k3s1",
        "v1.36.2+k3s",
        "v1.36.2+rke2r1",
        "v1.36.2-rc+k3s1",
        "v1.36.2+k3s1\n",
        " v1.36.2+k3s1",
        "v1.36.2+k3s1111",
        "v\u0661.36.2+k3s1",
    ],
)
def test_what_is_no_version(text: str) -> None:
    assert not is_version(text)
    with pytest.raises(ValueError, match="invalid K3s version"):
        K3sVersion.parse(text)


def test_a_bundle_with_another_kind_of_version_is_not_read() -> None:
    contents = replace(CONTENTS, images=(), archives=(), items=())
    good = encode(contents)
    assert decode(good).k3s == K3sVersion.parse(CONTENTS.k3s_version)
    with pytest.raises(EdgebootError, match="k3s_version"):
        decode(good.replace(CONTENTS.k3s_version.encode(), b"latest"))
