"""The shells that hosts have, and a host made of directories and recording programs."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from edgeboot import shell


class Host:
    """A shell, a directory in the place of /var/lib/edgeboot and the rest, and told programs."""

    def __init__(self, words: tuple[str, ...], root: Path) -> None:
        self.words, self.root = words, root
        self.ours = root / "edgeboot"
        self.ours.mkdir(mode=0o700)
        self.programs = root / "bin"
        self.programs.mkdir()
        self.told = root / "told"

    def program(self, name: str, body: str = "") -> None:
        """A program that writes down its arguments."""
        path = self.programs / name
        path.write_text(f'#!/bin/sh\necho "{name} $*" >>{self.told}\n{body}\n')
        path.chmod(0o755)

    def run(
        self, name: str, *words: str, stdin: str = "", **places: str
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*self.words, "-c", self.text(name, **places), name, *words],
            input=stdin,
            capture_output=True,
            text=True,
            timeout=60,
            env={**os.environ, "PATH": f"{self.programs}:{os.environ['PATH']}"},
        )

    def text(self, name: str, **places: str) -> str:
        """A snippet whose places are this host's."""
        text = shell.text(name)
        for there, here in {"/var/lib/edgeboot": str(self.ours), **places}.items():
            text = text.replace(there, here)
        return self.functions() + text

    def functions(self) -> str:
        """The recording programs as functions: some BusyBoxes prefer applets to the PATH."""
        names = (path.name for path in self.programs.iterdir())
        return "".join(
            f'{name}() {{ "{self.programs}/{name}" "$@"; }}\n' for name in names if name.isalnum()
        )

    def records(self) -> dict[str, str]:
        return {p.name: p.read_text().strip() for p in self.ours.glob("done-*")}

    def said(self) -> list[str]:
        return self.told.read_text().splitlines() if self.told.exists() else []
