"""Signatures of bundles, row 30 of the fault catalogue.

The stock minisign is the referee in tests/integration/bundle/test_minisign.py.
"""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from click.testing import CliRunner

from edgeboot.bundle.build import spec
from edgeboot.bundle.format import encoding
from edgeboot.bundle.format.archive import Bundle, write
from edgeboot.bundle.format.contents import Contents
from edgeboot.bundle.trust import minisign, signing
from edgeboot.bundle.trust.minisign import SecretKey
from edgeboot.bundle.trust.signing import Trust
from edgeboot.cli.bundle.build import bundle as commands
from edgeboot.cli.run.inputs import open_bundle
from edgeboot.errors import BadInput, EdgebootError, Refused
from edgeboot.inventory.load import load
from edgeboot.secret import Secret
from tests.support.bundle import fakes

TODAY = date(2026, 11, 24)
PASSPHRASE = Secret(b"correct horse")


@pytest.fixture
def key() -> SecretKey:
    return minisign.generate()


@pytest.fixture
def path(small_bundle: Path, tmp_path: Path) -> Path:
    copy = tmp_path / "edge.tar"
    shutil.copy(small_bundle, copy)
    return copy


@pytest.fixture
def contents(path: Path) -> Contents:
    with Bundle.open(path) as opened:
        return opened.contents


def test_secret_keys_are_private_and_kept(tmp_path: Path) -> None:
    secret = tmp_path / "site.key"
    public, public_file = signing.write_keys(secret, PASSPHRASE)
    assert secret.stat().st_mode & 0o777 == 0o600
    assert signing.public_key(str(public_file)) == signing.public_key(public.text) == public
    with pytest.raises(BadInput, match="wrong passphrase"):
        signing.secret_key(secret, Secret(b"no"))
    with pytest.raises(BadInput, match="encrypted"):
        signing.secret_key(secret, None)
    assert signing.secret_key(secret, PASSPHRASE).public == public
    with pytest.raises(BadInput, match="already exists"):
        signing.write_keys(secret, None)
    secret.chmod(0o644)
    with pytest.raises(BadInput, match="accessible to other users"):
        signing.secret_key(secret, PASSPHRASE)
    assert "seed" not in repr(minisign.generate())


def test_row_30_every_changed_byte_of_a_signature_is_refused(
    contents: Contents, path: Path
) -> None:
    """But for the first line, which says of itself that it is not to be trusted."""
    key = minisign.generate()
    written = signing.sign(path, contents, key, TODAY)
    whole = written.read_bytes()
    start = whole.index(b"\n") + 1
    for position in range(start, len(whole) - 1):
        changed = bytearray(whole)
        changed[position] ^= 1
        written.write_bytes(changed)
        with pytest.raises(Refused):
            signing.admit(path, contents, [key.public])
    for length in range(0, len(whole) - 1, 7):
        written.write_bytes(whole[:length])
        with pytest.raises(Refused):
            signing.admit(path, contents, [key.public])


def test_row_30_unsigned_unknown_and_tampered_bundles_are_refused(
    path: Path, contents: Contents, key: SecretKey
) -> None:
    lenient = Trust(unsigned=True)
    with pytest.raises(Refused, match=r"not signed: .*edge\.tar\.minisig does not exist") as caught:
        signing.admit(path, contents, [key.public])
    assert "--allow-unsigned" in str(caught.value)
    assert signing.admit(path, contents, [key.public], lenient) is None
    signing.sign(path, contents, key, TODAY)
    other = minisign.generate().public
    for keys in ([], [other]):
        with pytest.raises(Refused, match="the trusted keys are"):
            signing.admit(path, contents, keys)
        assert signing.admit(path, contents, keys, lenient) is None
    found = signing.admit(path, contents, [other, key.public])
    assert found is not None
    tampered = replace(contents, name="edgy")
    impostor = minisign.PublicKey(key.number, other.point)
    for given, keys in ((tampered, [key.public]), (contents, [impostor])):
        for trust in (signing.STRICT, lenient):
            with pytest.raises(Refused, match="is invalid"):
                signing.admit(path, given, keys, trust)


def test_row_30_a_tampered_manifest_with_honest_digests_is_refused(
    path: Path, contents: Contents, key: SecretKey
) -> None:
    """A bundle that is whole in itself, but not the one that was signed."""
    signing.sign(path, contents, key, TODAY)
    with Bundle.open(path) as opened:
        write(path, replace(contents, items=contents.items[1:]), opened.source)
    with Bundle.open(path) as opened:
        opened.verify()
    with pytest.raises(Refused, match="is invalid"):
        signing.admit(path, opened.contents, [key.public])


