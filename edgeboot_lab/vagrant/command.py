"""The ``vagrant`` command, run for one lab: its environment, its progress, its errors.

``up``, ``destroy`` and ``status`` are run with ``--machine-readable``, whose lines are
``timestamp,target,type,data…`` with commas written ``%!(VAGRANT_COMMA)`` and line ends ``\\n``
(lib/vagrant/ui.rb); an error ends it with a line of type ``error-exit``: its class, its text.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from edgeboot_lab.errors import LabFailed, LabRefused
from edgeboot_lab.state import LabFiles, LabRecord

PROVIDERS = ("virtualbox", "libvirt")
# The first `up` on a machine downloads the box; Vagrant itself gives each machine 300 s to boot.
UP_SECONDS = 3600.0
_SECONDS = 120.0
_STOP_SECONDS = 120.0
_LAST_WORDS = 2000

_PROVIDER_HINT = (
    "install one: virtualbox, or on Debian `apt-get install vagrant-libvirt libvirt-daemon-system`"
)
_LIBVIRT_HINT = (
    "`apt-get install libvirt-daemon-system`, start libvirtd, and be in the group libvirt"
)
_BOX_HINT = "connect this machine to the Internet once, or `vagrant box add FILE`"
# In the class of Vagrant's error or in its text (that of several machines' errors has no class of
# its own) -> what to do. These say that the machine lacks something, others that a step failed.
_LACKING = {
    "::NoDefaultProvider": _PROVIDER_HINT,
    "::ProviderNotFound": _PROVIDER_HINT,
    "::ProviderNotUsable": _PROVIDER_HINT,
    "Error while connecting to Libvirt": _LIBVIRT_HINT,
    "::BoxAddShortNotFound": _BOX_HINT,
    "::BoxNotFound": _BOX_HINT,
    "::DownloaderError": _BOX_HINT,
}

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Event:
    """One line of machine-readable output."""

    target: str
    kind: str
    data: tuple[str, ...]


def parse_event(line: str) -> Event | None:
    """The event a line reports; None for a line of another form."""
    fields = line.rstrip("\n").split(",")
    if len(fields) < 4 or not fields[0].isdigit():
        return None
    data = tuple(
        field.replace("%!(VAGRANT_COMMA)", ",").replace("\\n", "\n").replace("\\r", "")
        for field in fields[3:]
    )
    return Event(fields[1], fields[2], data)


def check() -> None:
    """LabRefused if a command is missing."""
    packages = [
        package
        for command, package in (("vagrant", "vagrant"), ("ssh", "openssh-client"))
        if not shutil.which(command)
    ]
    if packages:
        raise LabRefused(
            f"missing on this machine: {', '.join(packages)}",
            hint=f"apt-get install {' '.join(packages)}, and VirtualBox or libvirt to run them on",
        )


@dataclass(frozen=True)
class Vagrant:
    """Vagrant, with everything it remembers about the lab below the lab's own directory."""

    record: LabRecord
    files: LabFiles
    offline: bool = False

    @property
    def memory(self) -> Path:
        """Vagrant's own directory of the lab (else ``.vagrant`` beside the Vagrantfile)."""
        return self.files.root / "vagrant"

    def made_any(self) -> bool:
        """Whether there is a machine: Vagrant writes down the id of each as it makes it."""
        return any(self.memory.glob("machines/*/*/id"))

    def up(self, provider: str | None, progress: Progress) -> None:
        """Make and boot the machines."""
        chosen = ("--provider", provider) if provider else ()
        self._follow(("up", *chosen), progress, UP_SECONDS)

    def destroy(self, progress: Progress) -> None:
        """Remove the machines and their disks."""
        self._follow(("destroy", "--force"), progress, UP_SECONDS)

    def states(self) -> dict[str, str]:
        """Each machine's state, as its provider calls it (``running``, ``poweroff``)."""
        events = self._follow(("status",), lambda _line: None, _SECONDS)
        return {event.target: event.data[0] for event in events if event.kind == "state"}

    def ssh_config(self) -> str:
        """How Vagrant gets into the machines, as text for an ssh_config file."""
        return self._ask(("ssh-config",))

    def run_in(self, node: str, script: str) -> str:
        """What ``script`` prints in a machine, over Vagrant's own connection."""
        return self._ask(("ssh", node, "--no-tty", "--command", script))

    def _environment(self) -> dict[str, str]:
        settings = {
            "EDGEBOOT_LAB_NAME": self.record.name,
            "EDGEBOOT_LAB_AGENTS": str(len(self.record.nodes) - 1),
            "EDGEBOOT_LAB_SUBNET": str(self.record.gateway).rpartition(".")[0],
            "EDGEBOOT_LAB_OFFLINE": "1" if self.offline else "",
            "VAGRANT_CWD": str(Path(__file__).parent),
            "VAGRANT_VAGRANTFILE": "Vagrantfile",
            "VAGRANT_DOTFILE_PATH": str(self.memory),
            "VAGRANT_CHECKPOINT_DISABLE": "1",  # it would look for news on the Internet
        }
        if self.record.memory_bytes is not None:
            mebibytes = str(self.record.memory_bytes >> 20)
            settings |= dict.fromkeys(
                ("EDGEBOOT_LAB_SERVER_MEMORY", "EDGEBOOT_LAB_AGENT_MEMORY"), mebibytes
            )
        return {**os.environ, **settings}

    def _ask(self, words: tuple[str, ...]) -> str:
        try:
            done = subprocess.run(
                ("vagrant", *words),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                env=self._environment(),
                timeout=_SECONDS,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise LabFailed(f"`vagrant {words[0]}` failed: {error}") from error
        if done.returncode != 0:
            said = (done.stderr or done.stdout).decode(errors="replace").strip()
            raise LabFailed(f"`vagrant {words[0]}` exited {done.returncode}: {_end_of(said)}")
        return done.stdout.decode(errors="replace")

    def _follow(self, words: tuple[str, ...], progress: Progress, seconds: float) -> list[Event]:
        """Run it, reporting what it says to people; its events, or the error it ended with.

        In a session of its own, so that Ctrl-C reaches it once, from here: Vagrant tidies up at the
        first interrupt and drops everything at the second.
        """
        argv = ("vagrant", words[0], "--machine-readable", *words[1:])
        try:
            process = subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                env=self._environment(),
                start_new_session=True,
                text=True,
                errors="replace",
            )
        except OSError as error:
            raise LabFailed(f"cannot start `vagrant`: {error.strerror}") from error
        overdue = threading.Event()

        def give_up() -> None:
            overdue.set()
            process.send_signal(signal.SIGINT)

        timer = threading.Timer(seconds, give_up)
        timer.start()
        try:
            events, other = _read(process, progress)
            status = process.wait()
        except BaseException:
            _stop(process)
            raise
        finally:
            timer.cancel()
        if overdue.is_set():
            raise LabFailed(f"`vagrant {words[0]}` took longer than {seconds:.0f} s")
        if status != 0:
            raise _failure(words[0], status, events, other)
        return events


