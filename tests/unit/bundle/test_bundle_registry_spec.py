"""What bundle.yml says of registries and images, the lock, the schema, the keychain."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import jsonschema
import pytest
import yaml

from edgeboot.bundle.build import lock as locks
from edgeboot.bundle.build import spec
from edgeboot.bundle.build.component_images import kept
from edgeboot.bundle.build.lock import Lock, Pin, Pins
from edgeboot.bundle.build.schema import json_schema
from edgeboot.bundle.format.contents import Image
from edgeboot.bundle.http.retry import retry_after
from edgeboot.bundle.oci.reference import parse
from edgeboot.bundle.registry.hosts import Hosts, RegistrySettings
from edgeboot.bundle.registry.keychain import Keychain, basic
from edgeboot.errors import BadInput, Refused
from edgeboot.platform import AMD64
from edgeboot.yaml.problems import each
from tests.support.bundle import fakes

FULL = """\
name: edge
version: 1.4
expires: "2027-06-30"
strict: true
helm: {version: v3.19.0, source: https://mirror.example/helm}
k3s: {channel: stable, images: {without: [traefik, servicelb]}}
images:
- name: nginx:1.27
- name: registry.example:5000/app
  arches: [amd64]
- archive: i.tar
registries:
  docker.io: {mirrors: [mirror.example, "http://127.0.0.1:5000/hub"]}
  registry.example:5000: {plain-http: true, token-host: auth.example}
"""


def load(tmp_path: Path, text: str) -> spec.Spec:
    return spec.load(fakes.spec_file(tmp_path, text))


def test_images_and_registries_are_read_and_fit_the_schema(tmp_path: Path) -> None:
    wanted = load(tmp_path, FULL)
    assert [entry.reference.name for entry in wanted.pulls] == [
        "docker.io/library/nginx:1.27",
        "registry.example:5000/app:latest",
    ]
    assert [entry.arches for entry in wanted.pulls] == [None, (AMD64,)]
    assert [entry.path.name for entry in wanted.images] == ["i.tar"]
    assert wanted.k3s.without == ("servicelb", "traefik")
    hosts = Hosts(wanted.registries)
    assert [end.url("x/manifests/1") for end in hosts.endpoints("docker.io")] == [
        "https://mirror.example/v2/x/manifests/1?ns=docker.io",
        "http://127.0.0.1:5000/hub/v2/x/manifests/1?ns=docker.io",
        "https://registry-1.docker.io/v2/x/manifests/1",
    ]
    assert hosts.origin("registry.example:5000").base == "http://registry.example:5000"
    jsonschema.validate(yaml.safe_load(FULL), json_schema())


def test_the_schema_knows_every_key_that_the_loader_knows(tmp_path: Path) -> None:
    """The loader lists what it knows where it refuses something else."""
    schema = json_schema()["properties"]
    places = {
        "zzz: 1\n": schema,
        "name: a\nk3s: {zzz: 1}\n": schema["k3s"]["properties"],
        "name: a\nhelm: {zzz: 1}\n": schema["helm"]["properties"],
        "name: a\nfiles: [{zzz: 1}]\n": schema["files"]["items"]["properties"],
        "name: a\nregistries: {x.y: {zzz: 1}}\n": schema["registries"]["additionalProperties"][
            "properties"
        ],
        "name: a\nimages: [{name: x, zzz: 1}]\n": schema["images"]["items"]["anyOf"][1][
            "properties"
        ],
        "name: a\ncharts: [{zzz: 1}]\n": {
            key for kind in schema["charts"]["items"]["anyOf"] for key in kind["properties"]
        },
    }
    for text, keys in places.items():
        with pytest.raises(BadInput, match="unknown key 'zzz'") as caught:
            load(tmp_path, text)
        (hint,) = (e.hint for e in each(caught.value) if "unknown key" in e.what)
        assert hint is not None
        assert set(hint.removeprefix("known: ").split(", ")) == set(keys)


@pytest.mark.parametrize(
    ("text", "line", "told"),
    [
        ("name: a\nimages:\n- name: nginx:1\n  arch: [amd64]\n", 4, "did you mean 'arches'"),
        ("name: a\nimages:\n- name: Nginx:1\n", 3, "invalid image reference"),
        ("name: a\nimages:\n- name: nginx\n- name: nginx:latest\n", 4, "is listed twice"),
        ("name: a\nimages:\n- name: x\n  arches: [armhf]\n", 4, "unknown architecture"),
        ("name: a\nk3s:\n  images: some\n", 3, "invalid 'images' of 'k3s'"),
        ("name: a\nk3s:\n  images: {without: [trafik]}\n", 3, "did you mean 'traefik'"),
        ("name: a\nk3s:\n  images: {without: [helm-controller]}\n", 3, "leave out 'traefik'"),
        ("name: a\nregistries:\n  'http://x': {}\n", 3, "invalid registry"),
        ("name: a\nregistries:\n  x.y: {mirror: [a]}\n", 3, "did you mean 'mirrors'"),
        ("name: a\nregistries:\n  x.y: {mirrors: ['u:p@h']}\n", 3, "invalid mirror"),
        ("name: a\nregistries:\n  x.y:\n    ca: no.pem\n", 4, "no such file"),
    ],
)
def test_mistakes_have_a_line_and_a_way_out(
    tmp_path: Path, text: str, line: int, told: str
) -> None:
    with pytest.raises(BadInput) as caught:
        load(tmp_path, text)
    assert f"bundle.yml:{line}: " in str(caught.value)
    assert told in str(caught.value)


def test_images_of_components_that_are_left_out_do_not_travel() -> None:
    names = (
        "docker.io/rancher/klipper-lb:v1",
        "docker.io/rancher/mirrored-library-traefik:3",
        "docker.io/rancher/mirrored-pause:3.6",
    )
    images = [Image(name, "amd64", "", "", "", ()) for name in names]
    assert [i.name for i in kept(images, ["traefik", "servicelb"])] == [names[2]]
    assert kept(images, []) == tuple(images)


def test_a_reference_with_tag_and_digest_is_called_by_its_tag() -> None:
    digest = "a" * 64
    both = parse(f"nginx:1@sha256:{digest}")
    assert (both.name, both.digest) == ("docker.io/library/nginx:1", digest)
    assert str(both) == f"docker.io/library/nginx:1@sha256:{digest}"
    assert parse(f"x.y/z@sha256:{digest}").name == f"x.y/z@sha256:{digest}"


def test_a_lock_survives_its_file_and_tells_what_moved(tmp_path: Path) -> None:
    old = Lock({("images", "a"): Pin("a", {"digest": "1"}), ("files", "f"): Pin("f", {"x": "1"})})
    new = Lock({("images", "a"): Pin("a", {"digest": "2"}), ("files", "g"): Pin("g", {"x": "1"})})
    path = locks.path_beside(tmp_path / "edge.yml")
    locks.write(path, old)
    assert path.name == "edge.lock"
    assert locks.read(path) == old
    assert list(locks.moved(old, new)) == [
        "- files f",
        "+ files g: x 1",
        "  images a: digest 1 -> 2",
    ]
    path.write_bytes(path.read_bytes().replace(b'"1"', b'"1" '))
    with pytest.raises(Refused, match="edited by hand"):
        locks.read(path)
    with pytest.raises(BadInput, match="edgeboot bundle lock"):
        locks.read(tmp_path / "none.lock")


def test_a_frozen_lock_refuses_all_drift() -> None:
    old = Lock({("images", "a"): Pin("a:1", {"d": "1"}), ("files", "f"): Pin("f", {"x": "1"})})
    frozen = Pins(old, frozen=True)
    assert frozen.settle("images", "a", "a:1", dict) == {"d": "1"}
    with pytest.raises(Refused, match="the lock has it for 'a:1'"):
        frozen.settle("images", "a", "a:2", dict)
    with pytest.raises(Refused, match="files f has changed"):
        frozen.note("files", "f", "f", {"x": "2"})
    with pytest.raises(Refused, match="the lock has files f, the spec does not"):
        frozen.check_unused()


def helper(directory: Path, name: str, script: str) -> None:
    path = directory / f"docker-credential-{name}"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def test_credentials_come_from_helpers_then_the_store_then_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    answer = """read host; printf '{"Username":"%s","Secret":"of-%s"}' """
    helper(tmp_path, "one", answer + '"$1" "$host"')
    store = (
        'read host; [ "$host" = b.example ] || { echo "credentials not found in native keychain"'
    )
    helper(tmp_path, "all", store + """; exit 1; }; printf '{"Username":"<token>","Secret":"t"}'""")
    helper(tmp_path, "broken", "echo oops; exit 3")
    packed = base64.b64encode(b"file:pass:word").decode()
    hub = "https://index.docker.io/v1/"
    config = {
        "credHelpers": {"a.example": "one", "x.example": "broken"},
        "credsStore": "all",
        "auths": {
            "a.example": {"auth": packed},
            "https://c.example/v1/": {"auth": packed},
            hub: {"username": "hub", "password": "p"},
        },
    }
    path = tmp_path / "config.json"
    path.write_text(json.dumps(config))
    chain = Keychain(path)
    one, two = chain.credential("a.example"), chain.credential("b.example")
    three, four = chain.credential("c.example"), chain.credential("docker.io")
    assert one is not None
    assert (one.user, one.secret.value) == ("get", b"of-a.example")
    assert two is not None
    assert (two.user, two.secret.value, basic(two)) == (None, b"t", None)
    assert three is not None
    assert basic(three) == f"Basic {packed}"
    assert "pass" not in f"{three!r} {three}"
    assert four is not None
    assert four.user == "hub"
    assert chain.credential("d.example") is None
    with pytest.raises(BadInput, match=r"docker-credential-broken failed.*exit code 3"):
        chain.credential("x.example")
    path.write_text("{")
    with pytest.raises(BadInput, match="is not valid JSON"):
        chain.credential("a.example")


def test_a_hubs_token_server_may_see_its_credential_and_no_other_may() -> None:
    hosts = Hosts([RegistrySettings("r.example", token_host="auth.example")])
    hub, ours = hosts.origin("docker.io"), hosts.origin("r.example")
    assert hosts.may_see(hub, "https://auth.docker.io/token")
    assert hosts.may_see(ours, "https://auth.example/token")
    assert not hosts.may_see(ours, "https://auth.docker.io/token")
    assert not hosts.may_see(ours, "https://r.example:444/token")
    assert not hosts.may_see(ours, "http://r.example/token")


@pytest.mark.parametrize("value", ["", "²", "-1", "soon", "Mon, 99 Foo 2026", "1e9"])
def test_a_retry_after_that_says_nothing_is_not_followed(value: str) -> None:
    assert retry_after(value) is None


def test_an_image_for_an_architecture_outside_the_bundle_is_named(tmp_path: Path) -> None:
    text = (
        "name: edge\nk3s: {version: v1.36.2+k3s1, arches: [amd64]}\n"
        "images:\n- name: registry.example/app:1\n  arches: [arm64]\n"
    )
    with pytest.raises(BadInput, match=r"bundle\.yml:4: .*app:1 is for arm64, the bundle is not"):
        spec.load(fakes.spec_file(tmp_path, text))
