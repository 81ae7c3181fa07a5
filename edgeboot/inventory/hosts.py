"""What an inventory says of the host below a node: board, disk, clock, files, hooks and more.

Values and their reader. Contents of files and hooks are read at once, so that what is missing is
an error with a line, and not a surprise after half of the hosts.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Collection
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from edgeboot.inventory import syntax
from edgeboot.inventory.boards import BOARDS
from edgeboot.inventory.checking import checked
from edgeboot.yaml.reader import Mapping, Reader
from edgeboot.yaml.wording import nearest, quoted

KEYS = ("board", "swap", "storage", "firewall", "time", "files", "hooks")
SWAPS = ("zram", "none", "keep")
FIREWALLS = ("open", "keep")
# Where a hook may stand: before or after one of these parts of an installation.
STAGES = ("prepare", "upload", "start", "cluster")
MAX_FILE = 1 << 20  # bytes: what is larger belongs into a bundle
TIMEOUT, MOST_TIMEOUT = 120, 3600  # seconds

PATH = re.compile(r"(/[A-Za-z0-9_+@.-]+)+")
MODE = re.compile(r"0?[0-7]{3}")
# What edgeboot or K3s writes: a second hand there would undo it at every run.
_TAKEN = re.compile(
    r"/usr/local/bin/k3s|/etc/rancher/k3s/.*|/var/lib/edgeboot(/.*)?|/var/lib/kubelet(/.*)?|/run/.*|"
    r"/etc/systemd/system/k3s(-agent)?\.service.*|/etc/init\.d/k3s(-agent)?|"
    r"/(proc|sys|dev)/.*|(/.*)?/[^/]*edgeboot[^/]*|/boot(/firmware)?/cmdline\.txt"
)


@dataclass(frozen=True)
class PlacedFile:
    """A file of the operator's for the host; ``secret`` keeps its content out of the plan."""

    dest: str
    content: bytes = field(repr=False)
    mode: int = 0o644
    secret: bool = False


@dataclass(frozen=True)
class Hook:
    """Commands of the operator's. ``stage`` and ``after`` say when, ``timeout`` in seconds."""

    name: str
    stage: str
    after: bool
    script: str = field(repr=False)
    inputs: str = ""  # hash over the files it depends on
    timeout: int = TIMEOUT

    @property
    def when(self) -> str:
        """``before start``."""
        return f"{'after' if self.after else 'before'} {self.stage}"


@dataclass(frozen=True)
class Host:
    """All of it. ``time_floor`` None leaves it to what the host is; ``chosen`` says by whom."""

    board: str | None = None
    swap: str = "keep"
    storage: str | None = None
    firewall: str | None = None  # open; keep closes what edgeboot has opened
    time_servers: tuple[str, ...] = ()
    time_floor: bool | None = None
    files: tuple[PlacedFile, ...] = ()
    hooks: tuple[Hook, ...] = ()
    chosen: str = ""


def read_host(reader: Reader, base: Path) -> Host:
    """A node's, or a layer's below it; BadInput with file:line."""
    board = _word(reader, "board", tuple(BOARDS), None)
    preset = BOARDS[board] if board else None
    usual = (preset.swap if preset else None) or "keep"
    time = reader.mapping("time").reader(("servers", "floor"), f"'time' of {reader.what}")
    return Host(
        board=board,
        swap=_word(reader, "swap", SWAPS, None) or usual,
        storage=_storage(reader),
        firewall=_word(reader, "firewall", FIREWALLS, None),
        time_servers=tuple(
            checked(time, "servers", text, _time_server) for text in time.texts("servers")
        ),
        time_floor=time.boolean("floor", None),
        files=_files(reader, base),
        hooks=_hooks(reader, base),
        chosen=f"board {board} chooses {preset.describe()}" if preset else "",
    )


def _word(reader: Reader, key: str, known: Collection[str], default: str | None) -> str | None:
    text = reader.text(key, None)
    if text is None or text in known:
        return text or default
    near = nearest(text, known)
    hint = f"did you mean '{near}'?" if near else f"one of {', '.join(known)}"
    raise reader.error(key, f"{quoted(text)} is no value of '{key}' of {reader.what}", hint)


def _storage(reader: Reader) -> str | None:
    if not reader.has("storage"):
        return None
    storage = reader.mapping("storage").reader(("path",), f"'storage' of {reader.what}")
    return checked(storage, "path", storage.text("path"), _disk)


def _disk(text: str) -> str:
    path(text)
    if text.startswith(("/var/lib/rancher", "/var/lib/edgeboot", "/etc", "/usr", "/run", "/proc")):
        raise ValueError("name where the disk is mounted, for instance /mnt/ssd")
    return text


