"""Files over HTTP: resumed, hashed, cut off where they drip; and the disk they go to."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from edgeboot.blob import BytesSource
from edgeboot.bundle.build.failures import Failures
from edgeboot.bundle.http import stream
from edgeboot.bundle.http.client import Http
from edgeboot.bundle.http.download import Downloader
from edgeboot.bundle.http.retry import TryAgain
from edgeboot.bundle.store.blobs import DiskFailed, Store
from edgeboot.errors import BadInput, Refused, StepFailed
from edgeboot.events import BytesFetched, BytesHandled, Event
from edgeboot.localio.progress import Counted, Tally
from tests.support.bundle import fakes

DATA = bytes(range(256)) * 4000
SHA = fakes.sha256(DATA)


@dataclass
class Site:
    """Serves ``DATA``; ``cuts`` are the lengths after which answers break off, ``plain`` ranges."""

    url: str = ""
    cuts: list[int] = field(default_factory=list)
    ranges: bool = True
    body: bytes = DATA
    seen: list[tuple[str | None, str | None]] = field(default_factory=list)  # range, authorization
    password: str = ""


@pytest.fixture
def site() -> Iterator[Site]:
    state = Site()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked = self.headers.get("Range")
            state.seen.append((asked, self.headers.get("Authorization")))
            if state.password and not self.headers.get("Authorization"):
                self.send_response(401)
                self.end_headers()
                return
            start = int(asked[6:-1]) if asked and state.ranges else 0
            if start >= len(state.body):
                self.send_response(416)
                self.end_headers()
                return
            body = state.body[start:]
            self.send_response(206 if start else 200)
            if start:
                last = len(state.body) - 1
                self.send_header("Content-Range", f"bytes {start}-{last}/{len(state.body)}")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body[: state.cuts.pop(0)] if state.cuts else body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    state.url = f"http://127.0.0.1:{server.server_port}"
    yield state
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return fakes.store(tmp_path)


def fetched(site: Site, store: Store, downloader: Downloader | None = None) -> bytes:
    (downloader or Downloader(sleep=lambda _: None)).blob(f"{site.url}/f", SHA, 1 << 30, store)
    left = [path.name for path in store.root.iterdir()]
    assert left == [SHA]
    return store.path(SHA).read_bytes()


def test_a_file_that_breaks_off_goes_on_where_it_was(site: Site, store: Store) -> None:
    site.cuts = [1000, 2000]
    events: list[Event] = []
    downloader = Downloader(sleep=lambda _: None, listener=events.append)
    assert fetched(site, store, downloader) == DATA
    assert [asked for asked, _ in site.seen] == [None, "bytes=1000-", "bytes=3000-"]
    told = [e for e in events if isinstance(e, BytesFetched)]
    assert (told[-1].name, told[-1].done, told[-1].total) == ("f", len(DATA), len(DATA))
    assert all(e.total == len(DATA) for e in told)


@pytest.mark.parametrize(
    ("left", "asked"),
    [
        (DATA[:5000], ["bytes=5000-"]),
        (DATA, [f"bytes={len(DATA)}-"]),  # killed just before it got its name
        (b"x" * 5000, ["bytes=5000-", None]),
        (DATA + b"x", [f"bytes={len(DATA) + 1}-", None]),
    ],
)
def test_what_an_earlier_run_left_is_hashed_and_continued(
    site: Site, store: Store, left: bytes, asked: list[str | None]
) -> None:
    store.root.mkdir(parents=True)
    (store.root / f"{SHA}.partial").write_bytes(left)
    assert fetched(site, store) == DATA
    assert [one for one, _ in site.seen] == asked


def test_a_server_without_ranges_starts_over(site: Site, store: Store) -> None:
    site.ranges, site.cuts = False, [1000]
    assert fetched(site, store) == DATA


def test_a_link_that_keeps_breaking_is_given_up_and_what_came_stays(
    site: Site, store: Store
) -> None:
    site.cuts = [1000] * 4
    with pytest.raises(StepFailed, match=r"4 attempts"):
        fetched(site, store)
    assert (store.root / f"{SHA}.partial").stat().st_size == 4000
    assert fetched(site, store) == DATA


def test_as_long_as_it_makes_progress_it_is_not_given_up(
    site: Site, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edgeboot.bundle.http.resume._PROGRESS", 1000)
    site.cuts = [1000] * 12
    assert fetched(site, store) == DATA


def test_row_37_wrong_bytes_are_fetched_once_more_and_then_refused(
    site: Site, store: Store
) -> None:
    site.body = DATA[:-1] + b"x"
    with pytest.raises(Refused, match="does not have the expected SHA-256"):
        fetched(site, store)
    assert len(site.seen) == 2
    assert not list(store.root.iterdir())


def test_row_35_who_was_asked_as_is_said_and_nobody_asks_again(site: Site, tmp_path: Path) -> None:
    site.password = "wanted"
    waits: list[float] = []
    with pytest.raises(BadInput, match=r"HTTP 401.*without credentials\n.*~/\.netrc"):
        Downloader(sleep=waits.append).small(f"{site.url}/f", 10)
    site.seen.clear()
    known = Downloader(sleep=waits.append, login=lambda _url: ("pilot", "pw"))
    known.blob(f"{site.url}/f", SHA, 1 << 30, fakes.store(tmp_path))
    assert site.seen[0][1] == "Basic cGlsb3Q6cHc="
    assert not waits


def test_row_38_nothing_of_netrc_is_used_unasked(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login eve password netrc-secret\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    Downloader().small(f"{site.url}/f", 1 << 30)
    assert [authorization for _, authorization in site.seen] == [None]


def test_row_40_a_body_that_drips_is_cut_off() -> None:
    class Drip:
        def read1(self, _size: int, **_: bool) -> bytes:
            time.sleep(0.02)
            return b"x"

    with pytest.raises(TryAgain, match=r"received only [0-9]+ bytes"):
        for _ in stream.flowing(Drip(), 0.2):  # type: ignore[arg-type]
            pass


def test_headers_that_drip_are_cut_off_through_a_proxy_too(monkeypatch: pytest.MonkeyPatch) -> None:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            with contextlib.suppress(OSError):
                for byte in (
                    b"HTTP/1.1 200 OK\r\nX: " + b"x" * 60 + b"\r\nContent-Length: 0\r\n\r\n"
                ):
                    self.wfile.write(bytes([byte]))
                    time.sleep(0.02)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{server.server_port}")
        for name in ("no_proxy", "NO_PROXY"):
            monkeypatch.delenv(name, raising=False)
        with pytest.raises(TryAgain), Http(stall=0.3).send("GET", "http://files.example/f"):
            pass
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_full_disk_ends_the_run_and_is_told_once(tmp_path: Path) -> None:
    """No part fares better than the one before, so none is tried and listed after it."""
    (tmp_path / "file").write_text("")
    store, failures, after = Store(tmp_path / "file" / "below"), Failures(), []

    def collect() -> None:
        for part in range(3):
            with failures.part("x:1"):
                after.append(part)
                store.add([b"x"], what="it")

    with pytest.raises(DiskFailed) as caught:
        collect()
    assert after == [0]
    assert caught.value.error_id == "local-disk"


def test_an_attempt_that_breaks_off_does_not_count() -> None:
    events: list[Event] = []
    tally = Tally(lambda done, total: BytesHandled("x", "y", done, total), events.append, 3)
    source = Counted(BytesSource(b"abc"), tally)
    reading = source.open()
    next(reading)
    del reading
    assert tally.done == 0
    assert b"".join(source.open()) == b"abc"
    assert tally.done == 3
    assert (source.size, source.sha256) == (3, fakes.sha256(b"abc"))
