import hashlib
import os
import subprocess
import sys

import pytest

from har_ros.errors import ModelError
from har_ros.files.cache import cache_folder, cached, foreign

pytestmark = pytest.mark.usefixtures("own_cache")


def made(content=b"network"):
    calls = []
    return calls, lambda: calls.append(1) or content


def test_a_cached_file_is_made_once():
    calls, make = made()
    paths = [cached("a.onnx", make) for _ in range(3)]
    assert len(calls) == 1
    assert paths[0].read_bytes() == b"network"
    assert paths[0].is_relative_to(cache_folder())


@pytest.mark.parametrize("damage", [lambda path: path.write_bytes(b"netwXrk"), lambda path: path.unlink()])
@pytest.mark.parametrize("name", ["a.onnx", "a.onnx.sha256"])
def test_a_damaged_file_is_made_again(damage, name):
    calls, make = made()
    path = cached("a.onnx", make)
    damage(path.with_name(name))
    assert cached("a.onnx", make).read_bytes() == b"network"
    assert len(calls) == 2


def test_checksum_file_is_what_sha256sum_reads():
    path = cached("a.onnx", lambda: b"network")
    expected = f"{hashlib.sha256(b'network').hexdigest()}  a.onnx\n"
    assert path.with_name("a.onnx.sha256").read_text() == expected


def test_nothing_half_written_stays(monkeypatch, caplog):
    def full_disk(descriptor):
        raise OSError(28, os.strerror(28))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full_disk)
        path = cached("a.onnx", lambda: b"network")
    assert path.read_bytes() == b"network"
    assert not path.is_relative_to(cache_folder())
    assert "No space left on device" in caplog.text
    assert [file.name for file in cache_folder().iterdir()] == [".a.onnx.lock"]


def test_a_folder_that_cannot_be_made_is_said_and_done_without(tmp_path, monkeypatch, caplog):
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    calls, make = made()
    assert cached("a.onnx", make).read_bytes() == b"network"
    assert len(calls) == 1
    assert "cannot use the cache folder" in caplog.text
    assert "make it writable or set XDG_CACHE_HOME" in caplog.text


def test_what_fails_to_be_made_leaves_nothing():
    def fail():
        raise ModelError("no")

    with pytest.raises(ModelError, match=r"^no$"):
        cached("a.onnx", fail)
    assert not (cache_folder() / "a.onnx").exists()


def test_of_old_files_the_last_used_stay():
    calls, make = made()
    for number in range(5):
        path = cached(f"engines/{number}.engine", make, keep=3)
        os.utime(path, (number, number))
        cached("engines/0.engine", make, keep=3)
    assert len(calls) == 5
    names = {file.name for file in (cache_folder() / "engines").iterdir()}
    assert {name for name in names if name.endswith(".engine")} == {"0.engine", "3.engine", "4.engine"}
    assert ".1.engine.lock" not in names
    assert "1.engine.sha256" not in names


LIMITED = """
import logging, resource
from har_ros.errors import ModelError
from har_ros.pipeline.recognizer import Recognizer
logging.basicConfig(format="%(message)s")
resource.setrlimit(resource.RLIMIT_FSIZE, (LIMIT, LIMIT))
try:
    with Recognizer.open("i3d-kinetics-400", frames=16) as recognizer:
        print(recognizer.network.length)
except ModelError as error:
    print(error)
"""


def opened(limit, *prefix):
    script = LIMITED.replace("LIMIT,", f"{limit},").replace("LIMIT)", f"{limit})")
    return subprocess.run([*prefix, sys.executable, "-c", script], capture_output=True, text=True)


def test_a_full_disk_costs_a_warning_and_not_the_start(own_cache):
    """The cache is on a disk of 1 MiB, in a namespace of this process's own."""
    own_cache.parent.mkdir()
    mount = f"mount -t tmpfs -o size=1m tmpfs {own_cache.parent}"
    namespace = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c"]
    if subprocess.run([*namespace, mount], capture_output=True, check=False).returncode:
        pytest.skip("this machine lets nobody mount a small disk; run it where user namespaces work (unshare --user)")
    result = opened(-1, *namespace, f'{mount} && exec "$@"', "sh")
    assert (result.returncode, result.stdout) == (0, "16\n"), result.stderr
    assert f"cannot use the cache folder {own_cache} (No space left on device), so this" in result.stderr


def test_where_no_disk_has_room_it_says_so(own_cache):
    """Files cannot grow beyond 64 KiB here, wherever they are."""
    result = opened(1 << 16)
    assert result.stdout.startswith("there is no place for i3d-kinetics-400-"), result.stderr
    assert result.stdout.endswith(f"(File too large); make room on the disk of {own_cache}\n")
    assert "Traceback" not in result.stderr


def mode(path):
    return oct(path.stat().st_mode & 0o777)


def test_nobody_else_can_enter_the_cache(own_cache):
    """Engines are code; a folder from an earlier time is closed, too."""
    cached("engines/a.engine", lambda: b"engine")
    assert mode(own_cache) == "0o700"
    own_cache.chmod(0o777)
    cached("engines/a.engine", lambda: b"engine")
    assert mode(own_cache) == "0o700"


@pytest.mark.root
@pytest.mark.parametrize("what", ["", "a.onnx", "a.onnx.sha256"])
def test_what_another_user_put_into_the_cache_is_not_read(own_cache, caplog, what):
    calls, make = made()
    cached("a.onnx", make)
    os.chown(own_cache / what, 12345, -1)
    path = cached("a.onnx", make)
    assert len(calls) == 2
    if what:
        assert not foreign(path)
    else:
        assert not path.is_relative_to(own_cache)
        assert "(it belongs to another user, or others can write it), so this start's work is lost" in caplog.text


@pytest.mark.root
def test_a_link_of_another_user_is_not_followed(own_cache, tmp_path, caplog):
    (tmp_path / "mine").mkdir()
    own_cache.parent.mkdir()
    own_cache.symlink_to(tmp_path / "mine")
    os.chown(own_cache, 12345, -1, follow_symlinks=False)
    assert not cached("a.onnx", lambda: b"network").is_relative_to(own_cache)
    assert list((tmp_path / "mine").iterdir()) == []


def test_a_file_that_others_could_write_is_made_again():
    calls, make = made()
    cached("a.onnx", make).chmod(0o666)
    cached("a.onnx", make)
    assert len(calls) == 2


@pytest.mark.root
def test_a_cache_that_root_installed_serves_every_user(own_cache, monkeypatch):
    calls, make = made()
    path = cached("a.onnx", make)
    own_cache.chmod(0o755)
    monkeypatch.setattr(os, "getuid", lambda: 65534)
    assert cached("a.onnx", make) == path
    assert (len(calls), mode(own_cache)) == (1, "0o755")
