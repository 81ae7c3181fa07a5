"""Hosts whose directories are elsewhere, or mounted in a way that K3s cannot use."""

from __future__ import annotations

from tests.support.fleet import Fleet

DATA = "/var/lib/rancher/k3s"


def test_data_that_a_link_leads_elsewhere_are_gone_after_a_reset(bare: Fleet) -> None:
    inventory = bare.inventory("server-1")
    bare.on("server-1", f"mkdir -p /mnt/ssd/k3s /var/lib/rancher; ln -s /mnt/ssd/k3s {DATA}")
    try:
        done = bare.install(inventory)
        assert done.code == 0, done.all
        assert bare.on("server-1", "ls /mnt/ssd/k3s/server/token")
        done = bare.run("reset", "-i", inventory, "--plan")
        assert f"all files in /mnt/ssd/k3s, where {DATA} leads" in done.out, done.all
        name = bare.base["cluster"]["name"]
        done = bare.run("reset", "-i", inventory, "--yes", "--confirm", name)
        assert done.code == 0, done.all
        assert bare.on("server-1", "ls -A /mnt/ssd/k3s") == ""
        done = bare.run("reset", "-i", inventory, "--plan")
        assert done.code == 0, done.all
    finally:
        bare.on("server-1", f"rm -rf /mnt/ssd; [ ! -L {DATA} ] || rm {DATA}")


def test_a_data_directory_without_leave_to_execute_is_refused(unchanged: Fleet) -> None:
    unchanged.on("server-1", "mkdir -p /var/lib/rancher")
    unchanged.on("server-1", "mount -t tmpfs -o noexec none /var/lib/rancher")
    try:
        done = unchanged.run("preflight", "-i", unchanged.inventory("server-1"))
        assert done.code == 5, done.all
        assert "mounted noexec" in done.all
        assert "mount -o remount,exec /var/lib/rancher" in done.all
    finally:
        unchanged.on("server-1", "umount /var/lib/rancher; rmdir /var/lib/rancher || true")