def test_row_34_an_expired_bundle_is_refused_without_a_flag(
    path: Path, contents: Contents, key: SecretKey
) -> None:
    for day, expired in (("2000-01-01", True), ("9999-12-31", False)):
        dated = replace(contents, expires=day)
        signing.sign(path, dated, key, TODAY)
        if expired:
            with pytest.raises(Refused, match="expired: it was valid until 2000-01-01"):
                signing.admit(path, dated, [key.public])
        else:
            assert signing.admit(path, dated, [key.public])
        assert signing.admit(path, dated, [key.public], Trust(expired=True))


def test_expiry_and_version_come_from_the_spec_and_survive_the_file(
    contents: Contents, tmp_path: Path
) -> None:
    dated = replace(contents, expires="2027-06-30", version="1.4")
    assert encoding.decode(encoding.encode(dated)) == dated
    for bad in (replace(contents, expires="2027-13-01"), replace(contents, version="new")):
        with pytest.raises(Refused):
            encoding.decode(encoding.encode(bad))
    text = "name: edge\nversion: 1.10\nexpires: 2027-06-30\nk3s: {channel: stable}\n"
    loaded = spec.load(fakes.spec_file(tmp_path, text))
    assert (loaded.version, loaded.expires) == ("1.10", "2027-06-30")
    for line in ("version: new\n", "expires: soon\n"):
        with pytest.raises(BadInput, match=r"bundle\.yml:2"):
            spec.load(fakes.spec_file(tmp_path, f"name: edge\n{line}k3s: {{channel: stable}}\n"))


INVENTORY = "cluster:\n  name: a\nnodes:\n- {name: a, address: 192.0.2.1, role: server}\n"


def supplied(tmp_path: Path, path: Path, top: str, trust: Trust = signing.STRICT) -> str | None:
    """What opening the bundle for an inventory says; None where it is let in."""
    inventory = tmp_path / "inventory.yml"
    inventory.write_text(f"{top}{INVENTORY}")
    try:
        with open_bundle(load(inventory), path, trust):
            return None
    except EdgebootError as error:
        return f"{error.exit_code} {error}"


def test_the_inventory_decides_whose_bundles_are_installed(
    path: Path, contents: Contents, key: SecretKey, tmp_path: Path
) -> None:
    pinned = f"bundle-keys: [{key.public.text}]\n"
    assert "5 " in str(supplied(tmp_path, path, ""))
    assert "not signed" in str(supplied(tmp_path, path, pinned))
    assert supplied(tmp_path, path, "allow-unsigned: true\n") is None
    assert supplied(tmp_path, path, pinned, Trust(unsigned=True)) is None
    signing.sign(path, contents, key, TODAY)
    assert supplied(tmp_path, path, pinned) is None
    assert "the trusted keys are none" in str(supplied(tmp_path, path, ""))
    for wrong in ("bundle-keys: [RWQ]\n", "bundle-keys: 7\n", pinned + "allow-unsigned: true\n"):
        said = str(supplied(tmp_path, path, wrong))
        assert said.startswith("2 ")
        assert "inventory.yml:" in said


def test_keys_signing_and_verifying_from_the_command_line(path: Path, tmp_path: Path) -> None:
    runner, secret = CliRunner(), tmp_path / "site.key"
    made = runner.invoke(commands, ["keygen", "--no-passphrase", str(secret)])
    assert made.exit_code == 0, made.output
    line = made.output.splitlines()[-1]
    assert line.startswith("bundle-keys: [RW")
    signed = runner.invoke(commands, ["sign", "--key", str(secret), str(path)])
    assert signed.exit_code == 0, signed.output
    public = str(tmp_path / "site.pub")
    done = runner.invoke(commands, ["verify", str(path), "--key", public])
    assert "Signed: name=edge" in done.output
    locked = runner.invoke(commands, ["keygen", str(tmp_path / "b.key")], input="word\n")
    assert locked.exit_code == 0, locked.output
    signed = runner.invoke(
        commands, ["sign", "--key", str(tmp_path / "b.key"), str(path)], input="word\n"
    )
    assert signed.exit_code == 0, signed.output
    done = runner.invoke(commands, ["verify", str(path), "--key", public])
    assert isinstance(done.exception, Refused)
