"""Whatever stands in a boot file: it is changed as it should be, or not at all."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from edgeboot import shell
from edgeboot.checks import kernel
from edgeboot.checks.base import Subject
from edgeboot.inventory.model import Cluster, Node, Role
from edgeboot.plan.condition import BootFile
from tests.support.healthy_host import CONTENTS, healthy

WANTED = ("cgroup_memory=1", "cgroup_enable=memory")
NODE = Node("pi", "192.0.2.1", Role.AGENT)
CLUSTER = Cluster("c", (Node("s", "192.0.2.2", Role.SERVER), NODE))

# What people and images have in such files, in any order and number.
_WORDS = st.sampled_from(
    [
        *("console=serial0,115200", "console=tty1", "root=PARTUUID=0a1b-02", "rootfstype=ext4"),
        *("fsck.repair=yes", "rootwait", "quiet", "cgroup_disable=memory", *WANTED),
        *('dyndbg="file drivers/usb/* +p"', 'x="a cgroup_memory=1 b"', "init=/usr/lib/init.sh"),
        *("#", "# a comment", '"', "a='b c'", "$HOME=`id`", "\\n=\\\\", "ä=ö", "\t", "--", "%s=%d"),
    ]
)
_ENDS = st.sampled_from(["", "\n", "\n\n", "\r\n", " \n", "\n \n\t\n", "\0"])
_LINES = st.lists(_WORDS, max_size=12).map(" ".join)
_FILES = st.one_of(
    st.tuples(_LINES, _ENDS).map("".join).map(str.encode),
    st.tuples(st.lists(_LINES, max_size=3).map("\n".join), _ENDS).map("".join).map(str.encode),
    st.binary(max_size=200),
)


def subject(content: bytes) -> Subject:
    facts = healthy("pi")
    facts = replace(
        facts,
        traits=replace(facts.traits, cgroup_controllers=frozenset({"cpu", "cpuset", "pids"})),
        condition=replace(
            facts.condition, boot_file=BootFile("/boot/firmware/cmdline.txt", content)
        ),
    )
    return Subject(CLUSTER, NODE, {"pi": facts}, CONTENTS)


@settings(max_examples=500, deadline=None)
@given(_FILES)
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


@pytest.mark.parametrize("sh", [("dash",), ("busybox", "sh")], ids=lambda words: words[0])
def test_the_file_is_the_line_afterwards_and_the_old_one_is_beside_it(sh: tuple[str, ...]) -> None:
    if shutil.which(sh[0]) is None:
        pytest.skip(f"no {sh[0]} here")
    text = shell.text("boot-line")

    @settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
    @given(_FILES)
    def check(content: bytes) -> None:
        line = kernel.boot_line(subject(content))
        if line is None:
            return
        with TemporaryDirectory() as directory:
            file = Path(directory) / "cmdline.txt"
            file.write_bytes(content)
            words = (str(file), sha256(content).hexdigest(), line)
            argv = [*sh, "-c", text, "boot-line", *words]
            assert subprocess.run(argv, capture_output=True, timeout=60).returncode == 0
            assert file.read_bytes() == line.encode() + b"\n"
            backup = Path(directory) / "cmdline.txt.edgeboot-backup"
            assert backup.read_bytes() == content
            assert len(list(Path(directory).iterdir())) == 2

    check()
