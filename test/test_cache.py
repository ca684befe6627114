import hashlib
import os
import subprocess
import sys

import pytest

from har_ros.errors import ModelError
from har_ros.models.cache import cache_folder, cached

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
from har_ros.recognizer import Recognizer
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
        pytest.skip("this machine lets nobody mount a small disk; it needs user namespaces (unshare)")
    result = opened(-1, *namespace, f'{mount} && exec "$@"', "sh")
    assert (result.returncode, result.stdout) == (0, "16\n"), result.stderr
    assert f"cannot use the cache folder {own_cache} (No space left on device), so this" in result.stderr


def test_where_no_disk_has_room_it_says_so(own_cache):
    """Files cannot grow beyond 64 KiB here, wherever they are."""
    result = opened(1 << 16)
    assert result.stdout.startswith("there is no place for i3d-kinetics-400-"), result.stderr
    assert result.stdout.endswith(f"(File too large); make room on the disk of {own_cache}\n")
    assert "Traceback" not in result.stderr
