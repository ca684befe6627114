import cv2
import numpy as np
import pytest
from bags import SECOND
from clips import write_video
from full_disk import room_for

from har_ros.commands.main import main
from har_ros.frames.compressed import EncodedImage, decode_all
from har_ros.frames.pixels import CameraImage, to_rgb
from har_ros.recordings.bag import open_recording
from har_ros.recordings.bag_writer import BagWriter


@pytest.fixture
def film(tmp_path):
    def write(name, count, rate, step=20):
        path = str(tmp_path / name)
        writer = cv2.VideoWriter(path, cv2.VideoWriter.fourcc(*"MJPG"), rate, (64, 48))
        for i in range(count):
            writer.write(np.full((48, 64, 3), i * step, np.uint8))
        writer.release()
        return path

    return write


def brightness(recording, camera):
    images = [item.image for item in recording.images() if item.camera == camera]
    return [round(to_rgb(decode_all(image)).mean() / 20) for image in images]


def test_videos_become_cameras(film, tmp_path):
    assert main(["record", film("a.avi", 8, 10), film("b.avi", 4, 5), "-o", str(tmp_path / "bag")]) == 0
    recording = open_recording(tmp_path / "bag")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.avi", "b.avi", "bag"]
    assert recording.cameras == ("/cam01/image_raw", "/cam02/image_raw")
    assert recording.count == 12
    items = list(recording.images())
    first = items[0].arrival
    assert [(item.arrival - first) / SECOND for item in items if item.camera == "/cam01/image_raw"] == pytest.approx(
        [i / 10 for i in range(8)]
    )
    assert [(item.arrival - first) / SECOND for item in items if item.camera == "/cam02/image_raw"] == pytest.approx(
        [i / 5 for i in range(4)]
    )
    assert all(isinstance(item.image, EncodedImage) and item.image.stamp == item.arrival for item in items)
    assert {item.image.frame_id for item in items} == {"cam01", "cam02"}
    assert brightness(recording, "/cam01/image_raw") == list(range(8))
    assert brightness(recording, "/cam02/image_raw") == list(range(4))


def test_in_a_loop_raw_scaled_and_named(film, tmp_path):
    options = ["--seconds", "1.2", "--raw", "--max-side", "16", "--topic", "/hall/image"]
    assert main(["record", film("a.avi", 8, 10), "-o", str(tmp_path / "bag"), *options]) == 0
    recording = open_recording(tmp_path / "bag")
    assert brightness(recording, "/hall/image") == [*range(8), *range(4)]
    image = next(recording.images()).image
    assert isinstance(image, CameraImage)
    assert (image.width, image.height, image.encoding, image.frame_id) == (16, 12, "bgr8", "hall")


def test_the_same_videos_make_the_same_bag(film, tmp_path):
    path = film("a.avi", 8, 10)
    for name in ("x", "y"):
        assert main(["record", path, "-o", str(tmp_path / name / "bag")]) == 0
    assert (tmp_path / "x/bag/bag.mcap").read_bytes() == (tmp_path / "y/bag/bag.mcap").read_bytes()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["nowhere.mp4"], "does not exist"),
        (["{film}", "--topic", "/a", "--topic", "/b"], "2 topics for 1 video;"),
        (["{film}", "{film}", "--topic", "/a", "--topic", "/a"], "are not all different"),
        (["{film}", "{text}"], "cannot be opened as a video"),
        (["rtsp://localhost:1/nothing"], "cannot be opened"),
    ],
)
def test_what_cannot_be_recorded_leaves_nothing(film, tmp_path, capsys, options, said):
    text = tmp_path / "notes.mp4"
    text.write_text("hello")
    names = {"film": film("a.avi", 3, 10), "text": str(text)}
    before = sorted(tmp_path.iterdir())
    assert main(["record", *[option.format(**names) for option in options], "-o", str(tmp_path / "bag")]) == 1
    assert said in capsys.readouterr().err
    assert sorted(tmp_path.iterdir()) == before


def test_what_a_killed_run_left_is_in_nobodys_way(film, tmp_path):
    (tmp_path / ".bag.part" / "bag").mkdir(parents=True)
    assert main(["record", film("a.avi", 3, 10), "-o", str(tmp_path / "bag")]) == 0
    assert not (tmp_path / ".bag.part").exists()


def test_two_that_write_one_bag_do_not_spoil_it(film, tmp_path, capsys):
    path = film("a.avi", 3, 10)
    with BagWriter(tmp_path / "bag") as bag:
        bag.actions("/actions", 1, (), 1, "cam01")
        assert main(["record", path, "-o", str(tmp_path / "bag")]) == 1
        assert "another process is at work in" in capsys.readouterr().err
    assert sorted(path.name for path in (tmp_path / "bag").iterdir()) == ["bag.mcap", "metadata.yaml"]
    assert not (tmp_path / ".bag.part").exists()


def test_a_bag_that_is_there_stays(film, tmp_path, capsys):
    path = film("a.avi", 3, 10)
    assert main(["record", path, "-o", str(tmp_path / "bag")]) == 0
    before = (tmp_path / "bag/bag.mcap").read_bytes()
    assert main(["record", path, path, "-o", str(tmp_path / "bag")]) == 1
    assert "exists already" in capsys.readouterr().err
    assert (tmp_path / "bag/bag.mcap").read_bytes() == before


@pytest.mark.parametrize("size", [0, 100, 10_000, 20_000])
def test_a_full_disk_is_reported_and_nothing_stays(tmp_path, capsys, size):
    """Wherever the room ends: at the bag's start, in an image, or at its end."""
    noise = np.random.default_rng(0).integers(0, 256, (2, 60, 60, 3), np.uint8)
    path = write_video(tmp_path / "a.avi", noise)
    with room_for(size):
        assert main(["record", str(path), "--raw", "-o", str(tmp_path / "bag")]) == 1
    assert "(File too large); check folder and disk" in capsys.readouterr().err
    assert [file.name for file in tmp_path.iterdir()] == ["a.avi"]
