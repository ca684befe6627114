import cv2
import numpy as np
import pytest
from bags import TOPIC, series, values_of, write_bag
from clips import moving, write_video
from hypothesis import given
from hypothesis import strategies as st

from har_ros.commands.main import main as actionnet
from har_ros.frames.pixels import CameraImage
from har_ros.learning.clips import Stretch, actions, backgrounds, cut
from har_ros.learning.dataset import load_dataset
from har_ros.recordings.clip_file import ClipFile
from har_ros.recordings.pictures import Place, pictures
from har_ros.recordings.recording import VideoRecording
from har_ros.truth.segments import Segment

SECOND = 1_000_000_000
TIMES = st.integers(0, 60).map(lambda n: n / 4)
SEGMENTS = st.lists(
    st.tuples(TIMES, st.integers(1, 20).map(lambda n: n / 4), st.sampled_from(["a", "b", "c", "none"])),
    max_size=4,
    unique_by=lambda segment: segment[2],
)


def cut_up(segments, least, background=True, end=20):
    own = [Stretch(label, "/video", round(s * SECOND), round((s + n) * SECOND)) for s, n, label in segments]
    seen, wanted = Stretch("none", "/video", 0, end * SECOND), round(least * SECOND)
    found = [*actions(own, seen, wanted), *(backgrounds(own, seen, wanted) if background else [])]
    return [(p.label, p.start / SECOND, p.end / SECOND) for p in found]


@given(SEGMENTS, st.sampled_from([0.0, 1.0, 2.6]))
def test_clips_are_long_enough_and_show_what_they_are_said_to(segments, least):
    found = cut_up(segments, least)
    for _, start, end in found:
        assert 0 <= start < end <= 20
        assert end - start >= least / 8 - 1e-9
    for label, s, e in found:  # a clip of an action shows no other, and neither does one of nothing
        for start, length, other in segments:
            assert other in (label, "none") or e <= start + 1e-9 or s >= start + length - 1e-9
    for start, length, label in segments:
        alone = all(s + n <= start or s >= start + length for s, n, other in segments if other != label)
        if alone and start + length <= 20:
            assert (
                any(s <= start and e >= start + length for name, s, e in found if name == label) or length < least / 8
            )
    background = [(s, e) for label, s, e in found if label == "none" and not any(n == "none" for _, _, n in segments)]
    for s, e in background:
        assert all(e <= start + 1e-9 or s >= start + length - 1e-9 for start, length, _ in segments)
        assert least - 1e-9 <= e - s <= 10


def test_segments_are_widened_to_a_window_and_no_further():
    assert cut_up([(5, 1, "a")], 2.0, False) == [("a", 4.5, 6.5)]
    assert cut_up([(0, 1, "a")], 2.0, False) == [("a", 0, 2)]
    assert cut_up([(19.5, 1, "a")], 2.0, False) == [("a", 18, 20)]
    assert cut_up([(5, 1, "a"), (6.25, 3, "b")], 2.0, False) == [("a", 4.25, 6.25), ("b", 6.25, 9.25)]
    assert cut_up([(5, 0.25, "a"), (4, 1, "b"), (5.25, 3, "b")], 4.0, False) == [("b", 1, 5), ("b", 5.25, 9.25)]


def test_what_two_actions_share_is_cut_into_neither():
    assert cut_up([(2, 6, "a"), (6, 4, "b")], 1.0, False) == [("a", 2, 6), ("b", 8, 10)]
    assert cut_up([(2, 6, "a"), (4, 1, "b")], 1.0, False) == [("a", 2, 4), ("a", 5, 8)]
    assert cut_up([(2, 6, "a"), (4, 1, "none")], 1.0, False) == [("a", 2, 8)]


def test_segments_without_a_clip_and_short_clips_are_named(tmp_path, capsys):
    video = write_video(tmp_path / "one.avi", moving(frames=80))
    truth = tmp_path / "truth.csv"
    truth.write_text("video,start,end,label\none,1,4,a\none,2,3,b\none,6,7,a\none,5,6,b\none,7,9,b\n")
    given = ["--truth", str(truth), "-o", str(tmp_path / "set"), "--least", "1.5", "--no-background"]
    assert actionnet(["clips", str(video), *given]) == 0
    shown = capsys.readouterr()
    assert "one.avi: 1 segment without a clip, such as 'b' from 2 s on" in shown.err
    assert "one.avi: 1 clip shorter than 1.5 s" in shown.err
    assert "b: 2 clips" in shown.out


