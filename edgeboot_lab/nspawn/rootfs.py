"""The tree every host of a lab is an overlay on: built once by mmdebstrap, then kept.

Built under a temporary name and renamed, so a tree at its final name is whole; under a lock, so
that two labs do not build it at once. A tree under a temporary name is a killed builder's and
removed.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from edgeboot_lab.locks import held
from edgeboot_lab.nspawn import mounts
from edgeboot_lab.nspawn.image import REMOVED, USER, Image, ImageFile
from edgeboot_lab.run import run

CACHE_DIR = Path("/var/cache/edgeboot/lab")
BUILD_SECONDS = 900.0


def ensure(image: Image, cache_dir: Path, progress: Callable[[str], None]) -> Path:
    """The path of the cached tree for ``image``, built first if missing."""
    tree = cache_dir / f"rootfs-{image.digest}"
    if tree.is_dir():
        return tree
    cache_dir.mkdir(mode=0o755, parents=True, exist_ok=True)
    lock = f".{tree.name}.lock"
    with held(lock, wait=BUILD_SECONDS, waiting=progress, directory=cache_dir):
        if not tree.is_dir():
            progress(
                f"building the hosts' file system from Debian {image.suite} with {image.init} "
                "(once, ~30 s)"
            )
            _build(image, cache_dir / f"{tree.name}.building", tree)
    return tree


def _build(image: Image, building: Path, tree: Path) -> None:
    if building.exists():
        mounts.unmount(
            mounts.below(building)
        )  # or the machine's own /dev could be deleted through it
        shutil.rmtree(building)
    argv = ["mmdebstrap", "--quiet", "--mode=root", "--variant=minbase"]
    argv += [f"--include={','.join(image.packages)}", image.suite, str(building)]
    if image.mirror is not None:
        argv.append(image.mirror)
    run(argv, timeout=BUILD_SECONDS)
    customise(building, image)
    building.rename(tree)


def customise(tree: Path, image: Image) -> None:
    """Make a fresh Debian tree the tree of a lab host."""
    # The password field '*' cannot match, and unlike '!' it does not lock the account for keys.
    useradd = ("useradd", "--create-home", "--shell", "/bin/bash", "--password", "*", USER)
    run(("chroot", str(tree), *useradd))
    for pattern in REMOVED:
        for path in tree.glob(pattern):
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
    for file in image.files:
        _place(tree, file)


def _place(tree: Path, file: ImageFile) -> None:
    path = tree / file.path
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    if file.link is not None:
        path.symlink_to(file.link)
        return
    path.write_text(file.content, encoding="utf-8")
    path.chmod(file.mode)
