"""`actionnet stability` on bags and videos: class k leads where frame k of four is the brightest."""

import json

import pytest
from bags import series, write_bag
from pictures import write_video

from har_ros.commands.main import main as actionnet
from har_ros.evaluate.stability import every_second, some_lost
from har_ros.recordings.recording import Recorded

DARK_BRIGHT = [10, 200] * 20 + [10]
STEADY = [100] * 41


@pytest.fixture
def stability(brightness_card, tmp_path):
    def run(*recordings, status=0):
        output = tmp_path / "stability.json"
        given = ["-p", f"model:={brightness_card}", "-p", "backend:=openvino", "-p", "max_gap:=0.0", "-o", str(output)]
        assert actionnet(["stability", *map(str, recordings), *given]) == status
        return json.loads(output.read_text()) if output.exists() else None

    return run


def test_flicker_and_half_the_rate(stability, tmp_path, capsys):
    """Each second another answer, first and second by turns; with every second image, which are dark, always first."""
    measured = stability(write_bag(tmp_path / "flickers", series(DARK_BRIGHT)))
    assert measured["label_changes"]["value"] == pytest.approx(37 / (38 / 60))  # from the answer after 3 s to the last
    assert measured["label_changes"]["low"] is None  # of one recording
    assert measured["half"]["value"] == pytest.approx(18 / 35)  # from 6 to 41 s; first in the even seconds
    assert measured["lost"]["value"] < 0.9
    assert measured["pairs"] == []
    assert measured["cameras"]["value"] is None
    assert "changes of the first answer" in capsys.readouterr().out


def test_cameras_that_see_the_same_say_the_same(stability, tmp_path, capsys):
    """Two steady cameras, and one of whose answers half are theirs."""
    same = [*series(STEADY), *series(STEADY, "/cam02/image_raw", frame_id="cam02")]
    other = [*series(STEADY), *series(DARK_BRIGHT, "/cam02/image_raw", frame_id="cam02")]
    measured = stability(write_bag(tmp_path / "same", same), write_bag(tmp_path / "other", other))
    shares = {pair["bag"]: pair["agreement"] for pair in measured["pairs"]}
    assert shares == {"same": 1, "other": pytest.approx(0.5, abs=0.01)}
    assert measured["cameras"]["value"] == pytest.approx((1 + shares["other"]) / 2)
    assert 0 < measured["cameras"]["low"] < shares["other"]  # two recordings say little
    assert measured["kappa"]["value"] == pytest.approx(0, abs=0.01)  # one that always says the same agrees by chance
    assert "/cam02/image_raw" in capsys.readouterr().out


def test_videos_are_measured_too_and_what_is_too_short_is_an_error(stability, tmp_path, capsys):
    measured = stability(write_video(tmp_path / "long.avi", 24), write_video(tmp_path / "short.avi", 3))
    assert measured["recordings"] == 2
    assert measured["minutes"] > 20 / 25 / 60
    assert measured["label_changes"]["value"] >= 0
    capsys.readouterr()
    (tmp_path / "stability.json").unlink()
    assert stability(write_bag(tmp_path / "short", series([1, 2])), status=1) is None
    assert "actionnet: no recording is long enough for a window" in capsys.readouterr().err


def test_the_same_images_are_lost_each_time():
    images = [Recorded("/a" if i % 3 else "/b", i, None) for i in range(1000)]
    kept = list(some_lost(images))
    assert kept == list(some_lost(images))
    assert 870 < len(kept) < 930
    assert [image.arrival for image in every_second(images) if image.camera == "/b"] == list(range(0, 1000, 6))