def test_background_is_cut_into_ten_seconds_at_most():
    assert cut_up([(13, 2, "a")], 2.0) == [("a", 13, 15), ("none", 0, 10), ("none", 10, 13), ("none", 15, 20)]


def frames_of(path):
    video, count = cv2.VideoCapture(str(path)), 0
    while video.read()[0]:
        count += 1
    return count, video.get(cv2.CAP_PROP_FPS)


def test_a_video_and_a_bag_become_a_dataset(tmp_path, capsys):
    video = write_video(tmp_path / "one.avi", moving(frames=80))
    items = [*series(values_of(1, 80), period=0.125), *series(values_of(2, 80), "/cam02/image_raw", period=0.125)]
    bag = write_bag(tmp_path / "two", items)
    truth = tmp_path / "truth.csv"
    truth.write_text(f"bag,camera,start,end,label\none.avi,*,2,4,Wave\ntwo,{TOPIC},5,8,Wave\ntwo,*,1,2,Sit/Down\n")
    (tmp_path / "map.yaml").write_text("Wave: wave\n")
    out = tmp_path / "set"
    given = ["--truth", str(truth), "--label-map", str(tmp_path / "map.yaml"), "-o", str(out), "--least", "1"]
    assert actionnet(["clips", str(video), str(bag), *given]) == 0
    found = sorted(str(path.relative_to(out)) for path in out.rglob("*") if path.is_file())
    assert [name for name in found if not name.startswith("none")] == [
        "Sit_Down/two/cam01_image_raw_1.00-2.00s.mp4",
        "Sit_Down/two/cam02_image_raw_1.00-2.00s.mp4",
        "wave/one/2.00-4.00s.mp4",
        "wave/two/cam01_image_raw_5.00-8.00s.mp4",
    ]
    assert frames_of(out / "wave/one/2.00-4.00s.mp4") == (17, 8.0)
    assert frames_of(out / "wave/two/cam01_image_raw_5.00-8.00s.mp4") == (25, 8.0)
    assert "wave: 2 clips" in capsys.readouterr().out
    dataset = load_dataset(out)
    assert {material.group for material in dataset.materials} == {"one", "two"}


def test_a_recording_whose_clock_jumps_is_refused(tmp_path, capsys):
    items = [*series(values_of(1, 20), period=0.125)]
    jumped = [
        (topic, kind, arrival + 3 * SECOND, message)
        for topic, kind, arrival, message in series(values_of(1, 20), period=0.125)
    ]
    for _, _, _, message in jumped:
        message.header.stamp.sec += 10**8
    bag = write_bag(tmp_path / "bag", [*items, *jumped])
    (tmp_path / "truth.csv").write_text("bag,start,end,label\nbag,0,1,a\n")
    assert actionnet(["clips", str(bag), "--truth", str(tmp_path / "truth.csv"), "-o", str(tmp_path / "set")]) == 1
    assert "lasts 5 s, but the stamps of /cam01/image_raw span 100000002 s" in capsys.readouterr().err


def test_a_recording_that_nothing_is_said_of_is_refused(tmp_path, capsys):
    video = write_video(tmp_path / "one.avi", moving())
    (tmp_path / "truth.csv").write_text("bag,start,end,label\ntwo.avi,0,1,a\n")
    assert actionnet(["clips", str(video), "--truth", str(tmp_path / "truth.csv"), "-o", str(tmp_path / "set")]) == 1
    assert "has no segments of one.avi; correct the name in it" in capsys.readouterr().err
    assert not (tmp_path / "set").exists()


def test_clips_are_of_their_camera_and_whole_where_it_lags(tmp_path):
    """The right camera's images arrive a second after their stamps; the left's next images come before them."""
    left = series(values_of(1, 80), period=0.125)
    right = series(values_of(2, 80), "/right/image_raw", period=0.125)
    lagging = [(topic, kind, arrival + SECOND, message) for topic, kind, arrival, message in right]
    bag = write_bag(tmp_path / "bag", sorted([*left, *lagging], key=lambda item: item[2]))
    segments = [Segment(2, 4, "a"), Segment(5, 7, "b", camera="/right/image_raw")]
    written = cut(bag, segments, tmp_path / "set", least=1.0, background=False)
    assert {str(path.relative_to(tmp_path / "set")): frames_of(path)[0] for path in written} == {
        "a/bag/cam01_image_raw_2.00-4.00s.mp4": 17,
        "a/bag/right_image_raw_2.00-4.00s.mp4": 17,
        "b/bag/right_image_raw_5.00-7.00s.mp4": 17,
    }


