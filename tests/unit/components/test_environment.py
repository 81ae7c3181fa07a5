"""The service's environment: where the file lies, and what of it a plan may show."""

from __future__ import annotations

from dataclasses import replace

import pytest

from edgeboot.components.context import Context
from edgeboot.components.k3s import environment
from edgeboot.components.k3s.environment import Value
from edgeboot.plan.resources import File
from edgeboot.secret import Secret
from tests.support.contexts import TRAITS, context, text_of


def file_of(monkeypatch: pytest.MonkeyPatch, where: Context, *said: dict[str, Value]) -> File:
    def source(values: dict[str, Value]) -> environment.Source:
        return lambda _: values

    monkeypatch.setattr(environment, "SOURCES", tuple(map(source, said)))
    (file,) = environment.environment(where)
    assert isinstance(file, File)
    return file


def test_a_later_source_wins_and_names_are_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    file = file_of(monkeypatch, context(), {"B": "1", "A": "x y$z"}, {"B": "2"})
    assert (file.path, file.mode) == ("/etc/systemd/system/k3s.service.env", 0o600)
    assert file.restarts == "k3s"
    assert text_of(file).splitlines()[1:] == ["A='x y$z'", "B='2'"]


def test_one_secret_makes_the_file_one(monkeypatch: pytest.MonkeyPatch) -> None:
    file = file_of(monkeypatch, context(), {"A": Secret(b"hidden"), "B": "2"})
    assert isinstance(file.content, Secret)
    assert file.content.value.endswith(b"A='hidden'\nB='2'\n")
    assert "hidden" not in repr(file)


def test_openrc_has_it_where_k3s_own_installer_puts_it(monkeypatch: pytest.MonkeyPatch) -> None:
    where = replace(context(), traits=replace(TRAITS, init="openrc"))
    assert file_of(monkeypatch, where).path == "/etc/rancher/k3s/k3s.env"


def test_what_systemd_and_sh_read_differently_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    for odd in ("it's", "a\\b", "a\nb"):
        with pytest.raises(ValueError, match="quote"):
            file_of(monkeypatch, context(), {"A": odd})
