"""Charts from an HTTP repository on loopback, and their dependencies."""

from __future__ import annotations

import base64
import gzip
import http.server
import io
import json
import subprocess
import tarfile
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from edgeboot.blob import Blob
from edgeboot.bundle.charts import package, vendoring
from edgeboot.bundle.charts.repository import Repositories
from edgeboot.bundle.charts.spec import ChartEntry
from edgeboot.bundle.http.download import Downloader
from edgeboot.bundle.registry.login import login_for
from edgeboot.bundle.store.blobs import Store
from edgeboot.errors import BadInput, Refused
from tests.integration.bundle import gotools
from tests.support.bundle import fakes

pytestmark = pytest.mark.integration


@dataclass
class Site:
    """A web server; ``seen`` has the path and Authorization of every request."""

    files: dict[str, bytes] = field(default_factory=dict)
    moved: dict[str, str] = field(default_factory=dict)
    seen: list[tuple[str, str]] = field(default_factory=list)
    password: str = ""
    url: str = ""

    def chart(self, name: str, version: str, digest: str = "", urls: str = "", **more: str) -> str:
        """Packs a chart; returns its entry for an index."""
        text = f"apiVersion: v2\nname: {name}\nversion: {version}\n"
        files = {"Chart.yaml": text, "templates/a.yaml": "kind: A\n"} | more
        data = gzip.compress(
            fakes.tar_of({f"{name}/{p}": text.encode() for p, text in files.items()}), mtime=0
        )
        self.files[f"/{name}-{version}.tgz"] = data
        return (
            f"  - version: {version}\n    created: 2024-01-01T00:00:00Z\n"
            f"    digest: {digest or fakes.sha256(data)}\n"
            f"    urls: [{urls or f'{name}-{version}.tgz'}]\n"
        )

    def index(self, name: str, *entries: str) -> None:
        head = self.files.get("/index.yaml", b"apiVersion: v1\nentries:\n").decode()
        self.files["/index.yaml"] = f"{head}  {name}:\n{''.join(entries)}".encode()


Serve = Callable[[str], Site]


@pytest.fixture
def serve() -> Iterator[Serve]:
    servers: list[http.server.ThreadingHTTPServer] = []

    def start(password: str) -> Site:
        site = Site(password=password)

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                given = self.headers.get("Authorization", "")
                site.seen.append((self.path, given))
                wanted = "Basic " + base64.b64encode(site.password.encode()).decode()
                data = site.files.get(self.path)
                if site.password and given != wanted:
                    self.send_response(401)
                elif self.path in site.moved:
                    self.send_response(302)
                    self.send_header("Location", site.moved[self.path])
                else:
                    self.send_response(200 if data is not None else 404)
                self.send_header("Content-Length", str(len(data or b"")))
                self.end_headers()
                self.wfile.write(data or b"")

            def log_message(self, *_: object) -> None:
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        servers.append(server)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        site.url = f"http://127.0.0.1:{server.server_port}"

        return site

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("NETRC", raising=False)
    monkeypatch.delenv("DOCKER_CONFIG", raising=False)
    return tmp_path


def collect(store: Store, entry: ChartEntry) -> vendoring.Chart:
    downloader = Downloader(sleep=lambda _: None, login=login_for)
    return vendoring.collect(entry, store, Repositories(store, downloader))


def entry_of(site: Site, chart: str, version: str = "") -> ChartEntry:
    return ChartEntry(site.url, "bundle.yml:3", chart, version)


def test_a_range_takes_the_newest_release_and_the_bytes_stay(serve: Serve, tmp_path: Path) -> None:
    site, store = serve(""), fakes.store(tmp_path)
    versions = ("1.2.0", "1.10.0", "2.0.0", "1.11.0-rc.1")
    site.index("web", *(site.chart("web", version) for version in versions))
    chart = collect(store, entry_of(site, "web", "^1.2"))
    assert (chart.name, chart.version) == ("web", "1.10.0")
    assert b"".join(store.source(chart.blob).open()) == site.files["/web-1.10.0.tgz"]
    assert collect(store, entry_of(site, "web")).version == "2.0.0"
    assert collect(store, entry_of(site, "web", "1.11.0-rc.1")).version == "1.11.0-rc.1"
    before = len(site.seen)
    collect(store, entry_of(site, "web", "^1.2"))
    assert [path for path, _ in site.seen[before:]] == ["/index.yaml"]  # the blob was at hand


