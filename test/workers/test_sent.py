"""Files that a cluster's node was sent."""

import os
import time

import pytest

from har_ros.errors import HarError
from har_ros.files.cache import digest
from har_ros.workers.sent import KEPT, unpacked

pytestmark = pytest.mark.usefixtures("own_cache")


def sent(tmp_path, text):
    """Return the folder of a file that was sent, and how often its content was asked for."""
    (tmp_path / "a").write_text(text)
    asked = []
    folder = unpacked({"b/a": digest(tmp_path / "a", "sha256")}, lambda name: asked.append(name) or text.encode())
    assert (folder / "b" / "a").read_text() == text
    return folder, len(asked)


def test_files_are_written_once_and_again_where_they_are_damaged(tmp_path):
    folder, asked = sent(tmp_path, "network")
    assert asked == 1
    assert sent(tmp_path, "network") == (folder, 0)
    (folder / "b" / "a").write_text("netw")
    assert sent(tmp_path, "network") == (folder, 1)


def test_what_was_used_last_stays_and_what_was_never_complete_goes(tmp_path, own_cache):
    first, second = (sent(tmp_path, text)[0] for text in ("first", "second"))
    for number in range(KEPT):
        (own_cache / "sent" / f".being written {number}").mkdir()
    abandoned = own_cache / "sent" / ".of a process that was killed"
    abandoned.mkdir()
    os.utime(abandoned, (time.time() - 90_000,) * 2)
    os.utime(second, (time.time() - 100,) * 2)
    for number in range(KEPT - 1):
        sent(tmp_path, f"network {number}")
    assert first.exists()
    assert not second.exists()
    assert not abandoned.exists()
    assert len(list((own_cache / "sent").glob(".being*"))) == KEPT


def test_a_cache_that_cannot_be_written_is_told(tmp_path, own_cache):
    own_cache.parent.mkdir()
    own_cache.write_text("no folder")
    with pytest.raises(HarError, match=r"^cannot write what was sent to .* \(.*\); make its cache folder writable$"):
        sent(tmp_path, "network")
