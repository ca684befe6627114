from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from clips import moving

from har_ros.learning import duplicates
from har_ros.learning.duplicates import Pair, joined, near_duplicates
from har_ros.learning.embed import looks
from har_ros.learning.samples import Example, Samples

LONG = 40


def samples(*clips, groups=None):
    """Return samples of clips, T×H×W×3, of which every 32 frames are a window."""
    found = [
        (number, looks(clip[start : start + 32]))
        for number, clip in enumerate(clips)
        for start in range(0, len(clip) - 31, 16)
    ]
    groups = groups or [f"g{number}" for number in range(len(clips))]
    examples = [Example(f"c{i}", Path(f"c{i}"), "", i % 2, groups[i], 0, 1) for i in range(len(clips))]
    owner = np.array([number for number, _ in found])
    return Samples(
        ("a", "b"), tuple(examples), owner, np.zeros((len(owner), 1, 1)), np.stack([look for _, look in found])
    )


def pairs(*clips):
    return [(pair.one, pair.other, pair.mirrored) for pair in near_duplicates(samples(*clips))]


def encoded(clip, quality=30, size=None):
    """Return the clip as it comes back from JPEG, scaled."""
    pictures = [cv2.resize(picture, size) if size else picture for picture in clip]
    back = [
        cv2.imdecode(cv2.imencode(".jpg", p, [cv2.IMWRITE_JPEG_QUALITY, quality])[1], cv2.IMREAD_COLOR)
        for p in pictures
    ]
    return np.stack(back)


@pytest.mark.parametrize("seed", range(5))
def test_a_copy_is_found_however_it_was_encoded_mirrored_or_cut(seed):
    clip = moving(frames=64, seed=seed, size=96)
    assert pairs(clip, encoded(clip, size=(60, 60))) == [(0, 1, False)]
    assert pairs(clip, encoded(clip[:, :, ::-1])) == [(0, 1, True)]
    assert pairs(clip, encoded(clip[24:])) == [(0, 1, False)]
    assert pairs(clip, encoded(clip[25:])) == [(0, 1, False)]


def test_a_copy_is_found_that_was_cropped_a_little():
    clip = in_a_room(3, (0, 0, 0))
    assert pairs(clip, clip[:, 3:-3, 3:-3]) == [(0, 1, False)]
    assert pairs(clip, encoded(clip[:, 3:-3, 3:-3][:, :, ::-1])) == [(0, 1, True)]


@pytest.mark.parametrize("lost", [3, 6], ids=["3 %", "6 %"])
@pytest.mark.parametrize("seed", range(3))
def test_a_copy_is_found_without_its_borders(seed, lost):
    """Of 100 pixels; the whole clip may come first or last."""
    clip = np.stack([cv2.resize(picture, (100, 100)) for picture in moving(frames=64, seed=seed, size=96)])
    inner = clip[:, lost:-lost, lost:-lost]
    others = [moving(frames=64, seed=seed + number, size=96) for number in (10, 11, 12)]
    assert pairs(clip, encoded(inner, size=(60, 60)), *others) == [(0, 1, False)]
    assert pairs(encoded(inner[:, :, ::-1]), clip, *others) == [(0, 1, True)]


def test_other_moments_of_the_same_scene_are_none():
    scene = moving(frames=1, seed=1, size=96, still=True)[0]
    rng = np.random.default_rng(0)

    def acted(seed):
        at, frames = np.random.default_rng(seed).uniform(20, 76, 2), []
        for _ in range(64):
            picture = np.clip(scene + rng.normal(0, 2, scene.shape), 0, 255).astype(np.uint8)
            at = at + np.random.default_rng(seed + len(frames)).uniform(-6, 6, 2)
            cv2.circle(picture, tuple(int(x) % 96 for x in at), 9, (250, 250, 250), -1)
            frames.append(picture)
        return np.stack(frames)

    assert pairs(*(acted(seed) for seed in (100, 200, 300, 400))) == []


def in_a_room(seed, colour, frames=64):
    """Return a clip of somebody in clothes of a colour who raises an arm in the same room, when the seed says."""
    rng = np.random.default_rng(5)
    room = cv2.resize(rng.integers(60, 220, (6, 6, 3), np.uint8), (96, 96), interpolation=cv2.INTER_CUBIC)
    times = np.sort(np.random.default_rng(seed).uniform(0, frames, 2))
    found = []
    for t in range(frames):
        height = 10 + 45 * np.clip((t - times[0]) / max(times[1] - times[0], 8), 0, 1)
        picture = room.copy()
        cv2.rectangle(picture, (30, 40), (66, 95), colour, -1)
        cv2.rectangle(picture, (40, int(60 - height)), (56, 60), colour, -1)
        found.append(picture)
    return np.stack(found)


def test_others_who_do_the_same_in_the_same_place_are_none():
    people = [in_a_room(3, colour) for colour in ((0, 0, 0), (60, 60, 60), (110, 120, 130))]
    assert pairs(*people) == []
    assert pairs(*people, encoded(people[1])) == [(1, 3, False)]
    assert pairs(*people, encoded(people[2][:, :, ::-1])) == [(2, 3, True)]


def test_a_change_of_exposure_is_no_moment():
    room = in_a_room(1, (20, 20, 20), frames=1)[0].astype(float)
    one, other = ([np.clip(room * (0.7 + 0.3 * np.sin(t / k)), 0, 255) for t in range(64)] for k in (7, 9))
    assert pairs(np.stack(one).astype(np.uint8), np.stack(other).astype(np.uint8)) == []


