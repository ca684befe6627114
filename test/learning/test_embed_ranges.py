"""Long recordings are looked at in ranges by workers that are elsewhere, to the same bytes."""

import pytest
from apart import Apart
from bags import image, series, values_of, write_bag
from clips import moving, write_video

from har_ros.backends.backend import BackendSettings
from har_ros.files.cache import cache_folder
from har_ros.learning import embed_ranges, embedders
from har_ros.learning.embedders import Settings, look_elsewhere, open_embedder
from har_ros.recordings import glance


@pytest.fixture(autouse=True)
def short_ranges(monkeypatch):
    monkeypatch.setattr(glance, "RANGE", 40)


@pytest.fixture
def embedder(teachable_card):
    with open_embedder(Settings(str(teachable_card)), BackendSettings("openvino", "f32")) as found:
        yield found


@pytest.fixture
def the_same(embedder, tmp_path, monkeypatch):
    """Look twice at recordings, from a cache of its own each time; returns what others have done."""

    def run(*paths):
        kept, workers = [], Apart()
        for name in ("here", "apart"):
            monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / name))
            if name == "apart":
                assert look_elsewhere(embedder, paths, workers, lambda _: None) == dict.fromkeys(paths)
                assert not list(cache_folder().rglob("*.range*"))
            kept.append([(cache_folder() / embedder.name_of(path)) for path in paths])
            if name == "here":
                list(map(embedder.keep, paths))
        assert [path.read_bytes() for path in kept[0]] == [path.read_bytes() for path in kept[1]]
        return workers.done

    return run


def items(broken=()):
    one = series(values_of(1, 100), period=0.125)
    for number in broken:
        message = image(7, number * 0.125)
        message.data = message.data[:10]
        one[number] = (*one[number][:3], message)
    return [*one, *series(values_of(2, 50), "/cam02/image_raw", period=0.25, late=0.3, frame_id="cam02")]


def test_long_recordings_are_looked_at_in_ranges(the_same, tmp_path):
    long, short = (write_video(tmp_path / f"{n}.mp4", moving(frames=n)) for n in (130, 30))
    bag = write_bag(tmp_path / "bag", [*items(), *series(values_of(1, 60), period=0.125)])
    done = the_same(long, short, bag)
    assert done == ["tuple"] * 3 + ["Range"] * 5


def test_a_phones_video_is_looked_at_in_ranges(the_same, shared_data):
    assert the_same(shared_data / "falls" / "s2_fall_13.mp4") == ["tuple", "Range", "Range", "Range"]


@pytest.mark.parametrize("broken", [5, 90])
def test_a_recording_with_a_broken_image_is_looked_at_as_a_whole(the_same, tmp_path, broken):
    bag = write_bag(
        tmp_path / "bag", [*items(broken=[broken]), *series(values_of(3, 60), "/cam03/image_raw", period=0.2)]
    )
    assert the_same(bag)[-1] == "tuple"


def test_ranges_that_do_not_meet_are_looked_at_as_a_whole(the_same, tmp_path, monkeypatch):
    seams = iter(range(100))
    monkeypatch.setattr(embed_ranges, "seam", lambda streams: str(next(seams)))
    done = the_same(write_video(tmp_path / "a.mp4", moving(frames=130)))
    assert done == ["tuple", "Range", "Range", "Range", "tuple"]


def test_an_interrupted_look_goes_on_with_the_next_range(embedder, the_same, tmp_path, monkeypatch):
    video = write_video(tmp_path / "a.mp4", moving(frames=130))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "apart"))
    with pytest.raises(KeyboardInterrupt):
        look_elsewhere(embedder, [video], Apart(2), lambda _: None)
    assert the_same(video) == ["tuple", "Range", "Range"]


@pytest.mark.parametrize("kept", [0, 400])
def test_a_recording_with_a_damaged_file_of_a_range_is_looked_at_as_a_whole(
    embedder, the_same, tmp_path, monkeypatch, kept
):
    video = write_video(tmp_path / "a.mp4", moving(frames=130))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "apart"))
    with pytest.raises(KeyboardInterrupt):
        look_elsewhere(embedder, [video], Apart(2), lambda _: None)
    [file] = cache_folder().rglob("*.range")
    file.write_bytes(file.read_bytes()[:kept])
    assert the_same(video) == ["tuple", "Range", "Range", "tuple"]


def test_ranges_that_another_process_has_joined_are_looked_at_as_a_whole(the_same, tmp_path, monkeypatch):
    joined = embedders.joined

    def too_late(files):
        files[0].unlink()
        return joined(files)

    monkeypatch.setattr(embedders, "joined", too_late)
    done = the_same(write_video(tmp_path / "a.mp4", moving(frames=130)))
    assert done == ["tuple", "Range", "Range", "Range", "tuple"]


def test_a_recording_that_changed_is_no_range(embedder, tmp_path):
    video = write_video(tmp_path / "a.mp4", moving(frames=130))
    part = embedder.ranges(video)[1]
    write_video(video, moving(frames=120))
    assert embedder.look_in(part) is None