def path(text: str) -> str:
    """An absolute path on a host, in its only spelling."""
    if PATH.fullmatch(text) and not {"..", "."} & set(text.split("/")):
        return text
    raise ValueError("write a full path of letters, digits and . _ + @ -, without . and ..")


def _time_server(text: str) -> str:
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return syntax.address(text)


def _files(reader: Reader, base: Path) -> tuple[PlacedFile, ...]:
    found: dict[str, PlacedFile] = {}
    for entry in reader.mappings("files"):
        file = entry.reader(("src", "dest", "mode", "secret"), f"a file of {reader.what}")
        dest = checked(file, "dest", file.text("dest"), path)
        if _TAKEN.fullmatch(dest):
            hint = "K3s's own settings have keys of the inventory; other files need another place"
            raise file.error("dest", f"{dest} belongs to K3s, edgeboot or the kernel", hint)
        if dest in found:
            raise file.error("dest", f"{dest} twice among the files of {reader.what}", "keep one")
        mode = int(checked(file, "mode", file.literal("mode", "0644"), _mode), 8)
        secret = file.boolean("secret", False)
        found[dest] = PlacedFile(dest, _content(file, "src", base), mode, secret)
    return tuple(found.values())


def _mode(text: str) -> str:
    if MODE.fullmatch(text):
        return text
    raise ValueError("write three octal digits, for instance 0644, 0600 or 0755")


def _content(reader: Reader, key: str, base: Path) -> bytes:
    return _read(reader, key, reader.text(key), base)


def _read(reader: Reader, key: str, text: str, base: Path) -> bytes:
    """A file beside the inventory; its path is relative to it."""
    where = base / checked(reader, key, text, syntax.plain)
    try:
        with where.open("rb") as file:
            data = file.read(MAX_FILE + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        what = f"no readable file {quoted(text)} for {reader.what}: {reason}"
        raise reader.error(key, what, "paths are relative to the inventory") from None
    if len(data) > MAX_FILE:
        hint = "large files travel in a bundle: `files` in bundle.yml"
        raise reader.error(key, f"{quoted(text)} is larger than {MAX_FILE >> 20} MiB", hint)
    return data


def _hooks(reader: Reader, base: Path) -> tuple[Hook, ...]:
    found: dict[str, Hook] = {}
    for entry in reader.mappings("hooks"):
        hook = _hook(entry, reader.what, base)
        if hook.name in found:
            what = f"hook '{hook.name}' twice in {reader.what}"
            hint = "a name is how a host remembers that it ran"
            raise entry.reader(tuple(entry), "").error("name", what, hint)
        found[hook.name] = hook
    return tuple(found.values())


def _hook(entry: Mapping, what: str, base: Path) -> Hook:
    keys = ("name", "before", "after", "run", "script", "inputs", "timeout")
    hook = entry.reader(keys, f"a hook of {what}")
    name = checked(hook, "name", hook.text("name"), syntax.dns_label)
    if hook.has("before") == hook.has("after"):
        hint = f"one of {', '.join(STAGES)}"
        raise hook.error("name", f"hook '{name}' needs either 'before' or 'after'", hint)
    if hook.has("run") == hook.has("script"):
        hint = "'run' holds the commands, 'script' names a file of them"
        raise hook.error("name", f"hook '{name}' needs either 'run' or 'script'", hint)
    key = "before" if hook.has("before") else "after"
    total = sha256()
    for text in hook.texts("inputs"):
        total.update(sha256(_read(hook, "inputs", text, base)).digest())
    return Hook(
        name=name,
        stage=_word(hook, key, STAGES, None) or "",
        after=key == "after",
        script=_script(hook, base),
        inputs=total.hexdigest() if hook.has("inputs") else "",
        timeout=_seconds(hook),
    )


def _script(hook: Reader, base: Path) -> str:
    if hook.has("run"):
        script = hook.text("run")
    else:
        try:
            script = _content(hook, "script", base).decode()
        except UnicodeDecodeError:
            raise hook.error("script", "it is no text", "hooks are scripts for sh") from None
    key = "run" if hook.has("run") else "script"
    if not script.strip() or "\0" in script:
        raise hook.error(key, "there are no commands in it", "remove the hook, or write some")
    return script if script.endswith("\n") else f"{script}\n"


def _seconds(hook: Reader) -> int:
    seconds = hook.integer("timeout", TIMEOUT)
    if not 1 <= seconds <= MOST_TIMEOUT:
        hint = f"write seconds, from 1 to {MOST_TIMEOUT}"
        raise hook.error("timeout", f"{seconds} cannot be 'timeout' of {hook.what}", hint)
    return seconds
