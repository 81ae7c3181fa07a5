"""Presets for boards: each only chooses settings that can be written out as well."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Preset:
    """What a board chooses where the inventory does not; ``model`` begins its device-tree model."""

    model: str
    profiles: tuple[str, ...] = ()
    swap: str | None = None

    def describe(self) -> str:
        """The settings, as they would be written."""
        words = [f"profiles: [{', '.join(self.profiles)}]"]
        return ", ".join([*words, f"swap: {self.swap}"] if self.swap else words)


BOARDS: Mapping[str, Preset] = {
    "rpi-zero-2": Preset("Raspberry Pi Zero 2", ("lean", "sd-card"), "zram"),
    "rpi-3": Preset("Raspberry Pi 3", ("lean", "sd-card"), "zram"),
    "rpi-4": Preset("Raspberry Pi 4", ("sd-card",)),
    "rpi-5": Preset("Raspberry Pi 5", ("sd-card",)),
}
