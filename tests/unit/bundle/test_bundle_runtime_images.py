"""Images that a chart's programs start, and what Helm prints that YAML 1.1 reads otherwise."""

from __future__ import annotations

import pytest

from edgeboot.bundle.charts import discover
from edgeboot.yaml import foreign

APP = "registry.example/team/app:1.2"


@pytest.mark.parametrize(
    "text",
    [
        f"args: [--prometheus-config-reloader={APP}]",
        f"args: [--executor-image, {APP}]",
        f"env: [{{name: RELATED_IMAGE_APP, value: {APP}}}]",
        f"spec: {{defaultImage: {APP}}}",
        f"spec: {{image: {APP}, version: 1.2}}",
        f"kind: ConfigMap\ndata: {{image: {APP}}}",
        f"kind: ConfigMap\ndata:\n  a.yaml: |\n    spec:\n      image: '{APP}'\n",
        f'kind: ConfigMap\ndata:\n  a.toml: |\n    helper_image = "{APP}"\n',
    ],
)
def test_an_image_that_is_needed_at_run_time_is_found(text: str) -> None:
    assert discover.from_rendered(foreign.parse_all_texts(text.encode())).images == (APP,)


@pytest.mark.parametrize(
    "text",
    [
        "env: [{name: URL, value: 'https://registry.example/team/app:1'}]",
        "env: [{name: ADDRESS, value: 'service.name.svc:8080'}]",
        "args: ['--listen=registry.example:443']",
        f"kind: ConfigMap\ndata:\n  a.yaml: |\n    # image: {APP}\n",
        f"kind: ConfigMap\ndata:\n  a.txt: see {APP} for more\n",
    ],
)
def test_what_only_looks_like_an_image_is_not_one(text: str) -> None:
    assert discover.from_rendered(foreign.parse_all_texts(text.encode())).images == ()


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a: =", {"a": "="}),
        ("a: y", {"a": "y"}),
        ("a: !x b", {"a": "b"}),
        ("a: !x [b]", {"a": ["b"]}),
        ("a: 2024-13-45", {"a": "2024-13-45"}),
        ("a: 2024-01-02", {"a": "2024-01-02"}),
        ("a: 1\na: 2", {"a": 2}),
        ("x: &x {b: 1}\na: {<<: *x}", {"x": {"b": 1}, "a": {"b": 1}}),
    ],
)
def test_values_are_read_as_other_programs_read_them(text: str, value: object) -> None:
    assert foreign.parse(text.encode()) == value


@pytest.mark.parametrize("text", ["a: " + "9" * 5000, "? [a]\n: b", "a: !!int x", "a: !!binary é"])
def test_what_cannot_be_read_is_an_expected_error(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        foreign.parse(text.encode())
