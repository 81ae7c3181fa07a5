from __future__ import annotations

from pathlib import Path

import pytest

from edgeboot.bundle.build import spec
from edgeboot.errors import BadInput, BadInputs
from edgeboot.platform import AMD64, ARM, ARM64
from tests.support.bundle import fakes

EXAMPLES = Path(__file__).parents[3] / "bundles"


def load(tmp_path: Path, text: str) -> spec.Spec:
    return spec.load(fakes.spec_file(tmp_path, text))


def test_the_least_there_can_be(tmp_path: Path) -> None:
    assert load(tmp_path, "name: edge\n").k3s.arches == (AMD64, ARM64, ARM)


def test_everything_at_once(tmp_path: Path) -> None:
    wanted = load(
        tmp_path,
        "name: edge\n"
        "k3s: {version: v1.36.2+k3s1, source: ../rel, arches: [arm, amd64]}\n"
        "charts:\n- path: charts/a\n  name: first\n"
        "manifests: [m/a.yaml]\n"
        f"files:\n- path: f\n  name: g\n  sha256: {'a' * 64}\n"
        "images:\n- archive: i.tar\n"
        "helm: {version: v3.19.0, source: helm}\n",
    )
    assert wanted.k3s.source == tmp_path / "../rel"
    assert wanted.k3s.arches == (AMD64, ARM)
    assert (wanted.charts[0].source, wanted.charts[0].name) == (tmp_path / "charts/a", "first")
    assert wanted.manifests[0].name == "a.yaml"
    assert (wanted.files[0].name, wanted.files[0].sha256) == ("g", "a" * 64)
    assert wanted.images[0].path == tmp_path / "i.tar"
    assert wanted.helm is not None
    assert (wanted.helm.version, wanted.helm.source) == ("v3.19.0", tmp_path / "helm")


def test_helm_comes_from_where_it_is_published_or_from_below_a_url(tmp_path: Path) -> None:
    for more, source in (
        ("", None),
        (", source: https://mirror.example/helm/", "https://mirror.example/helm"),
    ):
        wanted = load(tmp_path, f"name: a\nhelm: {{version: v4.0.0-rc.1{more}}}\n")
        assert wanted.helm is not None
        assert (wanted.helm.version, wanted.helm.source) == ("v4.0.0-rc.1", source)
    assert load(tmp_path, "name: a\n").helm is None


@pytest.mark.parametrize("name", ["minimal.yml", "edge.yml", "monitoring.yml", "ha-mirror.yml"])
def test_the_examples_can_be_read_and_what_they_name_is_there(name: str) -> None:
    wanted = spec.load(EXAMPLES / name)
    paths = [entry.path for entry in (*wanted.manifests, *wanted.files, *wanted.images)]
    paths += [chart.source for chart in wanted.charts if isinstance(chart.source, Path)]
    for path in paths:
        assert path.exists()


