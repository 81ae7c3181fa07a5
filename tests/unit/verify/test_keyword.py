"""``-k``: the same expressions as pytest's, and the same answers."""

from __future__ import annotations

import pytest
from _pytest.mark.expression import Expression
from hypothesis import given
from hypothesis import strategies as st

from edgeboot.errors import BadInput
from edgeboot.verify.keyword import keyword_matcher

NAME = "test_dns_from_pod[agent-1 /etc/rancher]"
WORDS = st.sampled_from(["dns", "DNS", "agent-1", "api", "a/b", "from_pod[", "/etc", "test_"])


def contained(word: str, /, **_: object) -> bool:
    return word.lower() in NAME


def nested(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(
        st.tuples(inner, st.sampled_from([" and ", " or "]), inner).map("".join),
        inner.map(lambda text: f"not {text}"),
        inner.map(lambda text: f"( {text})"),
    )


@given(st.recursive(WORDS, nested, max_leaves=12))
def test_pytest_answers_alike(expression: str) -> None:
    theirs = Expression.compile(expression)
    expected = theirs.evaluate(contained)
    assert keyword_matcher(expression)(NAME) == expected


@given(st.text(alphabet="ab() ornotd\"'=,", max_size=12))
def test_what_pytest_refuses_is_refused(expression: str) -> None:
    try:
        theirs = Expression.compile(expression)
        expected = theirs.evaluate(contained)
    except SyntaxError:
        with pytest.raises(BadInput, match="invalid expression -k"):
            keyword_matcher(expression)
        return
    if expression.strip():  # to pytest, nothing is an expression that matches nothing
        assert keyword_matcher(expression)(NAME) == expected


@pytest.mark.parametrize(
    ("expression", "what"),
    [
        ("budget and (", "a name is missing"),
        ("(dns", "a closing parenthesis is missing"),
        ("dns)", "unexpected ')'"),
        ("dns = 1", "unexpected character '='"),
        ("", "a name is missing"),
        ("not " * 1000 + "dns", "nested too deeply"),
    ],
)
def test_mistakes_are_explained(expression: str, what: str) -> None:
    with pytest.raises(BadInput) as raised:
        keyword_matcher(expression)
    assert what in raised.value.what
    assert raised.value.hint is not None


def test_without_an_expression_all_match() -> None:
    assert keyword_matcher(None)("anything")