@pytest.mark.parametrize("end", ["", ":1.0.0", f"@sha256:{'a' * 64}", f":1.0.0@sha256:{'a' * 64}"])
def test_an_index_may_lead_into_a_registry(serve: Serve, tmp_path: Path, end: str) -> None:
    """With a tag, a digest or neither; the port of the registry is no tag."""
    asked: list[tuple[str, str]] = []

    class Charts:
        def versions(self, reference: str) -> tuple[str, ...]:
            raise AssertionError(reference)

        def chart(self, reference: str, version: str, store: Store) -> Blob:
            asked.append((reference, version))
            return store.add([b"x"], what="x")

    site, store = serve(""), fakes.store(tmp_path)
    url = f"oci://registry.example:5000/charts/web{end}"
    index = {"entries": {"web": [{"version": "1.0.0", "urls": [url]}]}}
    site.files["/index.yaml"] = json.dumps(index).encode()
    Repositories(store, Downloader(), Charts()).fetch(site.url, "web", "")
    assert asked == [("oci://registry.example:5000/charts/web", "1.0.0")]


def test_what_is_not_there_is_told_with_what_is(serve: Serve, tmp_path: Path) -> None:
    site, store = serve(""), fakes.store(tmp_path)
    site.index("web", site.chart("web", "1.2.0"))
    with pytest.raises(
        BadInput, match=r"no version that matches '\^2'\n.*newest versions are 1\.2\.0"
    ):
        collect(store, entry_of(site, "web", "^2"))
    with pytest.raises(BadInput, match=r"has no chart 'webb'\n.*did you mean web"):
        collect(store, entry_of(site, "webb"))
    with pytest.raises(BadInput, match="does not exist"):
        collect(store, ChartEntry(f"{site.url}/gone", "x:1", "web"))


def test_bytes_that_are_not_the_indexs_are_refused(serve: Serve, tmp_path: Path) -> None:
    site, store = serve(""), fakes.store(tmp_path)
    site.index("web", site.chart("web", "1.0.0", digest="0" * 64))
    with pytest.raises(Refused, match=r"web 1\.0\.0 .* does not have the expected SHA-256"):
        collect(store, entry_of(site, "web"))
    for bad in (b"[1]", b"a: [", b"entries: 3"):
        site.files["/index.yaml"] = bad
        with pytest.raises(Refused, match=r"index\.yaml is"):
            collect(store, entry_of(site, "web"))


def test_a_password_goes_to_its_host_only(serve: Serve, tmp_path: Path) -> None:
    """Neither a redirect nor an absolute URL of the index carries it to another host."""
    elsewhere, site, store = serve(""), serve("me:secret"), fakes.store(tmp_path)
    elsewhere.url = elsewhere.url.replace("127.0.0.1", "localhost")
    far = site.chart("far", "1.0.0", urls=f"{elsewhere.url}/far-1.0.0.tgz")
    site.index("web", site.chart("web", "1.0.0"))
    site.index("far", far)
    elsewhere.files |= site.files
    with pytest.raises(BadInput, match="HTTP 401"):
        collect(store, entry_of(site, "web"))
    netrc = tmp_path / ".netrc"
    netrc.write_text("machine 127.0.0.1 login me password secret\ndefault login x password y\n")
    netrc.chmod(0o600)
    site.moved["/web-1.0.0.tgz"] = f"{elsewhere.url}/web-1.0.0.tgz"
    assert collect(store, entry_of(site, "web")).version == "1.0.0"
    assert collect(store, entry_of(site, "far")).version == "1.0.0"
    assert [given for _, given in elsewhere.seen] == ["", ""]

    netrc.unlink()
    with pytest.raises(BadInput, match="HTTP 401"):
        collect(store, entry_of(site, "web"))
    auth = base64.b64encode(b"me:secret").decode()
    config = {"auths": {site.url.removeprefix("http://"): {"auth": auth}}}
    (tmp_path / ".docker").mkdir()
    (tmp_path / ".docker" / "config.json").write_text(json.dumps(config))
    assert collect(store, entry_of(site, "web")).version == "1.0.0"


