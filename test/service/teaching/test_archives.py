"""The archive of a network: made as it is read."""

import io
import os
import zipfile
from pathlib import Path

from har_ros.service.teaching import networks
from har_ros.service.teaching.networks import zipped


def open_files():
    return {str(path.readlink()) for path in Path("/proc/self/fd").iterdir() if path.is_symlink()}


def test_an_archive_is_made_block_by_block_and_holds_no_file_meanwhile(tmp_path, monkeypatch):
    monkeypatch.setattr(networks, "BLOCK", 1000)
    content = {"card.yaml": b"name: a\n", "empty": b"", "head.npz": os.urandom(2500)}
    (tmp_path / "net").mkdir()
    for name, said in content.items():
        (tmp_path / "net" / name).write_bytes(said)
    blocks, before = [], open_files()
    for block in zipped(tmp_path / "net"):
        assert {path for path in open_files() - before if path.startswith("/") and "/proc/" not in path} == set()
        assert len(block) < 1500
        blocks.append(block)
    assert len(blocks) == 5
    with zipfile.ZipFile(io.BytesIO(b"".join(blocks))) as archive:
        assert archive.testzip() is None
        assert {name: archive.read(f"net/{name}") for name in content} == content
        assert archive.getinfo("net/head.npz").external_attr
