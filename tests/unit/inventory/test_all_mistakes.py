"""Any number of independent mistakes gives exactly as many messages, in the order of the file."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeboot.cli.main import main
from edgeboot.errors import BadInput
from edgeboot.inventory.load import load
from edgeboot.yaml.problems import each

# A good inventory, line by line: what can be written in place of a line, and what is said of that.
LINES: tuple[tuple[str, str, str], ...] = (
    ("cluster:", "", ""),
    ("  name: edge", "  name: Edge", "invalid cluster name 'Edge'"),
    ("  vip: 192.0.2.9", "  vip: 192.0.2.900", "invalid address '192.0.2.900'"),
    ("  datastore: etcd", "  datastore: etdc", "invalid datastore 'etdc'"),
    ("  config:", "", ""),
    ("    v: 2", "    v: two", "'v' of 'config' of 'cluster' must be a whole number"),
    ("    disable: [servicelb]", "    disable: [servicelp]", "invalid component 'servicelp'"),
    ("  flannel:", "", ""),
    ("    backend: vxlan", "    backend: none", "'iface' has no effect without flannel"),
    ("    iface: eth0", "", ""),
    ("  registries:", "", ""),
    ("    mirrors:", "", ""),
    ("      docker.io: {endpoint: [http://a]}", "      docker.io: {}", "mirror 'docker.io' has no"),
    ("  audit:", "", ""),
    ("    level: Request", "    levle: Request", "unknown key 'levle' in 'audit'"),
    ("bundle: edge.tar", "bundel: edge.tar", "unknown key 'bundel' in the inventory"),
    ("bundle-keys: []", "bundle-keys: [x, y]", "invalid bundle key 'x'|invalid bundle key 'y'"),
    ("defaults:", "", ""),
    ("  ssh: {port: 22}", "  ssh: {port: 70000, user: a b}", "invalid port|invalid user 'a b'"),
    ("  taints: []", "  taints: ['a=b:NoSchedul']", "invalid taint effect 'NoSchedul'"),
    ("  labels: {a: b}", "  labels: {a: b, a: c}", "duplicate key 'a'"),
    ("roles:", "", ""),
    ("  agent:", "", ""),
    ("    config: {debug: true}", "    config: {tls-san: a}", "'tls-san' of role 'agent' is for"),
    ("groups:", "", ""),
    ("  pis: {swap: zram}", "  pis: {swap: zswap}", "invalid value 'zswap' for 'swap'"),
    ("  unused: {time: {floor: true}}", "  unused: {time: {floor: yes}}", "must be true or false"),
    ("nodes:", "", ""),
    ("  - name: server-1", "", ""),
    (
        "    address: 192.0.2.11",
        "    adress: 192.0.2.11",
        "unknown key 'adress' in node 'server-1'",
    ),
    ("    role: server", "    role: sever", "invalid role 'sever'"),
    ("    node-ip: 198.51.100.1", "    node-ip: *ip", "anchors and aliases"),
    ("    budget: {cpu: 500m}", "    budget: {cpu: lots}", "invalid value 'lots' for 'cpu'"),
    ("  - name: agent-[1-3]", "  - name: server-1", "duplicate node name 'server-1'"),
    (
        "    address: 192.0.2.[21-23]",
        "    address: 192.0.2.[23-21]",
        "invalid address '192.0.2.[23",
    ),
    ("    role: agent", "    role:", "'role' of node"),
    ("    groups: [pis]", "    groups: [pi]", "unknown group 'pi'"),
    ("    files: []", "    files: [{src: /nowhere, dest: /a}]", "cannot read '/nowhere'"),
    ("    hooks:", "", ""),
    ("      - name: warm", "      - name: Warm", "invalid hook name 'Warm'"),
    ("        before: start", "        before: never", "invalid stage 'never'"),
    ("        run: 'true'", "        run: ''", "no commands in 'run'"),
)
WRONG = [index for index, (_, wrong, _) in enumerate(LINES) if wrong]
# The message about these is at another line, or depends on another line.
BACKEND = next(index for index, line in enumerate(LINES) if "backend: vxlan" in line[0])
NAMES = next(index for index, line in enumerate(LINES) if "agent-[1-3]" in line[0])


def expected(picked: set[int]) -> list[tuple[int, str]]:
    """The lines and the beginnings of the messages about them."""
    found = []
    for index in sorted(picked):
        line = index + 2 if index == BACKEND else index + 1
        found += [(line, what) for what in LINES[index][2].split("|")]
    if NAMES in picked and NAMES + 1 not in picked:
        found.append((NAMES + 2, "node 'server-1' has 1 names but 3 of 'address'"))
    return sorted(found, key=lambda pair: pair[0])


def text_with(picked: set[int]) -> str:
    lines = (wrong if i in picked else right for i, (right, wrong, _) in enumerate(LINES))
    return "\n".join(lines) + "\n"


@given(st.sets(st.sampled_from(WRONG), min_size=1))
def test_as_many_messages_as_mistakes(picked: set[int]) -> None:
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "inventory.yml"
        path.write_text(text_with(picked))
        with pytest.raises(BadInput) as caught:
            load(path)
    errors = list(each(caught.value))
    said = [f"{str(error.where).removeprefix(f'{path}:')}: {error.what}" for error in errors]
    wanted = expected(picked)
    assert len(said) == len(wanted), "\n".join(said)
    for message, (line, what) in zip(said, wanted, strict=True):
        assert message.startswith(f"{line}: ")
        assert what in message
    assert all(error.hint for error in errors)


def test_the_inventory_around_the_mistakes_is_good(tmp_path: Path) -> None:
    path = tmp_path / "inventory.yml"
    path.write_text(text_with(set()))
    assert len(load(path).nodes) == 4


@pytest.mark.parametrize("command", ["inventory check", "plan", "install --yes", "status"])
def test_every_command_shows_all(
    command: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = tmp_path / "inventory.yml"
    picked = {WRONG[0], WRONG[2], WRONG[-1]}
    path.write_text(text_with(picked))
    monkeypatch.setattr("sys.argv", ["edgeboot", *command.split(), "-i", str(path)])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    told = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]
    places = [line.split(": ")[1] for line in told]
    assert places == [f"{path}:{index + 1}" for index in sorted(picked)]
