"""A server on loopback that can misbehave: it answers what a test has written down for it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

Answer = tuple[int, dict[str, str], bytes]


class Site:
    """What the server answers; ``seen`` are the paths that were asked for, ``ranges`` of what."""

    def __init__(self) -> None:
        self.answers: dict[str, list[Answer]] = {}
        self.seen: list[str] = []
        self.ranges: list[str | None] = []
        self.url = ""

    def files(self, prefix: str, directory: Path) -> None:
        for path in directory.iterdir():
            self.answers[f"{prefix}/{path.name}"] = [(200, {}, path.read_bytes())]


@contextmanager
def serving() -> Iterator[Site]:
    """A site; of several answers for a path each is given once, and the last one from then on."""
    state = Site()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            state.seen.append(self.path)
            state.ranges.append(self.headers.get("Range"))
            answers = state.answers.get(self.path, [(404, {}, b"")])
            status, headers, body = answers.pop(0) if len(answers) > 1 else answers[0]
            self.send_response(status)
            for name, value in {"Content-Length": str(len(body)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    state.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield state
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
