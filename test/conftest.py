import importlib.util
import os
from pathlib import Path

import pytest
from bags import SECOND, T0, action, series, values_of, write_bag
from clips import COLOURS, moving, teachable, write_dataset, write_video
from hypothesis import settings
from needs import NEEDS
from small_networks import brightness

import har_ros.backends.openvino  # noqa: F401  # before a test imports OpenVINO itself, with its telemetry
from har_ros.commands.main import main as actionnet
from har_ros.errors import ModelError
from har_ros.models.fetch import fetch
from har_ros.models.locate import find_pose_model
from har_ros.recordings.bag import CLASSIFICATION

pytest.register_assert_rewrite("goals", "served")  # their assertions say what was there

SHARED_DATA = Path(os.environ.get("HAR_ROS_DATA", Path(__file__).parents[2] / "shared" / "data"))

settings.register_profile("default", deadline=None)  # CI's machines are sometimes slow
settings.register_profile("nightly", deadline=None, max_examples=10_000)  # pytest --hypothesis-profile nightly
settings.load_profile("default")


@pytest.fixture(scope="session")
def shared_data():
    """The project's inputs that are not in the repository."""
    if not SHARED_DATA.is_dir():
        pytest.skip(f"{SHARED_DATA} is not there; set HAR_ROS_DATA to the folder with cricket.gif")
    return SHARED_DATA


@pytest.fixture(scope="session")
def demo_videos():
    """The folder of the demo's four synchronised videos, cam01.mp4 to cam04.mp4."""
    spec = importlib.util.find_spec("Pose2Sim")
    if spec is None:
        pytest.skip("the videos are in the PyPI package pose2sim; run: pip install --no-deps pose2sim==0.9.8")
    return Path(spec.submodule_search_locations[0], "Demo_SinglePerson", "videos")


@pytest.fixture(scope="session")
def movenet():
    """The name of the pose network, which is downloaded the first time."""
    model = find_pose_model("movenet-multipose")
    try:
        fetch(model, lambda name, have, total: None)
    except ModelError as error:
        pytest.skip(f"the pose network cannot be had ({error}); run: actionnet models fetch movenet-multipose")
    return model.card.name


@pytest.fixture(scope="session")
def brightness_card(tmp_path_factory):
    """The card of a network whose class k scores the brightness of frame k."""
    return brightness(tmp_path_factory.mktemp("brightness"))


@pytest.fixture(scope="session")
def teachable_card(tmp_path_factory):
    """The card of a small network that can be taught."""
    return teachable(tmp_path_factory.mktemp("teachable"))


@pytest.fixture
def own_cache(tmp_path, monkeypatch):
    """An empty cache folder."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "har_ros"


@pytest.fixture(scope="module")
def module_cache(tmp_path_factory):
    """A cache folder for all tests of a module."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="module")
def bags(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bags")
    two = [*series(values_of(1)), *series(values_of(2), "/cam02/image_raw", late=0.3, frame_id="cam02")]
    spoken = [
        ("/truth", CLASSIFICATION, T0 + s * SECOND, action(label, s))
        for s, label in ((0, "first"), (20, ""), (30, "third"), (50, ""))
    ]
    return [
        write_bag(folder / "one", [*two, *spoken]),
        write_bag(folder / "two", series(values_of(3)), "sqlite3"),
        write_bag(folder / "three", series(values_of(4), period=0.5)),
    ]


@pytest.fixture
def truth(tmp_path):
    path = tmp_path / "truth.csv"
    path.write_text(
        "bag,camera,start,end,label\n*,*,0,20,first\ntwo,,30,40,second one\none,/cam02/image_raw,30,45,third\n"
        "three,,20,28,nothing\n"
    )
    path.with_name("map.yaml").write_text("second one: [second, fourth]\nnothing: none\n")
    return ["--truth", str(path), "--label-map", str(path.with_name("map.yaml"))]


@pytest.fixture
def evaluate(bags, brightness_card, tmp_path, truth):
    def run(*options, output="results", recordings=bags, status=0):
        folder = tmp_path / output
        given = ["-p", f"model:={brightness_card}", "-p", "backend:=openvino", "-p", "max_gap:=0.0"]
        assert actionnet(["evaluate", *map(str, recordings), "-o", str(folder), *given, *truth, *options]) == status
        return folder

    return run


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    return write_dataset(tmp_path_factory.mktemp("dataset") / "set")


@pytest.fixture
def clips(tmp_path):
    """Two clips of each of two classes, by label."""
    return {
        label: [
            write_video(tmp_path / label / f"{label}{number}.avi", moving(COLOURS[label], 16, 10 * place + number))
            for number in range(2)
        ]
        for place, label in enumerate(("red", "blue"))
    }


@pytest.fixture
def teach(teachable_card, dataset, tmp_path, module_cache):
    def run(*options, status=0, dataset=dataset, output="taught"):
        given = ["--model", str(teachable_card), "--backend", "openvino", "--precision", "f32"]
        assert actionnet(["teach", str(dataset), "-o", str(tmp_path / output), *given, *map(str, options)]) == status
        return tmp_path / output

    return run


def pytest_runtest_setup(item):
    """Skip what needs something that this machine does not have, with the reason."""
    for mark, missing in NEEDS.items():
        if item.get_closest_marker(mark) and (reason := missing()):
            pytest.skip(reason)
