"""``files``: files of the operator's to place on a host."""

from __future__ import annotations

import re

from edgeboot.inventory.files import CONTENT
from edgeboot.inventory.host import paths
from edgeboot.inventory.host.host import PlacedFile
from edgeboot.yaml.compound import ListOf
from edgeboot.yaml.section import Section, Values, optional, required
from edgeboot.yaml.types import Boolean, Literal, Text

_MODE_PATTERN = r"^0?[0-7]{3}$"
_MODE = re.compile(_MODE_PATTERN)
# What edgeboot or K3s writes: they would overwrite another's changes at every run.
_TAKEN = re.compile(
    r"/usr/local/bin/k3s|/etc/rancher/k3s/.*|/var/lib/edgeboot(/.*)?|/var/lib/kubelet(/.*)?|/run/.*|"
    r"/etc/systemd/system/k3s(-agent)?\.service.*|/etc/init\.d/k3s(-agent)?|"
    r"/(proc|sys|dev)/.*|(/.*)?/[^/]*edgeboot[^/]*|/boot(/firmware)?/cmdline\.txt"
)


def _destination(text: str) -> str:
    paths.absolute(text)
    if _TAKEN.fullmatch(text):
        raise ValueError("choose another path: it belongs to K3s, edgeboot or the kernel")
    return text


def _mode(text: str) -> int:
    if _MODE.fullmatch(text):
        return int(text, 8)
    raise ValueError("use three octal digits, for example 0644, 0600 or 0755")


SRC = required("src", CONTENT, "The file, relative to the inventory.")
DEST = required("dest", Text(_destination, "path", paths.PATTERN), "Its path on the host.")
MODE = optional(
    "mode",
    Literal(_mode, {"type": "string", "pattern": _MODE_PATTERN}, "mode"),
    "Octal, 0644 by default; root owns it.",
    default=0o644,
)
SECRET = optional("secret", Boolean(), "Keep its content out of every plan.", default=False)


def _file(values: Values) -> PlacedFile:
    return PlacedFile(values[DEST], values[SRC], values[MODE], values[SECRET])


FILE = Section((SRC, DEST, MODE, SECRET), _file, title="file", named_by="dest", ref="file")
FILES = ListOf(FILE, unique=lambda file: file.dest, noun="file")
