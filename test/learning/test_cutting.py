"""Long recordings are cut in parts by workers that are elsewhere, to the same bytes."""

from dataclasses import replace

import numpy as np
import pytest
from apart import Apart
from bags import TOPIC, series, values_of, write_bag
from clips import moving, write_video

from har_ros.commands import clips as command
from har_ros.commands.main import main as actionnet
from har_ros.learning import cutting
from har_ros.recordings import glance


@pytest.fixture(autouse=True)
def short_ranges(monkeypatch):
    monkeypatch.setattr(glance, "RANGE", 40)


@pytest.fixture
def the_same(tmp_path, monkeypatch):
    """Cut twice; returns what others have done, and how many clips there are."""

    def run(recordings, segments, *options):
        truth = tmp_path / "truth.csv"
        truth.write_text("bag,camera,start,end,label\n" + "\n".join(segments))
        found, workers = [], Apart()
        for folder in ("here", "apart"):
            given = [*map(str, recordings), "--truth", str(truth), "-o", str(tmp_path / folder), *options]
            assert actionnet(["clips", *given]) == 0
            found.append({one.relative_to(tmp_path / folder): one.read_bytes() for one in clips(tmp_path / folder)})
            monkeypatch.setattr(command, "workers_of", lambda *_: workers)
        assert found[0] == found[1]
        return workers.done, len(found[0])

    return run


def clips(folder):
    return sorted(path for path in folder.rglob("*") if path.is_file())


WAVES = [f"a.mp4,*,{second},{second + 2},wave" for second in range(0, 15, 4)]


@pytest.mark.parametrize("options", [(), ("--no-background",)])
def test_a_long_video_is_cut_in_parts(the_same, tmp_path, options, capsys):
    video = write_video(tmp_path / "a.mp4", moving(frames=130))
    other = write_video(tmp_path / "b.mp4", moving(frames=30))
    done, count = the_same([video, other], [*WAVES, "b.mp4,*,1,2,wave"], *options, "--least", "1")
    assert done == ["tuple", "tuple", "Part", "Part", "Part"]
    assert count >= 5
    said, again = capsys.readouterr().out.split("dataset: ")[:2]
    assert said.splitlines() == again.splitlines()[1:]


def test_a_long_bag_of_two_cameras_is_cut_in_parts(the_same, tmp_path):
    """The second camera's images come late, so that those of one moment are far apart in the bag."""
    items = [
        *series(values_of(1, 100), period=0.125),
        *series(values_of(2, 100), "/cam02/image_raw", period=0.125, late=0.7, frame_id="cam02"),
    ]
    bag = write_bag(tmp_path / "long", items)
    segments = [f"long,{camera},{start},{start + 1.5},wave" for start in (0, 4, 5.9, 10) for camera in (TOPIC, "*")]
    done, count = the_same([bag], segments, "--least", "1")
    assert done == ["tuple", "Part", "Part"]
    assert count >= 10


def test_a_phones_video_is_cut_in_parts(the_same, shared_data):
    segments = ["s2_fall_13.mp4,*,1,2,fall", "s2_fall_13.mp4,*,2.5,3.5,lie"]
    done, _ = the_same([shared_data / "falls" / "s2_fall_13.mp4"], segments, "--least", "0.5")
    assert done == ["tuple", "Part", "Part"]


def test_a_recording_with_other_images_than_was_thought_is_cut_as_a_whole(the_same, tmp_path, monkeypatch):
    """As where a container promises frames that cannot be decoded."""

    def more(recording):
        seen = glance.glance_of_long(recording)
        stamps = [*seen.stamp, seen.stamp[-1] + 10**9]
        numbers = [0] * len(stamps)
        arrays = {"camera": numbers, "frame": numbers, "arrival": stamps, "stamp": stamps}
        return replace(seen, **{name: np.array(one, getattr(seen, name).dtype) for name, one in arrays.items()})

    monkeypatch.setattr(cutting, "glance_of_long", more)
    video = write_video(tmp_path / "a.mp4", moving(frames=130))
    done, _ = the_same([video], WAVES, "--least", "1")
    assert done == ["tuple", "Part", "Part", "Part", "Whole"]