def test_dependencies_are_fetched_into_the_chart_the_same_way_each_time(
    serve: Serve, tmp_path: Path
) -> None:
    site, store = serve(""), fakes.store(tmp_path)
    site.index("common", site.chart("common", "1.0.0"), site.chart("common", "1.1.0"))
    top, beside = tmp_path / "top", tmp_path / "beside"
    for directory in (top, beside):
        directory.mkdir()
    (beside / "Chart.yaml").write_text("apiVersion: v2\nname: beside\nversion: 0.3.0\n")
    text = (
        "apiVersion: v2\nname: top\nversion: 1.0.0\ndependencies:\n"
        f"- {{name: common, version: 1.x, repository: '{site.url}', alias: c}}\n"
        "- {name: beside, version: '*', repository: 'file://../beside'}\n"
    )
    (top / "Chart.yaml").write_text(text)
    chart = collect(store, ChartEntry(top, "x:1"))
    assert members(store, chart) == [
        "top/Chart.yaml",
        "top/charts/beside-0.3.0.tgz",
        "top/charts/common-1.1.0.tgz",
    ]
    assert collect(store, ChartEntry(top, "x:1")) == chart
    lock = f"dependencies:\n- {{name: common, version: 1.0.0, repository: '{site.url}'}}\n"
    (top / "Chart.lock").write_text(lock + "- {name: beside, version: 0.3.0}\n")
    locked = collect(store, ChartEntry(top, "x:1"))
    assert "top/charts/common-1.0.0.tgz" in members(store, locked)
    (top / "Chart.lock").write_text(lock.replace("1.0.0", "2.0.0"))
    with pytest.raises(
        BadInput, match=r"Chart.lock does not match.*: no common 1\.x.*\n.*helm dep"
    ):
        collect(store, ChartEntry(top, "x:1"))


def test_a_dependency_by_alias_of_a_repository_says_what_to_do(tmp_path: Path) -> None:
    top = tmp_path / "top"
    top.mkdir()
    (top / "Chart.yaml").write_text(
        "apiVersion: v2\nname: top\nversion: 1.0.0\n"
        "dependencies:\n- {name: common, version: 1.x, repository: '@stable'}\n"
    )
    with pytest.raises(BadInput, match=r"needs common from @stable.*\n.*helm dependency update"):
        collect(fakes.store(tmp_path), ChartEntry(top, "x:1"))


def members(store: Store, chart: vendoring.Chart) -> list[str]:
    data = b"".join(store.source(chart.blob).open())
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        return tar.getnames()


IGNORED = """\
# comment
*.swp
.git/
/top
docs/[a-c]?.md
docs/[^x]*.txt
sub/deep/
we?rd
\\*star
"""
IGNORED_FILES = (
    *("a.swp", "docs/b.swp", ".git/config", "x/.git/config", "top", "x/top", "docs/a1.md"),
    *("docs/d1.md", "x/docs/a1.md", "docs/y1.txt", "docs/x1.txt", "sub/deep/file", "sub/deeper"),
    *("weird", "weeird", "templates/.hidden", "templates/deep/.hidden", "*star", "a*star"),
    *("templates/a.yaml", "crds/c.yaml", "charts/inner/Chart.yaml", "charts/inner/.gitignore"),
)


@pytest.mark.parametrize("rules", [IGNORED, "!templates/\n", "!*.yaml\n", "deep\n", ""])
def test_helmignore_leaves_out_what_helm_leaves_out(rules: str, tmp_path: Path) -> None:
    helm = gotools.helm()
    chart = tmp_path / "web"
    for name in IGNORED_FILES:
        (chart / name).parent.mkdir(parents=True, exist_ok=True)
        (chart / name).write_text("kind: ConfigMap\n")
    for directory in (chart, chart / "charts/inner"):
        text = f"apiVersion: v2\nname: {directory.name}\nversion: 1.0.0\n"
        (directory / "Chart.yaml").write_text(text)
    (chart / ".helmignore").write_text(rules)
    done = subprocess.run(
        [helm, "package", chart, "-d", tmp_path],
        capture_output=True,
        text=True,
        env={"HOME": str(tmp_path), "PATH": ""},
        check=False,
    )
    if rules == "!templates/\n":  # ignores every file
        assert "Chart.yaml file is missing" in done.stderr
        with pytest.raises(BadInput, match=r"no Chart\.yaml"):
            package.read(chart, "it")
        return
    assert done.returncode == 0, done.stderr
    with tarfile.open(tmp_path / "web-1.0.0.tgz") as packed:
        wanted = {member.name.removeprefix("web/") for member in packed}
    assert set(package.read(chart, "it")) == wanted