def test_recordings_of_one_name_are_kept_apart(tmp_path, capsys):
    days = [str(write_video(tmp_path / day / "cam.avi", moving(frames=40))) for day in ("day1", "day2")]
    (tmp_path / "truth.csv").write_text("bag,start,end,label\ncam.avi,1,3,a\n")
    given = ["--truth", str(tmp_path / "truth.csv"), "--no-background"]
    assert actionnet(["clips", *days, *given, "-o", str(tmp_path / "set")]) == 1
    said = " ".join(capsys.readouterr().err.split())
    assert f"{days[0]} and {days[1]} are both called cam" in said
    assert not (tmp_path / "set").exists()


def test_a_camera_that_changes_its_size_has_clips_of_the_first(tmp_path):
    clip = ClipFile(tmp_path / "a.mp4", 8.0, max_side=40)
    for number in range(20):
        size = (60, 81) if number < 5 else (50, 50)
        pixels = np.full((*size, 3), 100, np.uint8)
        clip.take(CameraImage.of_array(pixels, 1 + number * 125_000_000))
    clip.close()
    assert frames_of(tmp_path / "a.mp4") == (20, 8.0)
    video = cv2.VideoCapture(str(tmp_path / "a.mp4"))
    assert (video.get(cv2.CAP_PROP_FRAME_WIDTH), video.get(cv2.CAP_PROP_FRAME_HEIGHT)) == (40, 30)


def test_a_clock_that_jumps_does_not_fill_the_disk(tmp_path):
    clip = ClipFile(tmp_path / "a.mp4", 8.0)
    stamps = [0, 1, 2, 10**9, 10**9 + 1, 10**9 + 2, 5, 4.5, 6, 7]  # eighths of a second; 4.5 is overtaken
    for number in stamps:
        clip.take(CameraImage.of_array(np.full((32, 32, 3), 100, np.uint8), 1 + round(number * 125_000_000)))
    clip.close()
    assert frames_of(tmp_path / "a.mp4") == (9, 8.0)


def test_pictures_are_of_their_camera_and_moment(tmp_path):
    values = [(number, 200 - number) for number in range(0, 160, 2)]
    items = [
        *series([left for left, _ in values], period=0.125),
        *series([right for _, right in values], "/cam02/image_raw", period=0.125),
    ]
    bag = write_bag(tmp_path / "bag", items)
    for camera, side in ((TOPIC, 0), ("/cam02/image_raw", 1)):
        [found] = pictures([Place(bag, camera, (2 * SECOND, 3 * SECOND, 4 * SECOND))])
        assert [int(picture[0, 0, 0]) for picture in found] == [values[number][side] for number in (16, 24, 32)]
    assert pictures([Place(tmp_path / "nowhere", TOPIC, (0,))]) == [[]]


def test_pictures_of_a_recording_are_read_in_one_go_and_no_further_than_needed(tmp_path, monkeypatch):
    read, plain = [], VideoRecording.images

    def counted(self, *arguments):
        for recorded in plain(self, *arguments):
            read.append(recorded)
            yield recorded

    monkeypatch.setattr(VideoRecording, "images", counted)
    video = write_video(tmp_path / "a.avi", [np.full((240, 480, 3), 8 * n, np.uint8) for n in range(30)])
    moments = [0.0, 1.0, 1.9, 0.5]  # at eight images a second, the ninth image and the fifteenth are the later ones
    found = pictures([Place(video, "/video", (round(moment * SECOND),)) for moment in moments])
    assert [round(picture.mean() / 8) for [picture] in found] == [0, 8, 15, 4]
    assert [picture.shape for [picture] in found] == [(96, 192, 3)] * 4
    assert len(read) == 17


@pytest.mark.parametrize("stamps", [range(40), (0, 1, 2, 30, 31)])
def test_a_clip_is_full_when_it_has_its_length(tmp_path, stamps):
    """Late images are left out, and an image that stands for many repeats no further."""
    clip = ClipFile(tmp_path / "a.mp4", 8.0, longest=0.7)
    for stamp in stamps:
        clip.take(CameraImage.of_array(np.zeros((8, 8, 3), np.uint8), SECOND + stamp * SECOND // 16))
    clip.close()
    assert frames_of(tmp_path / "a.mp4") == (5, 8.0)  # 0.7 s at 8 per second
