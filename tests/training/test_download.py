"""Downloads from a real HTTP server on this machine that misbehaves in the ways real ones do."""

import gzip
import hashlib
import io
import random
import tarfile
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tinyprune.errors import DataError, UsageError
from tinyprune.training import download

CONTENT = {"yes/a_nohash_0.wav": random.Random(0).randbytes(400_000), "_background_noise_/tap.wav": b"noise"}


def archive_of(files: dict[str, bytes], links: dict[str, str] | None = None) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
        for name, target in (links or {}).items():
            info = tarfile.TarInfo(name)
            info.type, info.linkname = tarfile.SYMTYPE, target
            tar.addfile(info)
    return gzip.compress(buffer.getvalue(), mtime=0)


@dataclass
class Server:
    """What it serves and how; `log` keeps the Range header of every request."""

    body: bytes
    cut_after: list[int] = field(default_factory=list)
    """For each of the first requests, the bytes of the body after which the connection is cut."""
    statuses: list[int] = field(default_factory=list)
    """Errors answered to the first requests."""
    ranges: bool = True
    wrong_range: bool = False
    length: str | None = None
    """What it says instead of the length."""
    log: list[str | None] = field(default_factory=list)
    url: str = ""

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.body).hexdigest()


def handler_of(server: Server) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            requested = self.headers.get("Range")
            server.log.append(requested)
            if server.statuses:
                self.send_error(server.statuses.pop(0))
                return
            start = int(requested.removeprefix("bytes=").rstrip("-")) if requested and server.ranges else 0
            if start >= len(server.body):
                self.send_error(416)
                return
            self.send_response(206 if start else 200)
            if start:
                first = start + 1 if server.wrong_range else start
                self.send_header("Content-Range", f"bytes {first}-{len(server.body) - 1}/{len(server.body)}")
            length = str(len(server.body) - start) if server.length is None else server.length
            self.send_header("Content-Length", length)
            self.end_headers()
            limit = server.cut_after.pop(0) if server.cut_after else len(server.body)
            self.wfile.write(server.body[start : start + limit])
            self.close_connection = True

        def log_message(self, *arguments):
            pass

    return Handler


@pytest.fixture
def serve(monkeypatch):
    """Start a server on a free port; pauses between attempts take no time."""
    pauses: list[float] = []
    monkeypatch.setattr(download.time, "sleep", pauses.append)
    running = []

    def start(server: Server) -> Server:
        http = ThreadingHTTPServer(("127.0.0.1", 0), handler_of(server))
        threading.Thread(target=http.serve_forever, daemon=True).start()
        running.append(http)
        server.url = f"http://127.0.0.1:{http.server_port}/archive.tar.gz"
        server.pauses = pauses
        return server

    yield start
    for http in running:
        http.shutdown()
        http.server_close()


def fetch(server: Server, folder, **options):
    return download.fetch(folder, url=server.url, sha256=options.pop("sha256", server.sha256), **options)


