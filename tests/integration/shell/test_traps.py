"""Traps at every path that root writes on a host: the victim stays as it is, and the trap is named.

Real files, real users and the real snippets, in namespaces of their own.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.integration.shell.jail import UID, Jail, available

pytestmark = pytest.mark.skipif(
    not available() or os.geteuid() != 0, reason="needs root, and namespaces of its own"
)

VICTIM, ABSENT = "/root/victim", "/root/absent"
SHA = hashlib.sha256(b"new\n").hexdigest()
OURS = "/var/lib/edgeboot"
LINE = hashlib.sha256(b"root=/dev/x\n").hexdigest()


@dataclass(frozen=True)
class Attack:
    """A snippet, and the paths below which it writes."""

    words: str
    paths: tuple[str, ...]
    stdin: str = ""


RECORDS = tuple(f"{OURS}/{name}" for name in ("owned", "hashes", "hashes.new", "journal"))
ATTACKS = (
    Attack("observe.sh hold:run someone", (f"{OURS}/lock",)),
    Attack(
        f"put.sh /etc/site/file 600 {SHA}",
        (*RECORDS, "/etc/site/file", f"/etc/site/.edgeboot-file.{SHA}.part"),
        "new\n",
    ),
    Attack(
        f"put.sh /etc/site/file 600 {SHA} 9 65536",
        (f"/etc/site/.edgeboot-file.{SHA}.part",),
        "new\n",
    ),
    Attack("remove.sh /etc/site/file", (*RECORDS, f"{OURS}/owned.new", "/etc/site/file")),
    Attack(
        "hook.sh hook-x hash 5 node agent",
        tuple(f"{OURS}/{name}" for name in ("hook-x.sh", "hook-x.out", "done-hook-x.new")),
        "true\n",
    ),
    Attack("hostname.sh node", ("/etc/hostname.edgeboot-new", "/etc/hostname")),
    Attack("machine-id.sh old", ("/etc/machine-id.edgeboot-new", "/var/lib/dbus/machine-id")),
    Attack(
        f"boot-line.sh /boot/cmdline.txt {LINE} 'root=/dev/y'",
        ("/boot/cmdline.txt.edgeboot-new", "/boot/cmdline.txt.edgeboot-backup"),
    ),
    Attack(
        "firewall.sh firewall hash", (f"{OURS}/firewall.applied.new", f"{OURS}/done-firewall.new")
    ),
    Attack("start.sh k3s hash", (f"{OURS}/started-k3s.new",)),
    Attack("directory.sh /etc/site 700", ("/etc/site",)),
    Attack("directory.sh /srv/site/deep 700", ("/srv/site",)),
    Attack("storage.sh storage hash /mnt/ssd/k3s", (f"{OURS}/done-storage.new",)),
    Attack("package.sh /root/x.deb", (f"{OURS}/owned.new",)),
)


@pytest.fixture
def jail(sh: tuple[str, ...], tmp_path: Path) -> Jail:
    jail = Jail(sh, tmp_path)
    jail.file(VICTIM, "victim\n").chmod(0o640)
    jail.file("/etc/machine-id", "old\n")
    jail.file("/etc/hosts", "")
    jail.file("/boot/cmdline.txt", "root=/dev/x\n")
    (jail.root / OURS[1:]).mkdir(mode=0o700)
    (jail.root / "etc/site").mkdir(mode=0o755)
    (jail.root / "var/lib/dbus").mkdir()
    return jail


def seen(jail: Jail) -> tuple[str, int, int, int, bool]:
    """Everything about the victims that a trap could change."""
    victim = jail.root / VICTIM[1:]
    at = victim.stat()
    return victim.read_text(), at.st_mode, at.st_uid, at.st_gid, jail.has(ABSENT)


def lay(jail: Jail, path: str, kind: str) -> None:
    place = jail.root / path.lstrip("/")
    place.parent.mkdir(parents=True, exist_ok=True)
    if place.is_dir() and not place.is_symlink():
        place.rmdir()
    match kind:
        case "link":
            place.symlink_to(VICTIM)
        case "dangling":
            place.symlink_to(ABSENT)
        case "hardlink":
            place.hardlink_to(jail.root / VICTIM[1:])
        case "fifo":
            os.mkfifo(place)


@pytest.mark.parametrize("kind", ["link", "dangling", "hardlink", "fifo"])
@pytest.mark.parametrize(
    ("attack", "path"),
    [(attack, path) for attack in ATTACKS for path in attack.paths],
    ids=[f"{attack.words.split()[0]}-{path}" for attack in ATTACKS for path in attack.paths],
)
def test_a_trap_leads_root_nowhere(jail: Jail, attack: Attack, path: str, kind: str) -> None:
    lay(jail, path, kind)
    before = seen(jail)
    done = jail.run(f"exec timeout 20 $SH /snippets/{attack.words}", stdin=attack.stdin)
    assert done.returncode != 124, "it waits for the trap"
    assert seen(jail) == before
    if path.startswith(OURS) and done.returncode:
        assert path in done.stderr


def of_mallory(jail: Jail, path: str) -> None:
    os.chown(jail.root / path.lstrip("/"), UID, UID)


@pytest.mark.parametrize(
    ("words", "place"),
    [
        (f"put.sh /srv/app/conf/file 600 {SHA}", "/srv/app"),
        ("directory.sh /srv/app/conf/more 700", "/srv/app"),
        ("remove.sh /srv/app/conf/file", "/srv/app"),
        (f"put.sh /home/mallory/file 600 {SHA}", "/home/mallory"),
        ("directory.sh /home/mallory/x 700", "/home/mallory"),
        ("storage.sh storage hash /srv/app/conf", "/srv/app"),
        (f"boot-line.sh /srv/app/conf/file {LINE} root=/dev/y", "/srv/app"),
    ],
)
@pytest.mark.parametrize("how", ["owner", "mode", "through a link"])
def test_a_directory_of_a_user_is_named_and_nothing_is_written(
    jail: Jail, words: str, place: str, how: str
) -> None:
    (jail.root / "srv/app/conf").mkdir(parents=True)
    jail.file("/srv/app/conf/file", "root=/dev/x\n")
    if how == "mode" and place == "/srv/app":
        (jail.root / "srv/app").chmod(0o777)
    else:
        of_mallory(jail, place)
    if how == "through a link":
        jail.link("/opt/way", place)
        words = words.replace(place, "/opt/way")
    before = sorted(str(path) for path in (jail.root / place[1:]).rglob("*"))
    done = jail.run(f"$SH /snippets/{words}", stdin="new\n")
    assert done.returncode == 77, done.stderr
    assert place in done.stderr
    assert "chown root" in done.stderr or "chmod go-w" in done.stderr
    assert sorted(str(path) for path in (jail.root / place[1:]).rglob("*")) == before
    assert (jail.root / "srv/app/conf/file").read_text() == "root=/dev/x\n"


@pytest.mark.parametrize("target", ["/etc", "/usr", "/home/mallory", "/root", "/"])
def test_a_mode_is_never_given_to_a_directory_of_the_system(jail: Jail, target: str) -> None:
    jail.link("/var/lib/rancher", target)
    place = jail.root / target.lstrip("/")
    before = place.stat()
    done = jail.run("$SH /snippets/directory.sh /var/lib/rancher 700")
    assert done.returncode == 77
    assert "/var/lib/rancher" in done.stderr
    after = place.stat()
    assert (after.st_mode, after.st_uid) == (before.st_mode, before.st_uid)


def test_a_link_of_the_administrator_to_a_disk_is_followed(jail: Jail) -> None:
    (jail.root / "mnt/ssd/k3s").mkdir(parents=True)
    jail.link("/var/lib/rancher/k3s", "/mnt/ssd/k3s")
    done = jail.run("$SH /snippets/directory.sh /var/lib/rancher/k3s/server/manifests 700")
    assert done.returncode == 0, done.stderr
    done = jail.run(
        f"$SH /snippets/put.sh /var/lib/rancher/k3s/server/manifests/x 600 {SHA}", "new\n"
    )
    assert done.returncode == 0, done.stderr
    assert (jail.root / "mnt/ssd/k3s/server/manifests/x").read_text() == "new\n"


@pytest.mark.parametrize(("mode", "owner"), [(0o777, 0), (0o755, 0), (0o700, UID)])
def test_a_loose_directory_of_edgeboot_is_taken_back(jail: Jail, mode: int, owner: int) -> None:
    ours = jail.root / OURS[1:]
    ours.chmod(mode)
    os.chown(ours, owner, owner)
    done = jail.run("$SH /snippets/observe.sh hold:run someone")
    assert done.returncode == 0, done.stderr
    assert not ours.exists() or (ours.stat().st_mode & 0o777, ours.stat().st_uid) == (0o700, 0)
    ours.mkdir(exist_ok=True)
    ours.chmod(mode)
    os.chown(ours, owner, owner)
    done = jail.run(f"$SH /snippets/put.sh /etc/site/file 600 {SHA}", "new\n")
    assert done.returncode == 0, done.stderr
    assert (ours.stat().st_mode & 0o777, ours.stat().st_uid) == (0o700, 0)


def test_what_a_user_left_in_a_loose_directory_is_named(jail: Jail) -> None:
    ours = jail.root / OURS[1:]
    ours.chmod(0o777)
    (ours / "owned").write_text("/etc/passwd\n")
    os.chown(ours / "owned", UID, UID)
    done = jail.run("$SH /snippets/observe.sh hold:run someone")
    assert done.returncode == 77
    assert f"{OURS}/owned is not edgeboot's own file" in done.stderr


KEY = "ssh-ed25519 AAAA operator"


def test_a_key_is_added_as_the_user(jail: Jail) -> None:
    done = jail.run(f"$SH /snippets/authorize.sh mallory '{KEY}'")
    assert done.returncode == 0, done.stderr
    ssh = jail.root / "home/mallory/.ssh"
    for path, mode in ((ssh, 0o700), (ssh / "authorized_keys", 0o600)):
        at = path.stat()
        assert (at.st_mode & 0o777, at.st_uid, at.st_gid) == (mode, UID, UID)
    assert (ssh / "authorized_keys").read_text() == f"{KEY}\n"
    (ssh / "authorized_keys").write_text("other")
    for _ in range(2):
        assert jail.run(f"$SH /snippets/authorize.sh mallory '{KEY}'").returncode == 0
    assert (ssh / "authorized_keys").read_text() == f"other\n{KEY}\n"
    assert [path.name for path in ssh.iterdir()] == ["authorized_keys"]


@pytest.mark.parametrize("kind", ["link", "dangling", "hardlink", "fifo"])
@pytest.mark.parametrize("name", ["", "/authorized_keys", "/authorized_keys.edgeboot"])
def test_root_is_led_nowhere_in_a_home(jail: Jail, kind: str, name: str) -> None:
    ssh = jail.root / "home/mallory/.ssh"
    if name:
        ssh.mkdir()
        of_mallory(jail, "/home/mallory/.ssh")
    if kind == "hardlink" and not name:
        pytest.skip("a directory has no second name")
    lay(jail, f"/home/mallory/.ssh{name}", kind)
    before = seen(jail)
    done = jail.run(f"exec timeout 20 $SH /snippets/authorize.sh mallory '{KEY}'")
    assert done.returncode != 124, "it waits for the trap"
    assert seen(jail) == before
    assert (jail.root / VICTIM[1:]).stat().st_uid == 0


def test_a_home_that_leads_to_roots_own_keys_gives_no_access(jail: Jail) -> None:
    (jail.root / "root/.ssh").mkdir(mode=0o700)
    jail.file("/root/.ssh/authorized_keys", "roots\n").chmod(0o600)
    jail.link("/home/mallory/.ssh", "/root/.ssh")
    done = jail.run(f"$SH /snippets/authorize.sh mallory '{KEY}'")
    assert done.returncode != 0
    assert "/home/mallory/.ssh" in done.stderr
    keys = jail.root / "root/.ssh/authorized_keys"
    assert (keys.read_text(), keys.stat().st_uid) == ("roots\n", 0)


def test_a_directory_is_made_on_a_disk_that_is_open_to_all(jail: Jail) -> None:
    """A fresh tmpfs is sticky and open: what root makes there is its own."""
    (jail.root / "srv/disk").mkdir()
    (jail.root / "srv/disk").chmod(0o1777)
    done = jail.run("$SH /snippets/directory.sh /srv/disk/k3s/agent 700")
    assert done.returncode == 0, done.stderr
    of_mallory(jail, "/srv/disk/k3s")
    assert jail.run("$SH /snippets/directory.sh /srv/disk/k3s/agent 700").returncode == 77
    jail.link("/srv/disk/way", "/etc")
    done = jail.run("$SH /snippets/directory.sh /srv/disk/way/x 700")
    assert done.returncode == 77
    assert not jail.has("/etc/x")


def test_the_data_may_lie_on_a_disk_that_is_open_to_all(jail: Jail) -> None:
    (jail.root / "srv/disk").mkdir()
    (jail.root / "srv/disk").chmod(0o1777)
    jail.link("/var/lib/rancher/k3s", "/srv/disk/k3s")  # in the place of the mount
    done = jail.run("$SH /snippets/storage.sh storage hash /srv/disk/k3s")
    assert done.returncode == 0, done.stderr
    assert jail.has("/srv/disk/k3s")
    of_mallory(jail, "/srv/disk/k3s")
    assert jail.run("$SH /snippets/storage.sh storage hash /srv/disk/k3s").returncode == 77
    jail.link("/srv/disk/way", "/etc")
    done = jail.run("$SH /snippets/storage.sh storage hash /srv/disk/way")
    assert done.returncode == 77
