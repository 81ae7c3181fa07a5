"""A reset where directories of K3s's are links or mounts: what is there goes, or it refuses."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgeboot.plan.reset.clear import ResetTarget
from edgeboot.plan.reset.remains import Remains, clearing_steps, losses, parse_remains
from tests.integration.shell.jail import Jail, available

pytestmark = pytest.mark.skipif(not available(), reason="needs namespaces of its own")

DATA = "/var/lib/rancher/k3s"
SECRETS = ("server/token", "server/db/state.db", "server/tls/server-ca.key", "agent/x", "data/x")


@pytest.fixture
def jail(sh: tuple[str, ...], tmp_path: Path) -> Jail:
    return Jail(sh, tmp_path)


def survey(jail: Jail, before: str = "") -> Remains:
    done = jail.run(f"{before}\n$SH /snippets/survey.sh")
    assert done.stdout.endswith("end\n"), done.stderr
    return parse_remains(done.stdout, "n")


def reset(jail: Jail, before: str = "") -> Remains:
    """What is left after the steps for what was found."""
    found = survey(jail, before)
    assert not found.astray
    for step in clearing_steps(found):
        if step.part is not ResetTarget.PATHS:
            continue
        words = " ".join(step.items)
        done = jail.run(f"{before}\n$SH /snippets/clear.sh paths {words}")
        assert done.returncode == 0, done.stderr
    return survey(jail, before)


def fill(jail: Jail, place: str) -> None:
    for name in SECRETS:
        jail.file(f"{place}/{name}", "secret")
    jail.link(f"{place}/data/current", f"{DATA}/data/x")


def left_in(jail: Jail, place: str) -> list[str]:
    return sorted(path.name for path in (jail.root / place.lstrip("/")).iterdir())


@pytest.mark.parametrize(
    ("link", "target"),
    [
        (DATA, "/mnt/ssd/k3s"),
        (DATA, "../../../mnt/ssd/k3s"),
        (DATA, "/data"),
        (DATA, "/home/mallory/k3s"),
        ("/var/lib/rancher", "/mnt/ssd/rancher"),
        ("/var/lib", "/mnt/ssd/lib"),
    ],
)
def test_the_data_behind_a_link_goes_and_the_link_stays(jail: Jail, link: str, target: str) -> None:
    real = jail.root / target.replace("../../../", "/").lstrip("/")
    real.mkdir(parents=True)
    if link == "/var/lib":
        (jail.root / "var/lib").rmdir()
    jail.link(link, target)
    below = f"/{real.relative_to(jail.root)}{DATA.removeprefix(link)}"
    fill(jail, below)
    assert clearing_steps(survey(jail))
    left = reset(jail)
    assert clearing_steps(left) == ()
    assert not jail.has(f"{below}/server/token")
    if link == DATA:
        assert (jail.root / DATA[1:]).is_symlink()
        assert left_in(jail, below) == []


@pytest.mark.parametrize(
    "place",
    [
        *("/run/k3s", "/run/flannel", "/var/lib/kubelet", "/var/lib/cni", "/var/log/pods"),
        *("/var/log/containers", "/etc/rancher/k3s", "/etc/rancher/node"),
        *(f"{DATA}/{name}" for name in ("server", "server/db", "agent/containerd", "storage")),
        *(f"{DATA}/{name}" for name in ("data", "server/db/etcd", "server/tls", "agent")),
        f"{DATA}/agent/containerd/io.containerd.snapshotter.v1.overlayfs",
    ],
)
@pytest.mark.parametrize("how", ["link", "mount"])
def test_every_place_is_emptied_where_it_really_is(jail: Jail, place: str, how: str) -> None:
    jail.file("/mnt/ssd/moved/secret", "secret")
    jail.file("/mnt/ssd/moved/deep/.hidden", "secret")
    jail.file("/mnt/ssd/other", "not K3s's")
    if how == "link":
        jail.link(place, "/mnt/ssd/moved")
        before = ""
    else:
        (jail.root / place[1:]).mkdir(parents=True)
        before = f"mount --bind /mnt/ssd/moved {place}"
    assert clearing_steps(survey(jail, before))
    assert clearing_steps(reset(jail, before)) == ()
    assert left_in(jail, "/mnt/ssd/moved") == []
    assert jail.has("/mnt/ssd/other")


def test_what_is_behind_a_link_is_named_as_lost(jail: Jail) -> None:
    fill(jail, "/mnt/ssd/k3s")
    jail.link(DATA, "/mnt/ssd/k3s")
    found = survey(jail)
    said = [loss.describe() for loss in losses(found)]
    assert any("all files in /mnt/ssd/k3s" in line for line in said)
    step = next(s for s in clearing_steps(found) if s.part is ResetTarget.PATHS)
    assert "what is in /mnt/ssd/k3s" in step.describe()


def test_a_link_below_a_volume_is_not_followed(jail: Jail) -> None:
    """A pod may have made it."""
    jail.file("/etc/shadow", "root")
    fill(jail, DATA)
    jail.link(f"{DATA}/storage/pvc-1/evil", "/etc")
    jail.link("/var/lib/kubelet/pods/1/volumes/evil", "/etc")
    jail.link("/var/log/pods/evil", "/etc")
    assert clearing_steps(reset(jail)) == ()
    assert jail.has("/etc/shadow")


@pytest.mark.parametrize(
    ("target", "why"),
    [
        ("/", "belongs to the system"),
        ("/home", "belongs to the system"),
        ("/home/mallory", "belongs to a user"),
        ("/root", "belongs to a user"),
        *((f"/{name}", "belongs to") for name in ("etc", "usr", "var", "var/lib", "opt", "mnt")),
        ("/usr/lib", "belongs to the system"),
        ("/etc/ssh", "belongs to the system"),
        ("/var/lib/docker", "belongs to the system"),
        ("/var/lib/rancher", "belongs to"),
        ("/mnt/ssd", "also holds photos, which is not K3s's"),
        ("/mnt/unplugged/k3s", "not a directory, or not mounted"),
        ("/mnt/ssd/photos", "not a directory, or not mounted"),
    ],
    ids=lambda value: value if value.startswith("/") else "",
)
def test_a_link_to_what_is_not_k3ss_alone_is_refused(jail: Jail, target: str, why: str) -> None:
    jail.file("/mnt/ssd/photos", "dear")
    for victim in ("etc/ssh", "var/lib/docker"):
        jail.file(f"/{victim}/key", "dear")
    jail.file("/home/mallory/letter", "dear")
    jail.link(DATA, target)
    before = sorted(str(path) for path in jail.root.rglob("*") if "snippets" not in str(path))
    found = survey(jail)
    assert why in found.astray[DATA]
    done = jail.run(f"$SH /snippets/clear.sh paths {DATA}")
    assert done.returncode == 1
    assert why in done.stderr
    after = sorted(str(path) for path in jail.root.rglob("*") if "snippets" not in str(path))
    assert [path for path in before if path not in after] == []


def test_a_mounted_disk_with_other_files_is_refused(jail: Jail) -> None:
    fill(jail, "/mnt/ssd")
    jail.file("/mnt/ssd/photos", "dear")
    (jail.root / DATA[1:]).mkdir(parents=True)
    found = survey(jail, f"mount --bind /mnt/ssd {DATA}")
    assert "also holds photos" in found.astray[DATA]


def test_mounts_of_pods_behind_a_link_are_seen_and_never_emptied(jail: Jail) -> None:
    """A volume of a pod may be an NFS share."""
    jail.file("/srv/share/file", "dear")
    (jail.root / "mnt/ssd/kubelet/pods/1/volume").mkdir(parents=True)
    jail.link("/var/lib/kubelet", "/mnt/ssd/kubelet")
    before = "mount --bind /srv/share /mnt/ssd/kubelet/pods/1/volume"
    assert survey(jail, before).mounts == ("/mnt/ssd/kubelet/pods/1/volume",)
    done = jail.run(f"{before}\n$SH /snippets/clear.sh paths /var/lib/kubelet")
    assert (done.returncode, done.stderr) == (
        1,
        "still mounted: /mnt/ssd/kubelet/pods/1/volume\n",
    )
    done = jail.run(
        f"{before}\n$SH /snippets/clear.sh mounts\n$SH /snippets/clear.sh paths /var/lib/kubelet"
    )
    assert done.returncode == 0, done.stderr
    assert jail.has("/srv/share/file")
    assert left_in(jail, "/mnt/ssd/kubelet") == []


def test_processes_are_found_by_where_the_programs_really_are(jail: Jail) -> None:
    fill(jail, "/mnt/ssd/k3s")
    jail.link(DATA, "/mnt/ssd/k3s")
    program = jail.root / "mnt/ssd/k3s/data/x"
    program.unlink()
    run = f"cp /usr/bin/sleep {DATA}/data/shim; {DATA}/data/shim 60 & sleep 0.3\n"
    assert survey(jail, run).processes == 1
