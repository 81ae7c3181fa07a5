"""Which token the servers have, from facts alone."""

from __future__ import annotations

import pytest

from edgeboot.lifecycle.tokens import former_passwords, in_use, password_of, torn, written
from edgeboot.plan import paths
from edgeboot.plan.facts import Facts, FileFact
from edgeboot.secret import Secret
from tests.support.contexts import TRAITS

FULL = b"K10" + b"0" * 64 + b"::server:"


def server(own: bytes | None, told: bytes | None, former: bytes | None = None) -> Facts:
    """A server whose K3s has one token, and whose file has another."""
    files = {
        path: FileFact("file", 0o600, "0:0", len(content), "", content)
        for path, content in ((paths.TOKEN, told), (paths.FORMER_TOKENS, former))
        if content is not None
    }
    token = None if own is None else Secret(FULL + own)
    return Facts(TRAITS, files, frozenset(), {}, (), "", token)


@pytest.mark.parametrize(
    ("token", "password"),
    [
        (b"word", b"word"),
        (b" word\n", b"word"),
        (FULL + b"word", b"word"),
        (FULL + b"word:with:colons\n", b"word:with:colons"),
        (b"K10abc", b"K10abc"),
        (b"other::server:word", b"other::server:word"),
        (b"K10abc::", b"K10abc::"),
        (b"", b""),
    ],
)
def test_the_password_in_a_token(token: bytes, password: bytes) -> None:
    assert password_of(token) == password


def test_what_a_server_has_and_was_told() -> None:
    assert (in_use(server(b"a", b"b")), written(server(b"a", FULL + b"b\n"))) == (b"a", b"b")
    assert (in_use(server(None, None)), written(server(None, None))) == (None, None)
    assert written(server(b"a", b"")) is None


def test_former_passwords_are_those_of_all_servers() -> None:
    found = former_passwords(
        [server(b"a", b"a", b"x\ny\n"), server(b"a", b"a"), server(None, None, b"")]
    )
    assert found == {b"x", b"y"}


@pytest.mark.parametrize(
    ("servers", "name"),
    [
        ([server(b"a", b"a"), server(b"a", b"a")], None),
        ([server(b"new", b"a"), server(b"a", b"a")], "s0"),
        ([server(b"a", b"a"), server(b"new", FULL + b"a")], "s1"),
        ([server(b"new", b"a")], "s0"),
        # its file was taken along, and it has not been restarted: its own is a former one
        ([server(b"a", b"new", b"a\n")], None),
        ([server(b"new", b"new", b"a\n"), server(b"a", b"new")], None),
        # it was changed by hand, after edgeboot had changed it before: the file is a former one
        ([server(b"b", b"a", b"a\n")], None),
        # others have been told the token that this one has
        ([server(b"new", b"a"), server(b"a", b"new")], None),
        ([server(b"new", b"a"), server(b"new", b"new")], None),
        # nothing is known of one that has not been up, or not been installed
        ([server(None, b"a"), server(b"a", b"a")], None),
        ([server(b"a", None), server(b"a", b"a")], None),
        ([server(b"a", None)], None),
    ],
)
def test_where_a_change_was_cut_off(servers: list[Facts], name: str | None) -> None:
    assert torn({f"s{number}": one for number, one in enumerate(servers)}) == name
