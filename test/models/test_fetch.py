"""Downloads from a real HTTP server on this machine."""

import gzip
import hashlib
import io
import os
import tarfile
import threading
import zipfile
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from command import actionnet
from hypothesis import given
from hypothesis import strategies as st
from small_networks import write_card

from har_ros.errors import ModelError
from har_ros.files.cache import cache_folder
from har_ros.models.card import SourceFile
from har_ros.models.fetch import extract, fetch
from har_ros.models.locate import find_model

CONTENT = bytes(range(256)) * 4000


class Server(ThreadingHTTPServer):
    """Serves `files`, with ranges; after `limit` bytes it breaks off."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.files, self.limit, self.ranges, self.requests = {}, None, True, []

    def url(self, name):
        return f"http://127.0.0.1:{self.server_port}/{name}"


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        server = self.server
        content = server.files.get(self.path[1:])
        wanted = self.headers.get("Range")
        server.requests.append(wanted)
        if content is None:
            return self.send_error(404)
        start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted and server.ranges else 0
        if start and start >= len(content):
            return self.send_error(416)
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        self.wfile.write(content[start:][: server.limit])

    def log_message(self, *_):
        pass


@pytest.fixture
def server():
    with Server() as server:
        threading.Thread(target=server.serve_forever, args=[0.01], daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def model(tmp_path, own_cache):
    """A model whose card names the files that a test gives it."""
    bare = find_model(str(write_card(tmp_path)))
    return lambda *files: replace(bare, card=replace(bare.card, files=files))


def sha256(content):
    return "sha256:" + hashlib.sha256(content).hexdigest()


def quiet(*_):
    pass


def left(model):
    """What lies in the download folder, but for the lock."""
    return sorted(path.name for path in model.downloads.iterdir() if path.name != ".fetch.lock")


def test_files_are_brought_with_progress_and_only_once(server, model):
    server.files = {"a.onnx": CONTENT, "b.bin": b"small"}
    files = [
        SourceFile(name, server.url(name), sha256(content), len(content)) for name, content in server.files.items()
    ]
    seen = []
    model = model(*files)
    assert [file.name for file in model.missing()] == ["a.onnx", "b.bin"]
    brought = fetch(model, lambda *step: seen.append(step))
    assert [path.read_bytes() for path in brought] == [CONTENT, b"small"]
    assert seen[-1] == ("b.bin", 5, 5)
    assert [have for name, have, total in seen if name == "a.onnx" and total == len(CONTENT)][-1] == len(CONTENT)
    assert left(model) == ["a.onnx", "b.bin"]
    assert model.path("a.onnx") == brought[0]
    assert fetch(model, quiet) == []
    assert len(server.requests) == 2


def test_a_broken_download_goes_on_from_where_it_was(server, model):
    server.files, server.limit = {"a.onnx": CONTENT}, 600_000
    model = model(SourceFile("a.onnx", server.url("a.onnx"), sha256(CONTENT)))
    with pytest.raises(ModelError, match=r"cannot download|ended after 600000 of 1024000 bytes; try again, it resumes"):
        fetch(model, quiet)
    assert model.missing()
    server.limit = None
    assert fetch(model, quiet)[0].read_bytes() == CONTENT
    assert server.requests == [None, "bytes=600000-"]


def test_a_server_without_ranges_begins_again(server, model):
    server.files, server.ranges = {"a.onnx": CONTENT}, False
    model = model(SourceFile("a.onnx", server.url("a.onnx"), sha256(CONTENT)))
    model.downloads.mkdir(parents=True)
    (model.downloads / "a.onnx.part").write_bytes(b"old")
    seen = []
    assert fetch(model, lambda *step: seen.append(step))[0].read_bytes() == CONTENT
    assert seen[-1] == ("a.onnx", len(CONTENT), len(CONTENT))


def test_a_complete_part_is_not_downloaded_again(server, model):
    server.files = {"a.onnx": CONTENT}
    model = model(SourceFile("a.onnx", server.url("a.onnx"), sha256(CONTENT)))
    model.downloads.mkdir(parents=True)
    (model.downloads / "a.onnx.part").write_bytes(CONTENT)
    assert fetch(model, quiet)[0].read_bytes() == CONTENT


@pytest.mark.parametrize("changes", [{"checksum": "sha384:" + "0" * 96}, {"size": 2_000_000}])
def test_what_does_not_verify_is_not_kept(server, model, changes):
    server.files = {"a.onnx": CONTENT}
    model = model(replace(SourceFile("a.onnx", server.url("a.onnx")), **changes))
    reason = (
        "has the checksum .*, 000000000000… expected"
        if "checksum" in changes
        else "has 1024000 bytes, 2000000 expected"
    )
    with pytest.raises(ModelError, match=reason):
        fetch(model, quiet)
    assert left(model) == []


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/a", "missing", "http://nowhere.invalid/a"])
def test_what_is_not_there_is_one_sentence(server, model, url):
    url = server.url(url) if url == "missing" else url
    with pytest.raises(ModelError, match=f"cannot download {url}") as caught:
        fetch(model(SourceFile("a.onnx", url)), quiet)
    assert "\n" not in str(caught.value)


def tar(entries, mode="w:gz"):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as archive:
        for name, content in entries.items():
            info = tarfile.TarInfo(name)
            if isinstance(content, str):  # a link to there
                info.type, info.linkname = tarfile.SYMTYPE, content
                archive.addfile(info)
            else:
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def claiming(kind, size):
    """Return an archive whose first header claims so many bytes."""
    info = tarfile.TarInfo("a")
    info.type, info.size = kind, size
    return gzip.compress(info.tobuf(tarfile.GNU_FORMAT) + bytes(10240))


def zipped(entries):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    return buffer.getvalue()


@pytest.mark.parametrize("packed", [tar, zipped, lambda entries: tar(entries, "w:xz")])
def test_an_archive_is_downloaded_once_for_its_files(server, model, packed):
    server.files = {"all.gz": packed({"net/a.onnx": CONTENT, "net/labels.txt": b"run", "net/more": b"x"})}
    url = server.url("all.gz")
    model = model(
        SourceFile("a.onnx", url, sha256(CONTENT), member="a.onnx"),
        SourceFile("labels.txt", url, member="net/labels.txt"),
    )
    assert [path.read_bytes() for path in fetch(model, quiet)] == [CONTENT, b"run"]
    assert left(model) == ["a.onnx", "labels.txt"]
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("archive", "reason"),
    [
        (tar({"../evil": b"", "a": b"x"}), r"holds '\.\./evil', a path outside its folder; do not use this archive"),
        (tar({"/evil": b"", "a": b"x"}), "a path outside its folder"),
        (zipped({"b/../../evil": b"", "a": b"x"}), "a path outside its folder"),
        (tar({"a": "/etc/passwd"}), "a is no regular file"),
        (tar({"b": b"x"}), "holds 0 files a, where one is expected"),
        (tar({"a": b"x", "b/a": b"y"}), "holds 2 files a, where one is expected"),
        (tar({"a": b"x" * 101}), "has more than the 100 bytes expected"),
        (claiming(tarfile.XHDTYPE, 1 << 33), "is no archive that can be read .a header claims 8589934592 bytes"),
        (claiming(tarfile.GNUTYPE_LONGNAME, 1 << 30), "a header claims 10737"),
        (claiming(tarfile.REGTYPE, 9 << 30), "it unpacks to more than 8589934592 bytes"),
        (tar({"a": CONTENT})[:-900], "is no archive that can be read"),
        (zipped({"a": CONTENT})[:-40], "is no archive that can be read"),
        (b"", "is no archive that can be read"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_archives_that_cannot_be_trusted(server, model, tmp_path, archive, reason):
    server.files = {"all.gz": archive}
    model = model(SourceFile("a", server.url("all.gz"), size=100, member="a"))
    with pytest.raises(ModelError, match=reason) as caught:
        fetch(model, quiet)
    assert "\n" not in str(caught.value)
    assert left(model) == []
    assert not list(tmp_path.rglob("evil"))


@given(st.binary(max_size=300), st.sampled_from([b"", tar({"a": b"x"}), zipped({"a": b"x"})]), st.integers(0, 400))
def test_any_bytes_are_an_archive_or_refused(tmp_path_factory, noise, archive, place):
    folder = tmp_path_factory.mktemp("archive")
    (folder / "file").write_bytes(archive[:place] + noise + archive[place + len(noise) :])
    try:
        extract(folder / "file", "a", folder / "a", 100)
    except ModelError as error:
        assert "\n" not in str(error)
    assert {path.name for path in folder.iterdir()} <= {"file", "a"}


def test_a_folder_that_cannot_be_written_is_reported(server, model, tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.raises(ModelError, match=r"cannot write to .*; make room there, or it writable"):
        fetch(model(SourceFile("a", server.url("a"))), quiet)


def test_the_command_says_where_the_files_are_and_what_was_not_verified(server, tmp_path, own_cache):
    server.files = {"a.bin": CONTENT, "b.bin": b"small", "c.bin": b"wrong"}
    files = [
        {"name": "a.bin", "url": server.url("a.bin"), "checksum": sha256(CONTENT)},
        {"name": "b.bin", "url": server.url("b.bin")},
    ]
    folder = own_cache / "models" / "small"
    folder.mkdir(parents=True)
    (folder / "a.bin").write_bytes(CONTENT)  # from an earlier time
    result = actionnet("models", "fetch", write_card(tmp_path, files=files))
    assert result.returncode == 0
    assert f"{folder}/b.bin (not verified: its card has no checksum)" in result.stderr
    assert "a.bin" not in result.stderr
    assert "small is there already" in actionnet("models", "fetch", tmp_path / "small.yaml").stderr
    wrong = {"name": "c.bin", "url": server.url("c.bin"), "checksum": sha256(b"right")}
    result = actionnet("models", "fetch", write_card(tmp_path, files=[wrong]))
    assert result.returncode == 1
    assert "actionnet: c.bin from http" in result.stderr
    assert not (folder / "c.bin").exists()


@pytest.mark.root
def test_another_users_folder_is_neither_read_nor_written(server, model):
    server.files = {"a.onnx": CONTENT}
    model = model(SourceFile("a.onnx", server.url("a.onnx"), sha256(CONTENT)))
    fetch(model, quiet)
    cache_folder().chmod(0o755)
    os.chown(cache_folder(), 12345, -1)
    assert model.find("a.onnx") is None
    with pytest.raises(ModelError, match=r"cannot write to .* \(it belongs to another user, or others can write it\)"):
        fetch(model, quiet)


def test_a_server_that_sends_more_than_the_card_says_is_cut_off(server, model):
    server.files = {"a.onnx": bytes(4 << 20)}
    with pytest.raises(ModelError, match="sends more than the 1000 bytes expected; fix the card"):
        fetch(model(SourceFile("a.onnx", server.url("a.onnx"), size=1000)), quiet)
    assert left(model()) == []
