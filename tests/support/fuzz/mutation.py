"""Inputs from valid ones, changed as a broken or a hostile sender would change them."""

from __future__ import annotations

import random
from collections.abc import Sequence

_LONGEST = 64 << 10
# Values at the edges of what a parser may have in mind.
_ODD = tuple(
    word.encode()
    for word in (
        "", " ", "-", "--", "0", "-1", "1e999", "nan", "inf", "9" * 30, "9" * 5000, "0x" + "F" * 40,
        "FFFFFFFFFF", "\u00b2", "\u0661", "null", "~", "=", "y", "true", "[]", "{}", "[" * 2000,
        '{"a":' * 2000, "- " * 500, "\x00", "\ufeff", "\u2028", "\u202e", "\x1b[2J", "..", "/",
        "//", "../../etc/passwd", "a" * 5000, "%s", "{{ x }}", "!!python/object:x", "!vault |",
        "&a [*a, *a]", "<<: *a", "::", "[::1]", "256.1.1.1", "\r\n", "\t", "'", '"', "\\", "end",
        "== x 0", "2038-01-19T03:14:08Z", "9999-99-99T99:99:99Z", "sha256:" + "0" * 64, "K10::",
    )
)  # fmt: skip
_SEPARATORS = b' \t\n:,=/|"{}[]'


class Mutator:
    """Makes inputs out of seeds; the same ``seed`` makes the same inputs."""

    def __init__(self, seeds: Sequence[bytes], seed: int) -> None:
        self._seeds = seeds
        self._random = random.Random(seed)
        self._ways = (
            self._flip, self._cut, self._remove, self._repeat, self._splice, self._word, self._word,
            self._odd, self._odd, self._line, self._line,
        )  # fmt: skip

    def next(self) -> bytes:
        """The next input: a seed after one to eight changes."""
        data = self._random.choice(self._seeds)
        for _ in range(self._random.choice((1, 1, 1, 2, 2, 3, 5, 8))):
            data = self._random.choice(self._ways)(data)
        return data[:_LONGEST]

    def _place(self, data: bytes) -> int:
        return self._random.randint(0, len(data))

    def _span(self, data: bytes) -> tuple[int, int]:
        start = self._place(data)
        return start, min(len(data), start + self._random.choice((1, 2, 4, 16, 64, 512)))

    def _flip(self, data: bytes) -> bytes:
        at = self._place(data)
        return data[:at] + bytes([self._random.randrange(256)]) + data[at + 1 :]

    def _cut(self, data: bytes) -> bytes:
        return data[: self._place(data)]

    def _remove(self, data: bytes) -> bytes:
        start, end = self._span(data)
        return data[:start] + data[end:]

    def _repeat(self, data: bytes) -> bytes:
        start, end = self._span(data)
        return data[:end] + data[start:end] * self._random.choice((1, 2, 100)) + data[end:]

    def _splice(self, data: bytes) -> bytes:
        other = self._random.choice(self._seeds)
        return data[: self._place(data)] + other[self._place(other) :]

    def _odd(self, data: bytes) -> bytes:
        start, end = self._span(data)
        return data[:start] + self._random.choice(_ODD) + data[self._random.choice((start, end)) :]

    def _word(self, data: bytes) -> bytes:
        """Puts an odd value in the place of a word."""
        start = end = self._place(data)
        while start > 0 and data[start - 1] not in _SEPARATORS:
            start -= 1
        while end < len(data) and data[end] not in _SEPARATORS:
            end += 1
        return data[:start] + self._random.choice(_ODD) + data[end:]

    def _line(self, data: bytes) -> bytes:
        """Drops, doubles or moves a line."""
        lines = data.split(b"\n")
        line = lines.pop(self._random.randrange(len(lines)))
        for _ in range(self._random.choice((0, 1, 2))):
            lines.insert(self._random.randint(0, len(lines)), line)
        return b"\n".join(lines)