@pytest.mark.parametrize(
    ("text", "line", "told"),
    [
        ("nam: edge\n", 1, "did you mean 'name'"),
        ("name: edge\nk3s:\n  chanel: stable\n", 3, "did you mean 'channel'"),
        ("name: edge\ncharts:\n- path: a\n- pth: b\n", 4, "did you mean 'path'"),
        ("name: edge\nimages:\n- path: b\n", 3, "unknown key 'path'"),
        ("name: Edge!\n", 1, "invalid bundle name"),
        ("name: ../edge\n", 1, "invalid bundle name"),
        ("k3s: {}\n", 1, "has no 'name'"),
        ("name: a\nk3s:\n  version: 1.36.2\n", 3, "write it like v1.36.2+k3s1"),
        ("name: a\nk3s:\n  version: v1.36.2+k3s1\n  channel: stable\n", 4, "mutually exclusive"),
        ("name: a\nk3s:\n  channel: ../x\n", 3, "invalid channel"),
        (
            "name: a\nk3s:\n  source: dir\n  channel: stable\n",
            4,
            "a release directory has no channels",
        ),
        ("name: a\nk3s:\n  source: ftp://x/y\n", 3, "neither a directory nor an http"),
        ("name: a\nk3s:\n  source: https://me:pw@x/\n", 3, "must not have a user"),
        ("name: a\nk3s:\n  arches: [armhf]\n", 3, "unknown architecture 'armhf'"),
        ("name: a\nk3s:\n  arches: []\n", 3, "at least one"),
        ("name: a\nk3s:\n  arches: [arm, arm]\n", 3, "at least one"),
        ("name: a\nk3s:\n  arches: arm\n", 3, "list of texts"),
        ("name: a\nmanifests:\n- a.yaml\n- b_c.yaml\n", 4, "invalid manifest name 'b_c.yaml'"),
        ("name: a\nmanifests:\n- a.txt\n", 3, "invalid manifest name"),
        ("name: a\nmanifests:\n- x/a.yaml\n- y/a.json\n", 4, "two manifests are named 'a'"),
        ("name: a\nfiles:\n- path: a\n  name: ../b\n", 4, "invalid file name"),
        ("name: a\nfiles:\n- path: a\n  sha256: ABC\n", 4, "invalid SHA-256"),
        ("name: a\nhelm: v3.19.0\n", 2, "must be a mapping"),
        ("name: a\nhelm:\n", 2, "has no value"),
        ("name: a\nhelm: {}\n", 2, "'helm' has no 'version'"),
        ("name: a\nhelm:\n  source: x\n", 3, "'helm' has no 'version'"),
        ("name: a\nhelm:\n  version: 3.19.0\n", 3, "write it like v3.19.0"),
        ("name: a\nhelm:\n  version: 3.19\n", 3, "write it like v3.19.0"),
        ("name: a\nhelm:\n  version: v3.19.0/../../x\n", 3, "write it like v3.19.0"),
        ("name: a\nhelm:\n  version: v3.19.0\n  url: x\n", 4, "unknown key 'url'"),
        ("name: a\nhelm:\n  version: v3.19.0\n  source: ftp://x/y\n", 4, "neither a directory"),
        (
            "name: a\nhelm:\n  version: v3.19.0\n  source: https://a:b@x/\n",
            4,
            "must not have a user",
        ),
    ],
)
def test_mistakes_are_told_with_their_line(tmp_path: Path, text: str, line: int, told: str) -> None:
    with pytest.raises(BadInput) as caught:
        load(tmp_path, text)
    assert f"bundle.yml:{line}:" in str(caught.value)
    assert told in str(caught.value)


MISTAKEN = """\
nam: edge
version: 1.x
expires: soon
k3s:
  version: 1.36.2
  source: ftp://x/y
  chanel: stable
  arches: [armhf]
  images: some
charts:
- path: a
  version: 1
  name: No!
- repo: nowhere
  chart: b
  namespace: No!
  values: {a: 1}
  values-file: v.yaml
- {}
manifests:
- a.txt
- x/a.yaml
- y/a.json
files:
- path: a
  name: ../b
  sha256: ABC
- name: c
images:
- name: Nginx:1
  arches: []
- archive: a
  platform: x
- name: nginx
- name: nginx:latest
helm:
  version: 3.19.0
  source: https://a:b@x/
strict: maybe
registries:
  'http://x': {}
  x.y:
    mirror: [a]
    ca: no.pem
    token-host: http://z
"""


def test_all_mistakes_are_told_at_once_in_order(tmp_path: Path) -> None:
    with pytest.raises(BadInput) as caught:
        load(tmp_path, MISTAKEN)
    assert isinstance(caught.value, BadInputs)
    told = [int(str(error.where).rpartition(":")[2]) for error in caught.value.errors]
    assert told == [
        *(1, 1, 2, 3, 5, 6, 7, 8, 9),  # 'name' is missing from the whole
        *(12, 13, 14, 16, 18, 19),
        *(21, 23, 26, 27, 28),
        *(30, 31, 33, 35),
        *(37, 38, 39, 41, 43, 44, 45),
    ]