def test_clips_that_overlap_by_a_second_are_found_among_others_of_the_same_place():
    whole = in_a_room(4, (90, 60, 200), frames=100)
    others = [in_a_room(seed, (90, 60, 200), frames=64) for seed in (11, 12)]
    assert (0, 1, False) in pairs(whole[:64], encoded(whole[36:]), *others)


def test_scenes_in_which_nothing_moves_are_none():
    assert pairs(*(moving(frames=64, seed=1, still=True) for _ in range(3))) == []
    assert pairs(*(np.zeros((64, 48, 48, 3), np.uint8) for _ in range(3))) == []


def test_different_clips_are_none():
    assert pairs(*(moving(frames=64, seed=seed, size=96) for seed in range(20))) == []


def test_groups_of_duplicates_become_one():
    a, b, c = (moving(frames=64, seed=seed, size=96) for seed in range(3))
    given = samples(a, b, encoded(a), encoded(b), c, encoded(a, 60), groups=["1", "2", "3", "4", "5", "2"])
    assert joined(given, near_duplicates(given)).groups.tolist() == ["1", "1", "1", "1", "5", "1"]


def test_a_group_that_was_joined_is_joined_on():
    clip = moving(frames=64, seed=0, size=96)
    given = samples(clip, encoded(clip), encoded(clip, 60), groups=["3", "4", "1"])
    assert joined(given, near_duplicates(given)).groups.tolist() == ["1", "1", "1"]


def test_windows_of_one_recording_are_not_its_duplicates():
    given = samples(moving(frames=64, seed=1), moving(frames=64, seed=1))
    examples = tuple(Example(one.name, Path("same"), "", one.label, one.group, 0, 1) for one in given.examples)
    assert near_duplicates(Samples(given.labels, examples, given.example, given.embeddings, given.looks)) == []


@pytest.fixture
def compared(monkeypatch):
    """Return the numbers of pairs of windows that are compared at a time, as they are."""
    counts, same = [], duplicates._same

    def counted(one, first, other, second):
        counts.append(len(first))
        return same(one, first, other, second)

    monkeypatch.setattr(duplicates, "_same", counted)
    return counts


def test_many_copies_are_joined_and_not_compared_with_each_other(compared):
    """Of 40 copies, 39 pairs join them, of 780: three windows in each would be 7020 pairs of windows."""
    clip = moving(frames=64, seed=0, size=96)
    given = samples(*(encoded(clip, 30 + number) for number in range(40)))
    assert near_duplicates(given) == [Pair(0, number, False) for number in range(1, 40)]
    assert sum(compared) < 40 * 3 * 3 + duplicates.TOGETHER


def test_windows_that_do_not_look_alike_are_not_compared(compared):
    """They change alike: the same shape moves the same way, in rooms of their own."""
    rng = np.random.default_rng(0)
    rooms = [cv2.resize(rng.integers(60, 220, (6, 6, 3), np.uint8), (96, 96)) for _ in range(30)]
    given = samples(*(np.clip(in_a_room(3, (0, 0, 0), 32) // 4 + room // 2, 0, 255) for room in rooms))
    assert near_duplicates(given) == []
    assert sum(compared) < 30


@pytest.mark.parametrize("seed", range(3))
def test_no_pair_that_is_the_same_is_left_out_for_its_looks(seed):
    """Every window of copies, of cropped ones and of others is compared with every other."""
    clips = [in_a_room(seed, colour, 48) for colour in ((0, 0, 0), (60, 60, 60), (110, 120, 130))]
    clips += [moving(frames=48, seed=seed + number, size=96) for number in range(3)]
    clips += [encoded(clip, 20) for clip in clips] + [clip[:, 3:-3, 3:-3][:, :, ::-1] for clip in clips]
    seen = duplicates._seen(samples(*clips).looks)
    one, other = np.triu_indices(len(seen.looks), 1)
    for against in (seen, seen.mirrored()):
        same = duplicates._same(seen, one, against, other)
        assert same.any()
        assert duplicates._may_be_same(seen, one, against, other)[same].all()


def test_groups_do_not_depend_on_the_order_of_clips():
    a, b = (moving(frames=100, seed=seed, size=96) for seed in (0, 1))
    clips = [a[:48], encoded(a[24:72]), a[48:96][:, :, ::-1], encoded(a[60:]), b[:48], encoded(b[24:])]
    rng = np.random.default_rng(0)
    for order in (np.arange(6), *(rng.permutation(6) for _ in range(4))):
        given = samples(*(clips[number] for number in order))
        groups = joined(given, near_duplicates(given)).groups
        expected = ["a" if number < 4 else "b" for number in order]
        assert len(set(groups)) == 2 == len(set(zip(groups, expected, strict=True)))


def test_each_clip_of_a_side_is_told_that_is_a_copy_of_one_of_the_other():
    """Two copies of a clip on each side: those of one side are not compared, and both of the second are named."""
    a, b = (moving(frames=64, seed=seed, size=96) for seed in (0, 1))
    given = samples(a, encoded(a), b, encoded(a, 60), b[:, :, ::-1], encoded(a, 80))
    pairs = near_duplicates(given, np.array([0, 0, 0, 1, 1, 1]))
    assert all(pair.one < 3 <= pair.other for pair in pairs)
    assert {pair.other for pair in pairs} == {3, 4, 5}


def test_windows_of_one_image_are_no_duplicates():
    found = samples(*[moving(frames=32, seed=1)] * 2)
    assert near_duplicates(replace(found, looks=found.looks[:, :1])) == []
