import dataclasses
import logging
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_networks import one_person, write_card

from har_ros.backends.backend import BackendSettings
from har_ros.commands.shared.parameter_file import node_parameters
from har_ros.errors import ConfigurationError, HarError
from har_ros.frames.sampling import StreamSettings
from har_ros.persons.tracks import TrackSettings
from har_ros.pipeline.configuration import checked
from har_ros.pipeline.event_settings import EventSettings
from har_ros.pipeline.opening import open_person_recognizer, open_recognizer
from har_ros.pipeline.scores import ScoreSettings
from har_ros.settings import ACTIONNET

ROOT = Path(__file__).parents[1]
CONFIG = ROOT / "config" / "actionnet.yaml"
GENERATE = ROOT / "dev" / "generate.py"
DEFAULTS = {row.name: row.read(row.default) for row in ACTIONNET}
ROWS = {row.name: row for row in ACTIONNET}


def written(path, text):
    path.write_text(text)
    return str(path)


def test_the_table_needs_the_standard_library_only():
    """A launch file reads it in the system's Python, which has nothing of ours."""
    code = "import sys; sys.path.append(sys.argv[1]); import har_ros.settings"
    subprocess.run([sys.executable, "-I", "-S", "-c", code, Path(__file__).parents[1]], check=True)


def test_what_is_made_of_the_table_is_up_to_date():
    """config/actionnet.yaml and the page of parameters."""
    result = subprocess.run([sys.executable, GENERATE, "--check"], capture_output=True, text=True, check=False)
    assert (result.returncode, result.stdout) == (0, "")


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("backend", BackendSettings),
        ("stream", StreamSettings),
        ("scores", ScoreSettings),
        ("events", EventSettings),
        ("tracks", TrackSettings),
    ],
)
def test_the_table_fills_the_dataclasses(name, kind):
    rows = {row.name: row.read(row.default) for row in ACTIONNET if row.fills == name}
    defaults = dataclasses.asdict(kind())
    defaults.pop("classes", None)  # are in the file event_limits
    assert rows == {field: list(value) if isinstance(value, tuple) else value for field, value in defaults.items()}


def test_the_configuration_file_is_taken_as_it_is():
    assert node_parameters(str(CONFIG)) == DEFAULTS == node_parameters()


def test_what_is_given_comes_after_the_file(tmp_path):
    text = "/robot/actionnet:\n  ros__parameters: {threshold: 0.2, top_k: 3}\nother: {ros__parameters: {top_k: 9}}\n"
    values = node_parameters(
        written(tmp_path / "p.yaml", text), ["top_k:=7", "image_topics:=[/a, /b]", "continual:=true", "idle:=off"]
    )
    assert values == {
        **DEFAULTS,
        "threshold": 0.2,
        "top_k": 7,
        "image_topics": ["/a", "/b"],
        "continual": "true",
    }


def test_parameters_of_others_are_left_out_and_unknown_ones_told(tmp_path, caplog):
    text = "/**:\n  ros__parameters: {use_sim_time: true, qos_overrides: {/a: 1}, wheels: 4}\n"
    with caplog.at_level(logging.WARNING):
        assert node_parameters(written(tmp_path / "p.yaml", text)) == DEFAULTS
    assert [record.getMessage().partition(": ")[2] for record in caplog.records] == [
        "parameter 'wheels' is unknown and left out"
    ]


def test_a_misspelt_name_in_a_file_is_refused(tmp_path):
    path = written(tmp_path / "p.yaml", "/**:\n  ros__parameters: {treshold: 0.5}\n")
    with pytest.raises(ConfigurationError, match="parameter 'treshold' is unknown; did you mean threshold"):
        node_parameters(path)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("threshold", "write it as threshold:=VALUE"),
        ("model=my-actions", "'model=my-actions' is not understood; write it as model:=my-actions"),
        ("modle:=x", r"parameter 'modle' is unknown; did you mean model\?"),
        ("use_sim_time:=true", "parameter 'use_sim_time' is unknown; use one of image_topics"),
        ("threshold:=1.5", "parameter threshold is 1.5; give a number with a decimal point from 0.0 to 1.0"),
        ("threshold:=1", "parameter threshold is 1;"),
        ("top_k:=2.5", "parameter top_k is 2.5; give a whole number"),
        ("top_k:=true", "parameter top_k is True"),
        ("idle:=on", "parameter idle is 'on'; give one of off, auto"),
        ("pose_size:=300", "parameter pose_size is 300; give a multiple of 32 from 0 to 640"),
        ("backend:=magic", "parameter backend is 'magic'; give one of auto"),
        ("image_topics:=/a", "give a list of strings"),
        ("image_topics:=[1]", "give a list of strings"),
        ("model:={", "is not YAML"),
    ],
)
def test_wrong_parameters_are_refused(given, said):
    with pytest.raises(ConfigurationError, match=said):
        node_parameters(given=[given])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "give a ROS parameter file"),
        ("a: {ros__parameters: {}}", "says nothing to a node called actionnet"),
        ("actionnet: 7", "has no ros__parameters"),
        ("/**: {ros__parameters: {top_k: x}}", "parameter top_k is 'x'"),
        ("{", "is not YAML"),
    ],
)
def test_wrong_parameter_files_are_refused(tmp_path, text, said):
    with pytest.raises(ConfigurationError, match=said):
        node_parameters(written(tmp_path / "p.yaml", text))
    with pytest.raises(ConfigurationError, match="cannot read"):
        node_parameters(str(tmp_path / "nowhere.yaml"))


@given(
    st.sampled_from(sorted(ROWS)),
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.text() | st.integers()),
)
def test_arbitrary_values_are_used_or_refused(name, value):
    try:
        used = checked(ROWS[name], value)
    except ConfigurationError as error:
        assert name in str(error)
    else:
        assert type(used) is type(ROWS[name].default)


def test_a_wrong_network_for_people_is_not_taken_for_the_cameras():
    with pytest.raises(ConfigurationError, match="persons_model: model 'nobody' is unknown"):
        open_person_recognizer({**DEFAULTS, "persons_model": "nobody"})


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"pose_model": "nobody"}, "pose_model 'nobody' is unknown"),
        ({"persons_model": "nobody"}, "persons_model: model 'nobody' is unknown"),
        ({"pose_model": "{folder}/pose.yaml"}, "absent.onnx of person is not there; fix its card"),
    ],
)
def test_a_wrong_network_for_people_is_found_before_the_cameras_network_is_loaded(tmp_path, wrong, reason):
    """Whose file is not there, which would be found next."""
    pose_card = one_person(tmp_path)
    without_file = pose_card.with_name("pose.yaml")
    without_file.write_text(pose_card.read_text().replace("person.onnx", "absent.onnx"))
    values = {**DEFAULTS, "model": str(write_card(tmp_path)), "persons": True, "pose_model": str(pose_card)}
    given = {name: text.format(folder=tmp_path) for name, text in wrong.items()}
    with pytest.raises(HarError, match=reason):
        open_recognizer({**values, **given})
    with pytest.raises(HarError, match=r"small\.onnx of small is not there"):
        open_recognizer(values)