def content_of(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_an_archive_is_downloaded_checked_and_unpacked(serve, tmp_path):
    server = serve(Server(archive_of(CONTENT)))
    calls = []
    folder = fetch(server, tmp_path / "deep" / "sc", progress=lambda *call: calls.append(call))
    assert content_of(folder) == CONTENT
    assert [path.name for path in folder.parent.iterdir()] == ["sc"]
    assert server.log == [None]
    last = {stage: (done, total) for stage, done, total in calls}
    assert last == {stage: (len(server.body),) * 2 for stage in ("download", "check", "unpack")}


def test_a_cut_connection_is_resumed_where_it_broke(serve, tmp_path):
    server = serve(Server(archive_of(CONTENT), cut_after=[100_000, 150_000]))
    assert content_of(fetch(server, tmp_path / "sc")) == CONTENT
    assert server.log == [None, "bytes=100000-", "bytes=250000-"]
    assert server.pauses == [1.0, 1.0]


def test_a_server_without_ranges_starts_over(serve, tmp_path):
    server = serve(Server(archive_of(CONTENT), cut_after=[100_000], ranges=False))
    assert content_of(fetch(server, tmp_path / "sc")) == CONTENT
    assert server.log == [None, "bytes=100000-"]


def test_the_next_call_goes_on_where_the_last_gave_up(serve, tmp_path):
    server = serve(Server(archive_of(CONTENT), cut_after=[300_000] + [0] * download.ATTEMPTS))
    with pytest.raises(DataError, match=r"cut after 300,000 of .* \(6 attempts\); 300,000 bytes are kept"):
        fetch(server, tmp_path / "sc")
    assert server.pauses == [1.0, 2.0, 4.0, 8.0, 16.0]
    assert not (tmp_path / "sc").exists()
    assert content_of(fetch(server, tmp_path / "sc")) == CONTENT
    assert server.log[-1] == "bytes=300000-"


def test_a_complete_download_is_not_fetched_again(serve, tmp_path):
    server = serve(Server(archive_of(CONTENT)))
    (tmp_path / "sc.download").write_bytes(server.body)
    assert content_of(fetch(server, tmp_path / "sc")) == CONTENT


def test_wrong_bytes_are_kept_aside(serve, tmp_path):
    good = archive_of(CONTENT)
    wrong = good[:1000] + b"\0\0\0\0" + good[1004:]
    server = serve(Server(wrong))
    with pytest.raises(DataError, match=r"arrived with SHA-256 .*, expected .* are in .*sc\.download\.wrong, run the"):
        fetch(server, tmp_path / "sc", sha256=hashlib.sha256(good).hexdigest())
    assert content_of(tmp_path) == {"sc.download.wrong": wrong}
    server.body = good
    assert content_of(fetch(server, tmp_path / "sc")) == CONTENT


def test_a_checksum_may_be_in_capitals_and_must_be_one(serve, tmp_path):
    server = serve(Server(archive_of(CONTENT)))
    assert content_of(fetch(server, tmp_path / "sc", sha256=server.sha256.upper())) == CONTENT
    for wrong in ("", "0", "g" * 64, "0" * 65, "\x1b[2J"):
        with pytest.raises(UsageError, match="is no SHA-256: that is 64 hexadecimal digits"):
            fetch(server, tmp_path / "other", sha256=wrong)


@pytest.mark.parametrize("length", ["abc", "-5", "1e9", "9" * 5000, ""])
def test_a_length_that_is_no_number_is_as_good_as_none(serve, tmp_path, length):
    server = serve(Server(archive_of(CONTENT), length=length))
    assert content_of(fetch(server, tmp_path / "sc")) == CONTENT


def test_what_is_too_large_is_not_fetched_to_its_end(serve, tmp_path):
    server = serve(Server(archive_of(CONTENT)))
    for length in (None, "abc"):
        server.length = length
        with pytest.raises(DataError, match="has more than 1,000 bytes; if that is right, allow more with --max-bytes"):
            fetch(server, tmp_path / "sc", max_bytes=1_000)
        assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= 1_000
    with pytest.raises(DataError, match="has more than 3,000,000 bytes"):
        download.fetch(tmp_path / "zero", url="file:///dev/zero", sha256="0" * 64, max_bytes=3_000_000)
    bomb = serve(Server(archive_of({"zeros": b"\0" * 1_000_000})))
    with pytest.raises(DataError, match="would be too large unpacked; nothing was"):
        fetch(bomb, tmp_path / "bomb", max_bytes=10_000)
    assert not (tmp_path / "bomb").exists()


def test_two_at_once_are_one(serve, tmp_path):
    """Whole or not at all, and the other is told."""
    many = {f"yes/{number}.wav": b"x" * 1000 for number in range(200)}
    server = serve(Server(archive_of(many)))
    ready, told = threading.Barrier(4), []

    def one():
        ready.wait()
        try:
            fetch(server, tmp_path / "sc")
        except UsageError as error:
            told.append(str(error))

    threads = [threading.Thread(target=one) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert content_of(tmp_path / "sc") == many
    assert [path.name for path in tmp_path.iterdir()] == ["sc"]
    assert len(told) == 3
    assert all("another process is fetching" in each or "exists already" in each for each in told)


def test_a_missing_file_is_not_retried(serve, tmp_path):
    server = serve(Server(b"x", statuses=[404]))
    with pytest.raises(DataError, match="cannot be downloaded: the server answered 404 Not Found"):
        fetch(server, tmp_path / "sc")
    assert len(server.log) == 1
    assert list(tmp_path.iterdir()) == []


def test_a_busy_server_is_asked_again(serve, tmp_path):
    server = serve(Server(archive_of(CONTENT), statuses=[503, 500, 429]))
    assert content_of(fetch(server, tmp_path / "sc")) == CONTENT
    assert server.pauses == [1.0, 2.0, 4.0]


def test_a_wrong_range_is_not_appended(serve, tmp_path):
    server = serve(Server(archive_of(CONTENT), cut_after=[100_000], wrong_range=True))
    with pytest.raises(DataError, match=r"answered with the range 100001-\d+/?.* instead of 100000-"):
        fetch(server, tmp_path / "sc")


@pytest.mark.usefixtures("serve")
def test_an_unreachable_server_is_reported(tmp_path):
    with pytest.raises(DataError, match=r"could not be downloaded: .*refused.*6 attempts"):
        download.fetch(tmp_path / "sc", url="http://127.0.0.1:9/a.tar.gz", sha256="0" * 64)


@pytest.mark.parametrize("name", ["../evil.wav", "/evil.wav", "yes/../../evil.wav"])
def test_paths_outside_the_folder_are_refused(serve, tmp_path, name):
    server = serve(Server(archive_of({"yes/a.wav": b"a", name: b"evil"})))
    with pytest.raises(DataError, match=r"the archive holds '.*evil.wav', which is outside its folder"):
        fetch(server, tmp_path / "in" / "sc")
    assert [path.name for path in tmp_path.rglob("*")] == ["in", "sc.download"]


def test_links_are_refused(serve, tmp_path):
    server = serve(Server(archive_of(CONTENT, links={"yes/link": "/etc"})))
    with pytest.raises(DataError, match=r"'yes/link', which is outside its folder or no plain file"):
        fetch(server, tmp_path / "sc")
    assert not (tmp_path / "sc").exists()


def test_something_else_than_an_archive_is_refused(serve, tmp_path):
    server = serve(Server(b"<html>please log in</html>"))
    with pytest.raises(DataError, match="is no tar archive"):
        fetch(server, tmp_path / "sc")
    assert [path.name for path in tmp_path.iterdir()] == ["sc.download"]


def test_an_existing_folder_is_left_alone(serve, tmp_path):
    server = serve(Server(archive_of(CONTENT)))
    with pytest.raises(UsageError, match="exists already; remove it or choose another folder"):
        fetch(server, tmp_path)
    assert server.log == []


def test_a_destination_that_cannot_be_written_is_named(serve, tmp_path):
    (tmp_path / "file").write_text("in the way")
    server = serve(Server(archive_of(CONTENT)))
    with pytest.raises(UsageError, match=r"cannot write .*file"):
        fetch(server, tmp_path / "file" / "sc")


def test_what_is_no_url_is_a_usage_error(tmp_path):
    with pytest.raises(UsageError, match="nonsense is no URL"):
        download.fetch(tmp_path / "sc", url="nonsense", sha256="0" * 64)