def _read(process: subprocess.Popen[str], progress: Progress) -> tuple[list[Event], str]:
    """Every event, and what was said in another form."""
    events: list[Event] = []
    other: list[str] = []
    for line in process.stdout or ():
        event = parse_event(line)
        if event is None:
            other.append(line)
            continue
        events.append(event)
        if event.kind == "ui" and event.data[0] in {"info", "output", "warn", "success"}:
            target = f"{event.target}: " if event.target else ""
            progress(f"vagrant: {target}{event.data[-1].strip()}")
    return events, "".join(other)


def _stop(process: subprocess.Popen[str]) -> None:
    """Give it a bounded time to clean up."""
    process.send_signal(signal.SIGINT)
    try:
        process.communicate(timeout=_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _failure(verb: str, status: int, events: list[Event], other: str) -> LabRefused | LabFailed:
    ends = [event.data for event in events if event.kind == "error-exit"]
    name, text = (ends[-1][0], ends[-1][-1].strip()) if ends else ("", other.strip())
    for mark, hint in _LACKING.items():
        if name.endswith(mark):
            return LabRefused(f"vagrant cannot make machines here: {text}", hint=hint)
        for paragraph in text.split("\n\n"):
            if mark in paragraph:
                return LabRefused(f"vagrant cannot make machines here: {paragraph}", hint=hint)
    return LabFailed(f"`vagrant {verb}` exited {status}: {_end_of(text)}")


def _end_of(said: str) -> str:
    return said[-_LAST_WORDS:] if said else "(no output)"
