"""A kernel setting is written, read back, and an unwritable one is an error."""

from __future__ import annotations

from tests.integration.shell.snippets import Host


def test_a_setting_is_written_where_its_name_says(host: Host) -> None:
    file = host.root / "sys/fs/inotify/max_user_instances"
    file.parent.mkdir(parents=True)
    file.write_text("128\n")
    words = ("kernel-setting", "fs.inotify.max_user_instances", "512")
    done = host.run(*words, **{"/proc/sys": str(host.root / "sys")})
    assert done.returncode == 0, done.stderr
    assert file.read_text() == "512\n"
    assert host.run(*words, **{"/proc/sys": str(host.root / "none")}).returncode != 0
