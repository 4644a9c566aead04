"""A real S3 server on this machine, and a door before it that fails as it is told."""

import http.client
import itertools
import logging
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from ..cli.conftest import cli  # noqa: F401 - a fixture

_names = itertools.count()


@dataclass
class Bucket:
    """A bucket on the server, and what went through the door to it.

    address: s3://NAME.   requests: (method, whether it has a range) → how many.
    fails: asked for every request (method, path): None to let it through, a status to answer with, "cut" to
    end the connection in the middle of the body.
    """

    address: str
    files: Any
    requests: Counter[tuple[str, bool]] = field(default_factory=Counter)
    fails: Callable[[str, str], int | str | None] = lambda method, path: None

    def names(self) -> list[str]:
        """The keys of all objects."""
        self.files.invalidate_cache()
        root = self.address.removeprefix("s3://")
        return sorted(key.removeprefix(f"{root}/") for key in self.files.find(root))

    def put(self, key: str, data: bytes) -> str:
        """Write an object; returns its address."""
        self.files.pipe_file(f"{self.address}/{key}", data)
        return f"{self.address}/{key}"


class _Door:
    """Passes requests on to the server, unless it is told to fail."""

    def __init__(self, port: int) -> None:
        self.bucket: Bucket | None = None
        door = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _pass(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                bucket = door.bucket
                if bucket is not None:
                    bucket.requests[self.command, "Range" in self.headers] += 1
                fails = None if bucket is None else bucket.fails(self.command, self.path)
                if fails == "cut":
                    self.rfile.read(length // 2)
                    self.close_connection = True
                    self.connection.close()
                    return
                body = self.rfile.read(length)
                if isinstance(fails, int):
                    self.send_response(fails)
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                    return
                server = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
                server.request(self.command, self.path, body, dict(self.headers.items()))
                answer = server.getresponse()
                data = answer.read()
                self.send_response(answer.status)
                for name, value in answer.getheaders():
                    if name.lower() not in (
                        "transfer-encoding",
                        "connection",
                        "content-length",
                        "date",
                        "server",
                    ):
                        self.send_header(name, value)
                size = answer.getheader("Content-Length") if self.command == "HEAD" else str(len(data))
                self.send_header("Content-Length", size or "0")
                self.end_headers()
                self.wfile.write(data)
                server.close()

            do_GET = do_PUT = do_HEAD = do_POST = do_DELETE = _pass

            def log_message(self, format: str, *arguments: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture(scope="session")
def door() -> Iterator[_Door]:
    """The server, with the door before it, where clients find it by the environment."""
    moto = pytest.importorskip("moto.server", reason="no S3 server: pip install 'moto[server]' s3fs")
    pytest.importorskip("s3fs", reason="no S3 client: pip install 'imfn[remote]'")
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = moto.ThreadedMotoServer(port=0, verbose=False)
    server.start()
    _, port = server.get_host_and_port()
    door = _Door(port)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", "test")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "test")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        # Waiting between tries is most of what failing takes.
        patch.setenv("AWS_MAX_ATTEMPTS", "3")
        patch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{door.server.server_port}")
        yield door
    door.server.shutdown()
    server.stop()


@pytest.fixture
def bucket(door: _Door) -> Iterator[Bucket]:
    """An empty bucket of its own."""
    import s3fs

    # Short waits between the client's own tries.
    files = s3fs.S3FileSystem()
    name = f"footage-{next(_names)}"
    files.mkdir(name)
    door.bucket = Bucket(f"s3://{name}", files)
    yield door.bucket
    door.bucket = None
