"""What preflight sees of mounts, boot files and limits, on real ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgeboot.plan.condition import Condition, parse_condition
from tests.integration.shell.jail import Jail, available

pytestmark = pytest.mark.skipif(not available(), reason="needs namespaces of its own")
DATA = "/var/lib/rancher/k3s"


@pytest.fixture
def jail(sh: tuple[str, ...], tmp_path: Path) -> Jail:
    return Jail(sh, tmp_path)


def condition(jail: Jail, before: str) -> Condition:
    done = jail.run(f"{before}\n$SH /snippets/observe.sh free -")
    assert done.stdout.endswith("end\n"), done.stderr
    lines = done.stdout.splitlines()
    return parse_condition(x.removeprefix("condition ") for x in lines if x.startswith("condition"))


@pytest.mark.parametrize(
    ("point", "place"),
    [
        ("/var/lib/rancher", DATA),
        ("/var", DATA),
        (DATA, DATA),
        ("/var/lib/kubelet", "/var/lib/kubelet"),
        ("/usr/local/bin", "/usr/local/bin"),
    ],
)
def test_a_mount_that_lets_nothing_be_started_is_seen(jail: Jail, point: str, place: str) -> None:
    (jail.root / "local/bin").mkdir(exist_ok=True)
    before = f"mkdir -p {point}; mount -t tmpfs -o noexec none {point}"
    found = condition(jail, before).mounts[place]
    assert found.point == point
    assert "noexec" in found.options


def test_the_mount_where_a_link_leads_counts(jail: Jail) -> None:
    (jail.root / "mnt/ssd").mkdir()
    jail.link(DATA, "/mnt/ssd/k3s")
    before = "mount -t tmpfs -o noexec none /mnt/ssd; mkdir /mnt/ssd/k3s"
    assert condition(jail, before).mounts[DATA].point == "/mnt/ssd"


def test_a_mount_below_another_one_hides_its_options(jail: Jail) -> None:
    before = "mount -t tmpfs -o noexec none /var; mkdir -p /var/lib/rancher; "
    before += "mount -t tmpfs none /var/lib/rancher"
    found = condition(jail, before).mounts
    assert DATA not in found
    assert found["/var/lib/kubelet"].point == "/var"


def test_the_limit_of_inotify_and_its_use_are_read(jail: Jail) -> None:
    found = condition(jail, "").inotify
    assert found is not None
    assert found.most == int(Path("/proc/sys/fs/inotify/max_user_instances").read_text())
    assert found.used == 0


def test_the_files_that_turn_controllers_off_are_named(jail: Jail) -> None:
    jail.file("/etc/default/grub", 'GRUB_CMDLINE_LINUX="cgroup_disable=memory"\n')
    jail.file("/etc/default/grub.d/50-other.cfg", "GRUB_TIMEOUT=0\n")
    jail.file("/cmdline", "root=/dev/sda1 cgroup_disable=memory\n")
    jail.file("/boot/cmdline.txt", "root=/dev/mmcblk0p2 cgroup_disable=memory\n")
    found = condition(jail, "mount --bind /cmdline /proc/cmdline")
    assert found.disabled_in == ("/boot/cmdline.txt", "/etc/default/grub")
    assert condition(jail, "").disabled_in == ()
