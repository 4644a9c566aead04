"""`imfn stream` from addresses on this machine, which send, end, break off, fall silent, or refuse."""

import contextlib
import functools
import http.server
import itertools
import signal
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

import imfn_cli as imfn
from imfn_cli.bitstream import FadingMemoryFile
from imfn_cli.bitstream.open import open_latent

from .running import PATIENCE, Ran, Running

Cli = Callable[..., Ran]
Words = tuple[str, ...]
Handler = Callable[[socket.socket], None]
HOST = "127.0.0.1"
# A transport stream's packets come in sevens over networks.
DATAGRAM = 7 * 188


@pytest.fixture
def model(tiny_model_dir: Path) -> Words:
    return "-m", str(tiny_model_dir), "-r", "4"


@pytest.fixture
def output(tmp_path: Path) -> Path:
    return tmp_path / "live.safetensors"


@pytest.fixture(scope="module")
def folder(clip_frames: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The clip as cameras send it, 40 frames of 64×48: clip.ts, clip.mp4; and page.html."""
    folder = tmp_path_factory.mktemp("served")
    for name, form in (("clip.ts", "mpegts"), ("clip.mp4", "mp4")):
        with av.open(str(folder / name), "w", format=form) as container:
            stream = container.add_stream(
                "libx264", rate=25, options={"tune": "zerolatency", "g": "10", "crf": "8"}
            )
            stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
            for pixels in clip_frames:
                container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
            container.mux(stream.encode())
    (folder / "page.html").write_text("<html><body>no video here</body></html>\n" * 50)
    return folder


@pytest.fixture
def clip(folder: Path) -> bytes:
    """The clip as a transport stream."""
    return (folder / "clip.ts").read_bytes()


def bound(kind: socket.SocketKind = socket.SOCK_STREAM) -> socket.socket:
    """A socket at a free port of this machine."""
    one = socket.socket(socket.AF_INET, kind)
    try:
        one.bind((HOST, 0))
    except OSError as error:
        one.close()
        pytest.skip(f"no port of this machine can be bound ({error})")
    return one


@pytest.fixture
def closed_port() -> int:
    """A port where nothing listens."""
    with bound() as one:
        return int(one.getsockname()[1])


@pytest.fixture
def serve() -> Iterator[Callable[[Handler], int]]:
    """Start a server that hands each connection to a function, and closes it then; gives its port."""
    open_sockets: list[socket.socket] = []

    def start(handler: Handler) -> int:
        listening = bound()
        open_sockets.append(listening)
        listening.listen()

        def work() -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = listening.accept()
                    open_sockets.append(connection)
                    with contextlib.suppress(OSError), connection:
                        handler(connection)

        threading.Thread(target=work, daemon=True).start()
        return int(listening.getsockname()[1])

    yield start
    for one in open_sockets:
        with contextlib.suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)
        one.close()


@pytest.fixture
def web(folder: Path) -> Iterator[str]:
    """The address of a web server with `folder`'s files."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    with bound():
        server = http.server.ThreadingHTTPServer((HOST, 0), functools.partial(Quiet, directory=folder))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://{HOST}:{server.server_port}"
    server.shutdown()
    server.server_close()


def silent(connection: socket.socket) -> None:
    """Takes what comes and says nothing, until the other side goes."""
    while connection.recv(4096):
        pass


def wait_for(path: Path, frames: int) -> None:
    """Until the latent at `path` holds so many frames."""
    until = time.monotonic() + PATIENCE
    while not (path.exists() and open_latent(path).header.frames >= frames):
        assert time.monotonic() < until, "the frames did not come"
        time.sleep(0.02)


def close_to(output: Path, model: Words, frames: np.ndarray) -> bool:
    """Whether the latent's frames look like these."""
    restored = np.stack(list(imfn.read_frames(output, model=model[1]))).astype(float)
    return len(restored) == len(frames) and bool(np.square(restored - frames).mean() < 200)


# -- frames arrive ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["clip.ts", "clip.mp4"])
def test_http(cli: Cli, web: str, name: str, output: Path, model: Words, clip_frames: np.ndarray) -> None:
    ran = cli("stream", f"{web}/{name}?token=1", "-o", output, *model, "--json")
    assert (ran.code, ran.err) == (0, "")
    (report,) = ran.json
    assert (report["source"], report["frames"], report["ended"]) == (f"{web}/{name}?token=1", 40, "source")
    reader = open_latent(output)
    assert not reader.growing
    assert reader.header.frame_ticks is not None
    assert reader.header.frame_ticks * reader.header.time_base * 25 == 1
    assert close_to(output, model, clip_frames)


def test_tcp(
    cli: Cli,
    serve: Callable[[Handler], int],
    clip: bytes,
    output: Path,
    model: Words,
    clip_frames: np.ndarray,
) -> None:
    port = serve(lambda connection: connection.sendall(clip))
    ran = cli("stream", f"tcp://{HOST}:{port}", "-o", output, *model, "--json")
    assert (ran.code, ran.err) == (0, "")
    assert close_to(output, model, clip_frames)


def test_joined_in_the_middle(
    cli: Cli, serve: Callable[[Handler], int], clip: bytes, output: Path, model: Words
) -> None:
    """What comes before the first whole picture is left out, and is no damage."""
    packet = 188 * (len(clip) // 188 // 4)
    port = serve(lambda connection: connection.sendall(clip[packet:]))
    ran = cli("stream", f"tcp://{HOST}:{port}", "-o", output, *model, "--json")
    assert (ran.code, ran.err) == (0, "")
    assert 20 <= ran.json[0]["frames"] <= 32


def test_tcp_that_listens(
    cli: Cli, closed_port: int, clip: bytes, output: Path, model: Words, clip_frames: np.ndarray
) -> None:
    """A sender that calls us, as `ffmpeg … tcp://HERE:PORT` does."""

    def call() -> None:
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            with contextlib.suppress(OSError), socket.create_connection((HOST, closed_port)) as connection:
                connection.sendall(clip)
                return
            time.sleep(0.05)

    caller = threading.Thread(target=call, daemon=True)
    caller.start()
    address = f"tcp://{HOST}:{closed_port}?listen"
    ran = cli("stream", address, "-o", output, *model, "--json")
    caller.join()
    assert (ran.code, ran.err) == (0, "")
    assert close_to(output, model, clip_frames)


def rtsp(connection: socket.socket, clip: bytes) -> None:
    """One client of a camera that sends its stream through the control connection."""
    requests = connection.makefile("rb")
    while True:
        lines = list(iter(lambda: requests.readline().decode().strip(), ""))
        if not lines:
            return
        method = lines[0].split()[0]
        fields = {name.lower(): value for name, _, value in (line.partition(":") for line in lines[1:])}
        status, more, body = "200 OK", "Public: OPTIONS, DESCRIBE, SETUP, PLAY\r\nSession: 1\r\n", ""
        if method == "DESCRIBE":
            body = f"v=0\r\nc=IN IP4 {HOST}\r\nt=0 0\r\nm=video 0 RTP/AVP 33\r\na=control:track\r\n"
            more = f"Content-Type: application/sdp\r\nContent-Length: {len(body)}\r\n"
        elif method == "SETUP" and "TCP" not in fields["transport"]:
            status = "461 Unsupported Transport"
        elif method == "SETUP":
            more += "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n"
        connection.sendall(
            f"RTSP/1.0 {status}\r\nCSeq: {fields['cseq'].strip()}\r\n{more}\r\n{body}".encode()
        )
        if method == "PLAY":
            for number, start in enumerate(range(0, len(clip), DATAGRAM)):
                packet = struct.pack(">BBHII", 0x80, 33, number, 3600 * number, 1)
                packet += clip[start : start + DATAGRAM]
                connection.sendall(struct.pack(">cBH", b"$", 0, len(packet)) + packet)
            return


def test_rtsp(
    cli: Cli, serve: Callable[[Handler], int], clip: bytes, output: Path, model: Words, tmp_path: Path
) -> None:
    port = serve(lambda connection: rtsp(connection, clip))
    ran = cli("stream", f"rtsp://user:secret@{HOST}:{port}/live", "-o", output, *model, "--json")
    assert ran.code == 0, ran.err
    (report,) = ran.json
    assert report["source"] == f"rtsp://user:***@{HOST}:{port}/live"
    # The last packets may be waiting for others that belong before them when the connection ends.
    assert 36 <= report["frames"] == open_latent(output).header.frames <= 40


@pytest.fixture
def datagrams(clip: bytes) -> Iterator[tuple[int, threading.Event]]:
    """A port that the clip is sent to, again and again; the event ends it."""
    with bound(socket.SOCK_DGRAM) as one:
        port = int(one.getsockname()[1])
    enough = threading.Event()

    def send() -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            while True:
                for start in range(0, len(clip), DATAGRAM):
                    # Nobody may be listening yet.
                    with contextlib.suppress(OSError):
                        sender.sendto(clip[start : start + DATAGRAM], (HOST, port))
                    if enough.wait(0.005):
                        return

    thread = threading.Thread(target=send, daemon=True)
    thread.start()
    yield port, enough
    enough.set()
    thread.join()


def test_udp(cli: Cli, datagrams: tuple[int, threading.Event], output: Path, model: Words) -> None:
    ran = cli("stream", f"udp://{HOST}:{datagrams[0]}", "-o", output, *model, "--frames", "20", "--json")
    assert ran.code == 0, ran.err
    assert (ran.json[0]["frames"], ran.json[0]["ended"]) == (20, "limit")
    assert open_latent(output).header.frames == 20


def test_udp_that_ends(cli: Cli, datagrams: tuple[int, threading.Event], output: Path, model: Words) -> None:
    """Nothing says that a sender of datagrams has ended; it falls silent."""
    port, enough = datagrams

    def end_after_8() -> None:
        wait_for(output, 8)
        enough.set()

    threading.Thread(target=end_after_8, daemon=True).start()
    ran = cli("stream", f"udp://{HOST}:{port}", "-o", output, *model, "--timeout", "2.5", "--quiet")
    assert ran.code == 1
    frames = open_latent(output).header.frames
    assert frames >= 8
    assert ran.line == (
        f"udp://{HOST}:{port}: no frame came for 2.5 s; check that it still sends, or wait longer with "
        f"--timeout; the {frames} frames before are in {output}"
    )


# -- a source that ends in the middle --------------------------------------------------------------------


def headed(connection: socket.socket, clip: bytes, part: int) -> None:
    """The first `part` bytes of what is announced as the whole clip."""
    connection.recv(65536)
    head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(clip)}\r\nContent-Type: video/mp2t\r\n\r\n"
    connection.sendall(head.encode() + clip[:part])


def reset(connection: socket.socket) -> None:
    """Breaks a connection as a machine does that was switched off and on."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def kept(ran: Ran, address: str, output: Path, model: Words, problem: str) -> int:
    """How many frames were kept of a source that broke; all is in order then."""
    assert ran.code == 1
    reader = open_latent(output)
    frames = reader.header.frames
    assert ran.line.startswith(f"{address}: {problem}")
    assert ran.line.endswith(f"; the {frames} frames before are in {output}")
    assert not reader.growing
    assert [node.level for node in reader.nodes[:2]] == [2, 2]
    assert imfn.verify(output, model[1]).ok
    assert len(list(imfn.read_frames(output, model=model[1]))) == frames
    return frames


def test_a_connection_that_is_reset(
    cli: Cli, serve: Callable[[Handler], int], clip: bytes, output: Path, model: Words
) -> None:
    def half(connection: socket.socket) -> None:
        connection.sendall(clip[: len(clip) // 2])
        wait_for(output, 8)
        reset(connection)

    address = f"tcp://{HOST}:{serve(half)}"
    ran = cli("stream", address, "-o", output, *model)
    assert 8 <= kept(ran, address, output, model, "the source broke off (Connection reset by peer)") < 30


def test_a_download_that_ends_early(
    cli: Cli, serve: Callable[[Handler], int], clip: bytes, output: Path, model: Words
) -> None:
    address = f"http://{HOST}:{serve(lambda connection: headed(connection, clip, len(clip) // 2))}/clip.ts"
    ran = cli("stream", address, "-o", output, *model)
    assert 15 < kept(ran, address, output, model, "the source broke off (") < 25


def test_a_connection_that_is_closed_is_an_end(
    cli: Cli, serve: Callable[[Handler], int], clip: bytes, output: Path, model: Words
) -> None:
    port = serve(lambda connection: connection.sendall(clip[: len(clip) // 2]))
    ran = cli("stream", f"tcp://{HOST}:{port}", "-o", output, *model, "--json")
    assert ran.code == 0, ran.err
    assert ran.json[0]["ended"] == "source"
    assert 15 < open_latent(output).header.frames < 25


@pytest.mark.parametrize("protocol", ["tcp", "http"])
def test_a_source_that_falls_silent(
    cli: Cli, serve: Callable[[Handler], int], clip: bytes, output: Path, model: Words, protocol: str
) -> None:
    def half(connection: socket.socket) -> None:
        if protocol == "http":
            headed(connection, clip, len(clip) // 2)
        else:
            connection.sendall(clip[: len(clip) // 2])
        silent(connection)

    address = f"{protocol}://{HOST}:{serve(half)}/clip.ts"
    ran = cli("stream", address, "-o", output, *model, "--timeout", "2")
    assert 15 < kept(ran, address, output, model, "no frame came for 2 s; check that it still sends") < 25


def test_forgetting_keeps_what_came_before(
    cli: Cli, serve: Callable[[Handler], int], clip: bytes, output: Path, model: Words
) -> None:
    address = f"http://{HOST}:{serve(lambda connection: headed(connection, clip, len(clip) // 2))}/clip.ts"
    ran = cli("stream", address, "--forget", "-o", output, *model)
    assert ran.code == 1
    assert ran.line.endswith(
        f"; the {FadingMemoryFile.read(output).header.frames} frames before are in {output}"
    )


# -- a source that comes back ----------------------------------------------------------------------------


def back_after(clip: bytes, seconds: float, breaks: Callable[[socket.socket], None]) -> Handler:
    """Half of the clip, and a break; the next connection is refused in all but name; then all of it."""
    calls = iter(range(100))
    again = [0.0]

    def handler(connection: socket.socket) -> None:
        if next(calls) == 0:
            connection.sendall(clip[: len(clip) // 2])
            again[0] = time.monotonic() + seconds
            breaks(connection)
        elif time.monotonic() >= again[0]:
            connection.sendall(clip)

    return handler


@pytest.mark.parametrize("how", ["reset", "closed", "silent"])
def test_a_lost_source_is_opened_again(
    cli: Cli, serve: Callable[[Handler], int], clip: bytes, output: Path, model: Words, how: str
) -> None:
    def breaks(connection: socket.socket) -> None:
        if how == "silent":
            silent(connection)
        wait_for(output, 8)
        if how == "reset":
            reset(connection)

    address = f"tcp://{HOST}:{serve(back_after(clip, 1.0, breaks))}"
    words = ("stream", address, "-o", output, *model, "--timeout", "2", "--reconnect", "30")
    ran = cli(*words, "--frames", "45", "--json")
    assert ran.code == 0, ran.err
    problem = {
        "reset": "the source broke off (Connection reset by peer)",
        "closed": "the source ended",
        "silent": "no frame came for 2 s; check that it still sends, or wait longer with --timeout",
    }[how]
    # Beside it at most that the frame before was cut.
    first, *more = ran.err.splitlines()
    assert first == f"imfn: {address}: {problem}; opening it again for up to 30 s"
    assert all("1 frames are shown as the decoder patched them up" in line for line in more)
    (report,) = ran.json
    assert (report["frames"], report["reconnects"], report["ended"]) == (45, 1, "limit")
    reader = open_latent(output)
    gaps = np.diff(np.array(list(reader.times()))) * float(reader.header.time_base)
    # One gap, as long as the source was away; all else as it was sent, twenty-five frames a second.
    (place,) = np.flatnonzero(gaps > 0.05)
    assert 8 <= place + 1 < 25
    assert (1.5 if how == "silent" else 0.2) < gaps[place] < 20
    assert np.allclose(np.delete(gaps, place), 0.04)
    restored = np.stack(list(imfn.read_frames(output, model=model[1])))
    assert restored.shape == (45, 48, 64, 3)


def test_a_source_that_is_not_back_in_time(
    cli: Cli, serve: Callable[[Handler], int], clip: bytes, output: Path, model: Words
) -> None:
    def breaks(connection: socket.socket) -> None:
        wait_for(output, 8)
        reset(connection)

    address = f"tcp://{HOST}:{serve(back_after(clip, 100.0, breaks))}"
    began = time.monotonic()
    ran = cli("stream", address, "-o", output, *model, "--reconnect", "1.5")
    assert time.monotonic() - began < 60
    assert ran.code == 1
    _, line = ran.err.splitlines()
    frames = open_latent(output).header.frames
    assert "the source broke off (Connection reset by peer); it was not back within 1.5 s" in line
    assert line.endswith(f"; the {frames} frames before are in {output}")
    assert imfn.verify(output, model[1]).ok


def test_an_end_without_return_is_an_end(
    cli: Cli, serve: Callable[[Handler], int], clip: bytes, output: Path, model: Words
) -> None:
    def breaks(connection: socket.socket) -> None:
        wait_for(output, 8)

    address = f"tcp://{HOST}:{serve(back_after(clip, 100.0, breaks))}"
    ran = cli("stream", address, "-o", output, *model, "--reconnect", "1", "--json")
    assert ran.code == 0
    assert (ran.json[0]["ended"], ran.json[0]["reconnects"]) == ("source", 0)


def test_a_file_that_is_served_ends(cli: Cli, web: str, output: Path, model: Words) -> None:
    """It says how long it is, and is not taken from its beginning again."""
    ran = cli("stream", f"{web}/clip.ts", "-o", output, *model, "--reconnect", "60", "--json")
    assert (ran.code, ran.err) == (0, "")
    assert (ran.json[0]["frames"], ran.json[0]["ended"]) == (40, "source")


@pytest.mark.parametrize("words", [("-", "--reconnect", "3"), ("x.mp4", "--reconnect", "3")])
def test_what_cannot_be_opened_again(cli: Cli, output: Path, model: Words, words: Words) -> None:
    ran = cli("stream", *words, "-o", output, *model)
    assert ran.code == 2
    assert "is for addresses; leave it out" in ran.err


def test_the_time_of_day_may_jump(
    cli: Cli, serve: Callable[[Handler], int], clip: bytes, output: Path, model: Words, monkeypatch: Any
) -> None:
    """Back and forth by years while frames come, a source is silent and is waited for: no clock of ours."""
    jumps = itertools.cycle([1e9, -1e9, 0.0])
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + next(jumps))
    monkeypatch.setattr(time, "time_ns", lambda: int(1e9 * time.time()))
    address = f"tcp://{HOST}:{serve(back_after(clip, 1.0, silent))}"
    words = ("stream", address, "-o", output, *model, "--timeout", "2", "--reconnect", "30", "--sync", "0.1")
    ran = cli(*words, "--frames", "45", "--json")
    assert ran.code == 0, ran.err
    (report,) = ran.json
    assert 0 < report["seconds"] < PATIENCE
    reader = open_latent(output)
    gaps = np.diff(np.array(list(reader.times()))) * float(reader.header.time_base)
    assert gaps.min() > 0.03
    assert 1.5 < gaps.max() < 20
    assert np.count_nonzero(gaps > 0.05) == 1


# -- a source that never begins --------------------------------------------------------------------------


@pytest.mark.parametrize("protocol", ["http", "tcp", "rtsp"])
def test_refused(cli: Cli, closed_port: int, output: Path, model: Words, protocol: str) -> None:
    address = f"{protocol}://{HOST}:{closed_port}/clip.ts"
    ran = cli("stream", address, "-o", output, *model)
    assert ran.code == 1
    assert ran.line == (
        f"{address}: cannot be reached (Connection refused); "
        "check the address, and that something sends there"
    )
    assert not output.exists()


@pytest.mark.parametrize("protocol", ["http", "tcp", "rtsp", "udp"])
def test_silent_from_the_beginning(
    cli: Cli, serve: Callable[[Handler], int], closed_port: int, output: Path, model: Words, protocol: str
) -> None:
    port = closed_port if protocol == "udp" else serve(silent)
    address = f"{protocol}://{HOST}:{port}/clip.ts"
    ran = cli("stream", address, "-o", output, *model, "--timeout", "0.7")
    assert ran.code == 1
    assert ran.line.startswith(f"{address}: no frame came for 0.7 s; check that it still sends")
    assert not output.exists()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("none.ts", "cannot be reached (Server returned 404 Not Found); check the address"),
        ("page.html", "say what it sends with --input-format"),
    ],
)
def test_what_is_no_video(cli: Cli, web: str, output: Path, model: Words, name: str, message: str) -> None:
    ran = cli("stream", f"{web}/{name}", "-o", output, *model)
    assert ran.code == 1
    assert ran.line.startswith(f"{web}/{name}: ")
    assert message in ran.line
    assert not output.exists()


def test_other_addresses(cli: Cli, output: Path, model: Words, closed_port: int) -> None:
    ran = cli("stream", "carrier-pigeon://loft", "-o", output, *model)
    assert ran.code == 1
    assert ran.line.startswith("carrier-pigeon://loft: this PyAV knows no such protocol; write http://")
    ran = cli("stream", f"rtsp://user:secret@{HOST}:{closed_port}/a@b", "-o", output, *model)
    assert ran.code == 1
    assert ran.line.startswith(f"rtsp://user:***@{HOST}:{closed_port}/a@b: cannot be reached")
    ran = cli("stream", f"udp://{HOST}:{closed_port}", "-o", output, *model, "--fps", "25")
    assert ran.code == 2


# -- signals ---------------------------------------------------------------------------------------------


@pytest.fixture
def streaming(start: Callable[..., Running], output: Path, model: Words) -> Callable[[str], Running]:
    """Start streaming from an address, in a process of its own."""

    def one(address: str) -> Running:
        return start(
            "stream", address, "-o", output, *model, "--timeout", "0", "--json", folder=output.parent
        )

    return one


def test_a_signal_ends_a_silent_source(
    serve: Callable[[Handler], int], streaming: Callable[[str], Running], clip: bytes, output: Path
) -> None:
    def half(connection: socket.socket) -> None:
        connection.sendall(clip[: len(clip) // 2])
        silent(connection)

    running = streaming(f"tcp://{HOST}:{serve(half)}")
    wait_for(output, 12)
    ran = running.signal(signal.SIGINT)
    assert (ran.code, ran.err) == (0, "")
    (report,) = ran.json
    assert report["ended"] == "signal"
    assert open_latent(output).header.frames == report["frames"] >= 12


def test_a_signal_ends_waiting_for_the_first_frame(
    serve: Callable[[Handler], int], streaming: Callable[[str], Running], output: Path
) -> None:
    asked = threading.Event()

    def note(connection: socket.socket) -> None:
        asked.set()
        silent(connection)

    running = streaming(f"tcp://{HOST}:{serve(note)}")
    assert asked.wait(PATIENCE)
    ran = running.signal(signal.SIGINT)
    assert (ran.code, ran.out) == (130, "")
    assert ran.line == "interrupted; nothing half-written was left"
    assert not output.exists()


@pytest.mark.parametrize("forget", [False, True])
def test_dropped_frames_are_told(
    cli: Cli,
    serve: Callable[[Handler], int],
    clip: bytes,
    output: Path,
    model: Words,
    monkeypatch: pytest.MonkeyPatch,
    forget: bool,
) -> None:
    monkeypatch.setattr("imfn_cli.media.sources.dropped.DroppedFrames.__call__", lambda *_: 2)
    address = f"tcp://{HOST}:{serve(lambda connection: connection.sendall(clip))}"
    words = ("stream", address, "-o", output, *(model[:2] if forget else model), *["--forget"] * forget)
    ran = cli(*words, "--json")
    assert (ran.json[0]["frames"], ran.json[0]["dropped"]) == (40, 80)
    assert "80 frames (67%) were dropped: the source gives more than the" in ran.err
    address = f"tcp://{HOST}:{serve(lambda connection: connection.sendall(clip))}"
    ran = cli("stream", address, *words[2:], "-f")
    assert "80 dropped" in ran.out
