"""Every object of every case against the Kubernetes schemas; Helm's against K3s's documentation."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest

from edgeboot.plan import paths
from tests.support.contexts import text_of
from tests.unit.components.cases import context_of, files_of, load_cases

KUBERNETES = "1.36"
# K3s docs/add-ons/helm: what the controller reads
HELM_CHART = frozenset(
    {"chart", "targetNamespace", "createNamespace", "bootstrap", "valuesContent"}
)
HELM = {"HelmChart": HELM_CHART, "HelmChartConfig": frozenset({"valuesContent", "failurePolicy"})}


def objects_of(text: str) -> list[dict[str, Any]]:
    document = json.loads(text)
    return document["items"] if document["kind"] == "List" else [document]


@pytest.mark.parametrize("case", load_cases())
def test_manifests_are_what_kubernetes_takes(
    case: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in case.get("environment", {}).items():
        monkeypatch.setenv(name, value)
    for path, file in files_of(context_of(case, tmp_path)).items():
        if not path.startswith(f"{paths.MANIFESTS}/"):
            continue
        for found in objects_of(text_of(file)):
            if found["apiVersion"] == "helm.cattle.io/v1":
                assert found["spec"].keys() <= HELM[found["kind"]]
            else:
                kubernetes_validate.validate(found, KUBERNETES, strict=True)


def test_the_schemas_would_find_a_mistake() -> None:
    """A referee that refuses nothing proves nothing."""
    good = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"a": "1"}}
    kubernetes_validate.validate(good, KUBERNETES, strict=True)
    for bad in ({**good, "data": {"a": 1}}, {**good, "date": {}}):
        with pytest.raises(kubernetes_validate.ValidationError):
            kubernetes_validate.validate(bad, KUBERNETES, strict=True)
