"""A host made of directories in namespaces of its own: real paths, real users, real mounts.

Programs are this machine's, mounted read-only; everything that a snippet writes is below ``root``.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

from edgeboot import shell

NAMESPACES = ("unshare", "--mount", "--pid", "--uts", "--net", "--fork")
# jail ROOT SHELL... SCRIPT
SETUP = """
set -e
root=$1; shift
mount --bind "$root" "$root"
mount --bind /usr "$root/usr"
mount -o remount,bind,ro "$root/usr"
mount --bind "$root/local" "$root/usr/local"
mount -t proc proc "$root/proc"
exec chroot "$root" "$@"
"""
DIRECTORIES = "dev etc home mnt opt proc root run srv tmp usr local/bin snippets var/lib var/log"
USERS = "root:x:0:0::/root:/bin/sh\nmallory:x:1000:1000::/home/mallory:/bin/sh\n"
UID = 1000


def available() -> bool:
    return subprocess.run([*NAMESPACES, "true"], capture_output=True).returncode == 0


class Jail:
    """A host; ``run`` executes a script in it, with the snippets as ``/snippets/NAME.sh``."""

    def __init__(self, words: tuple[str, ...], root: Path) -> None:
        self.words, self.root = words, root
        for name in DIRECTORIES.split():
            (root / name).mkdir(parents=True)
        for link in ("bin", "sbin", "lib", "lib64"):
            (root / link).symlink_to(f"usr/{link}")
        root.chmod(0o755)  # users enter it, too
        (root / "tmp").chmod(0o1777)
        (root / "etc/passwd").write_text(USERS)
        (root / "etc/group").write_text("root:x:0:\nmallory:x:1000:\n")
        (root / "dev/null").write_bytes(b"")
        (root / "dev/null").chmod(0o666)
        home = root / "home/mallory"
        home.mkdir()
        subprocess.run(["chown", "1000:1000", home], check=True)

    def run(self, script: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        for folder in ("look", "host", "k3s"):
            for file in (Path(shell.__file__).parent / folder).glob("*.sh"):
                (self.root / "snippets" / file.name).write_text(shell.text(file.stem))
        head = f"SH='{' '.join(self.words)}'\n"
        argv = [*NAMESPACES, "sh", "-c", SETUP, "jail", str(self.root), *self.words]
        return subprocess.run(
            [*argv, "-c", head + script],
            input=stdin,
            capture_output=True,
            text=True,
            timeout=60,
            env={"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"},
        )

    def file(self, path: str, content: str = "") -> Path:
        """A file of the host, with its directories."""
        file = self.root / path.lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)
        return file

    def link(self, path: str, target: str) -> None:
        """A symbolic link of the host."""
        link = self.root / path.lstrip("/")
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(target)

    def has(self, path: str) -> bool:
        """Whether anything, also a dangling link, is there."""
        place = self.root / path.lstrip("/")
        return place.exists() or place.is_symlink()
