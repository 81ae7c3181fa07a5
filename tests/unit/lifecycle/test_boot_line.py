"""Whatever stands in a boot file: it is changed as it should be, or not at all."""

from __future__ import annotations

from hypothesis import example, given, settings

from edgeboot.checks import kernel
from edgeboot.plan.condition import BootFile
from tests.support.boot_files import FILES, WANTED, subject


@settings(max_examples=500, deadline=None)
@given(FILES)
@example(b"")
@example(b"root=/dev/sda1")
@example(b"# root=/dev/sda1\n")
@example(b"root=/dev/sda1\nconsole=tty1\n")
@example(b'root=/dev/sda1 x="cgroup_memory=1\n')
@example(b"root=\xff\xfe rootwait\n")
def test_only_what_is_missing_is_appended_to_one_line_or_nothing_is(content: bytes) -> None:
    line = kernel.boot_line(subject(content))
    if line is None:
        return
    old = content.decode()
    assert old.strip().count("\n") == 0
    assert line.startswith(old.strip())
    added = line[len(old.strip()) :].split()
    assert added == [word for word in WANTED if word in added]
    words = BootFile("", line.encode()).parameters
    assert all(words.count(word) >= 1 for word in WANTED)
    assert all(words.count(word) == 1 for word in added)
    assert kernel.boot_line(subject(line.encode() + b"\n")) == line, "a second time changes nothing"
