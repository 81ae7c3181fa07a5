"""minisign itself as the referee of keys and signatures."""

from __future__ import annotations

import subprocess
from datetime import date
from pathlib import Path

import pytest
from click.testing import CliRunner

from edgeboot.bundle.format import encoding
from edgeboot.bundle.format.archive import Bundle
from edgeboot.bundle.trust import minisign, signing
from edgeboot.cli.bundle.build import bundle as commands
from edgeboot.errors import Refused
from edgeboot.secret import Secret
from tests.support.bundle import sites
from tests.support.bundle.containerd import need

pytestmark = pytest.mark.integration
TODAY = date(2026, 11, 24)
PASSPHRASE = Secret(b"correct horse")


@pytest.fixture(autouse=True)
def _minisign() -> None:
    need("minisign")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return sites.small_bundle(tmp_path)


def run_minisign(*words: str | Path, typed: str = "", code: int = 0) -> str:
    done = subprocess.run(
        ["minisign", *map(str, words)], input=typed, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("how", ["edgeboot", "tar"])
def test_minisign_verifies_our_signature(path: Path, tmp_path: Path, how: str) -> None:
    """With the bundle, its signature, the key's line, and either tool."""
    key = minisign.generate()
    with Bundle.open(path) as opened:
        contents = opened.contents
    signature = signing.sign(path, contents, key, TODAY)
    extracted = tmp_path / "edgeboot-bundle.json"
    if how == "tar":
        data = subprocess.run(
            ["tar", "-xOf", path, encoding.FILE_NAME], capture_output=True, check=True
        ).stdout
    else:
        done = CliRunner().invoke(commands, ["inspect", str(path), "--output", "json"])
        data = done.stdout_bytes
    extracted.write_bytes(data)
    said = run_minisign("-V", "-P", key.public.text, "-m", extracted, "-x", signature)
    assert f"name=edge version={contents.k3s_version} date=2026-11-24" in said
    extracted.write_bytes(data[:-1] + b" ")
    run_minisign("-V", "-P", key.public.text, "-m", extracted, "-x", signature, code=1)


@pytest.mark.parametrize("passphrase", [None, PASSPHRASE])
def test_minisign_signs_with_our_keys(tmp_path: Path, passphrase: Secret | None) -> None:
    public, public_file = signing.write_keys(tmp_path / "k.key", passphrase)
    message = tmp_path / "m"
    message.write_bytes(b"data")
    typed = passphrase.value.decode() + "\n" if passphrase else ""
    run_minisign("-S", "-s", tmp_path / "k.key", "-m", message, "-t", "hello", typed=typed)
    run_minisign("-V", "-p", public_file, "-m", message)
    found = minisign.read_signature((tmp_path / "m.minisig").read_bytes(), "m")
    found.verify(b"data", public)
    assert found.comment == "hello"
    with pytest.raises(Refused, match="is invalid"):
        found.verify(b"datum", public)


@pytest.mark.parametrize("legacy", [False, True])
def test_we_read_minisigns_keys_and_signatures(tmp_path: Path, legacy: bool) -> None:
    files = ("-p", tmp_path / "k.pub", "-s", tmp_path / "k.key")
    run_minisign("-G", "-W", *files)
    message = tmp_path / "m"
    message.write_bytes(b"data")
    run_minisign("-S", *(["-l"] if legacy else []), *files[2:], "-m", message)
    public = signing.public_key(str(tmp_path / "k.pub"))
    minisign.read_signature((tmp_path / "m.minisig").read_bytes(), "m").verify(b"data", public)
    (tmp_path / "k.key").chmod(0o600)
    assert signing.secret_key(tmp_path / "k.key", None).public == public


def test_we_open_a_key_that_minisign_encrypted(tmp_path: Path) -> None:
    """With its own cost: 1 GiB."""
    secret = tmp_path / "k.key"
    run_minisign("-G", "-p", tmp_path / "k.pub", "-s", secret, typed="abc\nabc\n")
    assert signing.needs_passphrase(secret)
    secret.chmod(0o600)
    found = signing.secret_key(secret, Secret(b"abc"))
    assert found.public == signing.public_key(str(tmp_path / "k.pub"))
