import pytest
from hypothesis import given
from hypothesis import strategies as st

from har_ros.errors import ConfigurationError
from har_ros.frames.sampling import StreamSettings, TimeGrid, sampler
from har_ros.frames.spec import WindowSpec

SECOND = 1_000_000_000
RATES = st.floats(1, 200)


def places(grid, stamps):
    grid.start(stamps[0])
    taken = []
    for stamp in stamps:
        taken.append(grid.due(stamp))
        grid.take(taken[-1])
    return taken


@given(rate=RATES, camera_rate=RATES, frames=st.integers(2, 300), origin=st.integers(0, 2**62), data=st.data())
def test_there_are_as_many_places_as_ticks_whatever_the_cameras_rate(rate, camera_rate, frames, origin, data):
    """Also where frames were lost and stamps jitter by up to half a camera's period."""
    indices = sorted(data.draw(st.sets(st.integers(1, 400), min_size=1, max_size=frames)) | {0})
    jitter = st.floats(-0.49, 0.49)
    times = [(i + (data.draw(jitter) if i else 0)) / camera_rate for i in indices]
    stamps = [origin + round(time * SECOND) for time in times]
    taken = places(TimeGrid(rate), stamps)
    for i in range(1, len(taken) + 1):
        assert abs(sum(taken[:i]) - 1 - times[i - 1] * rate) <= 0.75 + 1e-6


@given(drift=st.floats(-0.01, 0.01), jitters=st.lists(st.floats(-0.2, 0.2), min_size=100, max_size=200))
def test_a_camera_of_the_grids_rate_has_one_place_for_each_frame(drift, jitters):
    """In 100 frames a clock that is off by 1 % drifts by one: one frame is left out or repeated, and no more."""
    stamps = [round((i * (1 + drift) + jitter) * SECOND / 25) for i, jitter in enumerate(jitters[:100])]
    taken = places(TimeGrid(25), stamps)
    assert sum(count != 1 for count in taken) <= 1


@pytest.mark.parametrize("drift", [-0.01, 0.01])
def test_stamps_that_jitter_by_half_a_period_cost_no_more(drift):
    """The worst of it: every other stamp is early, every other late."""
    stamps = [round((i * (1 + drift) + 0.24 * (-1) ** i) * SECOND / 25) for i in range(100)]
    assert sum(count != 1 for count in places(TimeGrid(25), stamps)) <= 1


@pytest.mark.parametrize(
    ("spec", "settings", "extent"),
    [
        (WindowSpec(16, sample_rate=25), StreamSettings(), "0.60 s"),
        (WindowSpec(16, sample_rate=25, skip_frames=1), StreamSettings(skip_frames=0), "16 frames"),
        (WindowSpec(16, sample_rate=25), StreamSettings(sample_rate=10.0), "1.50 s"),
        (WindowSpec(16, skip_frames=1), StreamSettings(), "31 frames"),
        (WindowSpec(16, skip_frames=1), StreamSettings(sample_rate=10.0), "1.50 s"),
        (WindowSpec(16), StreamSettings(), "16 frames"),
    ],
)
def test_settings_come_before_the_card_and_time_before_count(spec, settings, extent):
    assert sampler(spec, settings).extent(16) == extent


def test_frames_cannot_be_sampled_in_both_ways():
    with pytest.raises(ConfigurationError, match=r"skip_frames is 0 and sample_rate 25, but .* set skip_frames to -1"):
        StreamSettings(skip_frames=0, sample_rate=25.0)
