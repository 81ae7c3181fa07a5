"""Boot files as people and images write them, and what preflight makes of them."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import strategies as st

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
FILES = st.one_of(
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
