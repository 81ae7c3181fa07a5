"""The object that has K3s install a chart, from a bundle.yml on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from edgeboot.blob import Blob
from edgeboot.bundle.build import spec
from edgeboot.bundle.charts.spec import ChartEntry, read_values
from edgeboot.bundle.format import encoding
from edgeboot.bundle.format.contents import Contents, Item, Role
from edgeboot.components.cluster.charts import Chosen, charts, helm_chart
from edgeboot.components.context import Context
from edgeboot.errors import BadInput
from edgeboot.inventory.cluster.charts import ChartSetting
from edgeboot.inventory.model import Cluster, Node
from edgeboot.inventory.model import Role as NodeRole
from edgeboot.plan.diff import content_hash
from edgeboot.plan.facts import HostTraits
from edgeboot.plan.resources import File, text
from edgeboot.platform import AMD64
from edgeboot.yaml import foreign
from tests.support.bundle import fakes

TRAITS = HostTraits("x86_64", "debian 12", "systemd", 2, frozenset(), 1 << 30, 4, "a", "b", 1, True)
ITEM = Item(Role.CHART, "web", Blob("a" * 64, 3), version="1.2.3")


def entry_of(tmp_path: Path, chart: str) -> ChartEntry:
    (entry,) = spec.load(fakes.spec_file(tmp_path, f"name: edge\ncharts:\n{chart}")).charts
    return entry


def test_without_options_a_chart_has_a_namespace_of_its_own() -> None:
    assert helm_chart(Chosen(ITEM, ChartSetting("web"))) == {
        "apiVersion": "helm.cattle.io/v1",
        "kind": "HelmChart",
        "metadata": {"name": "web", "namespace": "kube-system"},
        "spec": {
            "chart": "https://%{KUBERNETES_API}%/static/charts/web-1.2.3-aaaaaaaaaaaa.tgz",
            "targetNamespace": "web",
            "createNamespace": True,
        },
    }


def test_namespace_and_values_travel_through_the_contents() -> None:
    item = replace(ITEM, namespace="monitoring", values="a: 1\n" * 2000)
    contents = Contents("edge", fakes.VERSION, ("amd64",), (item,), (), ())
    (again,) = encoding.decode(encoding.encode(contents)).items
    assert again == item
    chart = helm_chart(Chosen(again, ChartSetting("web")))["spec"]
    assert isinstance(chart, dict)
    assert (chart["targetNamespace"], chart["valuesContent"]) == ("monitoring", item.values)


def test_inline_values_are_what_helm_would_read(tmp_path: Path) -> None:
    """Strict YAML's texts stay texts; a fraction that loses nothing is a number."""
    entry = entry_of(
        tmp_path,
        "- path: web\n  values:\n    on: true\n    n: 3\n    part: 0.5\n    tag: 1.10\n"
        "    quoted: '0.5'\n    no: no\n    list: [a, {b: null}]\n",
    )
    assert foreign.parse((read_values(entry) or "").encode()) == {
        "on": True,
        "n": 3,
        "part": 0.5,
        "tag": "1.10",
        "quoted": "0.5",
        "no": "no",
        "list": ["a", {"b": None}],
    }


def test_a_values_file_travels_as_it_is(tmp_path: Path) -> None:
    entry = entry_of(tmp_path, "- {path: web, values-file: v.yaml}\n")
    for data, told in (
        (None, "cannot read"),
        ("[1]", "must be a mapping"),
        ("a: [", "not valid YAML"),
    ):
        if data is not None:
            (tmp_path / "v.yaml").write_text(data)
        with pytest.raises(BadInput, match=rf"v\.yaml.*{told}|{told} .*v\.yaml"):
            read_values(entry)
    (tmp_path / "v.yaml").write_text("# mine\na: &x 1\nb: *x\n")
    assert read_values(entry) == "# mine\na: &x 1\nb: *x\n"


@pytest.mark.parametrize(
    ("chart", "told"),
    [
        ("- {name: a}\n", "one of 'path', 'repo' and 'oci'"),
        ("- {path: a, repo: 'https://x'}\n", "keep one of path, repo"),
        ("- {repo: 'https://x'}\n", "has no 'chart'"),
        ("- {repo: 'ftp://x', chart: a}\n", "invalid http"),
        ("- {repo: 'https://me:pw@x', chart: a}\n", "put user and password into"),
        ("- {repo: 'https://x', chart: ../a}\n", "invalid chart name"),
        ("- {repo: 'https://x', chart: a, version: newest}\n", "invalid version range"),
        ("- {oci: 'https://x/y'}\n", "write oci://HOST/PATH/CHART"),
        ("- {oci: 'oci://x/y:1.0.0'}\n", "write oci://HOST/PATH/CHART"),
        ("- {path: a, version: 1.0.0}\n", "does not apply to a chart on disk"),
        ("- {path: a, namespace: A_b}\n", "invalid namespace"),
        ("- {path: a, name: A_b}\n", "invalid Helm release name"),
        ("- {path: a, values: {}, values-file: x}\n", "mutually exclusive"),
        ("- {path: a, values: [1]}\n", "must be a mapping"),
    ],
)
def test_mistakes_are_told_with_their_line(tmp_path: Path, chart: str, told: str) -> None:
    with pytest.raises(BadInput) as caught:
        entry_of(tmp_path, chart)
    assert "bundle.yml:3:" in str(caught.value)
    assert told in str(caught.value)


def test_a_chart_that_changed_is_another_object_even_without_a_new_version() -> None:
    """The helm controller acts on objects: the URL in it carries the chart's hash."""
    node = Node("server-1", "192.0.2.11", NodeRole.SERVER)
    found = []
    for digest in ("a" * 64, "b" * 64):
        item = replace(ITEM, blob=Blob(digest, 3))
        contents = Contents("edge", fakes.VERSION, ("amd64",), (item,), (), ())
        context = Context(
            cluster=Cluster("edge", (node,)),
            node=node,
            traits=TRAITS,
            arch=AMD64,
            contents=contents,
            join_token=text(""),
            blob_source=lambda blob: text(blob.sha256),
            archive_source=lambda _: text(""),
        )
        files = [r for r in charts(context) if isinstance(r, File)]
        found.append([(file.path, content_hash(file.content)) for file in files])
    assert found[0][0] != found[1][0]
    assert found[0][1][0] == found[1][1][0]
    assert found[0][1][1] != found[1][1][1]
