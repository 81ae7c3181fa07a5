"""What a person sees: one program in a terminal of a size, by tmux."""

from __future__ import annotations

import shlex
import subprocess
import time
from pathlib import Path

_END = "ended with"


class Terminal:
    """Types and looks; ``see`` waits for a text and fails with the whole screen."""

    def __init__(
        self, socket: Path, argv: list[str], env: dict[str, str], size: tuple[int, int]
    ) -> None:
        self._socket = socket
        settings = " ".join(f"{key}={shlex.quote(value)}" for key, value in env.items())
        script = f"env {settings} {shlex.join(argv)}; echo {_END} $?; exec sleep 600"
        self._tmux("-f", "/dev/null", "new-session", "-d", "-x", str(size[0]), "-y", str(size[1]),
                   script)  # fmt: skip

    def _tmux(self, *words: str) -> str:
        argv = ["tmux", "-S", str(self._socket), *words]
        return subprocess.run(argv, check=True, capture_output=True, text=True).stdout

    def screen(self) -> str:
        """The lines of the terminal and what scrolled off; wrapped lines are joined."""
        shown = self._tmux("capture-pane", "-p", "-J", "-S", "-200")
        return "\n".join(line.rstrip() for line in shown.splitlines())

    def see(self, *texts: str, seconds: float = 60) -> str:
        """The screen once all texts are on it."""
        until = time.monotonic() + seconds
        while not all(text in (shown := self.screen()) for text in texts):
            assert time.monotonic() < until, f"not seen: {texts}\n{shown}"
            time.sleep(0.05)
        return shown

    def type(self, text: str) -> None:
        """Types text, with Enter for each end of line."""
        self._tmux("send-keys", "-l", text)

    def key(self, name: str) -> None:
        """Presses a key by tmux's name: ``C-c``."""
        self._tmux("send-keys", name)

    def resize(self, width: int, height: int) -> None:
        """Changes the size of the terminal."""
        self._tmux("resize-window", "-x", str(width), "-y", str(height))

    def code(self) -> int:
        """The exit code, once the program has ended."""
        return int(self.see(_END).rpartition(_END)[2].split()[0])

    def end(self) -> None:
        """Closes the terminal."""
        subprocess.run(["tmux", "-S", str(self._socket), "kill-server"], check=False)
