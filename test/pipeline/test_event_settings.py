import pytest

from har_ros.errors import ConfigurationError
from har_ros.pipeline.configuration import event_settings, parameter_values
from har_ros.pipeline.event_settings import load_limits


def written(folder, text):
    path = folder / "limits.yaml"
    path.write_text(text)
    return path


def test_what_a_file_leaves_out_is_as_for_all_classes(tmp_path):
    path = written(tmp_path, "falling: {start: 0.3, end: 0.2}\nwaving: {min_duration: 2, max_gap: 0}\nrunning: {}\n")
    settings = event_settings(parameter_values({"event_limits": str(path), "event_start": 0.6}))
    assert settings.of("falling") == (0.3, 0.2, 1.0, 1.0)
    assert settings.of("waving") == (0.6, 0.3, 2.0, 0.0)
    assert settings.of("running") == settings.of("another") == (0.6, 0.3, 1.0, 1.0)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "limits.yaml is empty; give a mapping from classes to their limits"),
        ("[falling]", "give a mapping"),
        ("1: {start: 0.3}", "limits.yaml: 1 is no text; put the name of the class in quotes"),
        ("falling: 0.3", "limits.yaml: falling holds 0.3; give a mapping with the fields of a ClassLimits"),
        ("falling: {start: 1.1}", "limits.yaml: falling: start is 1.1; give a number from 0.01 to 1"),
        ("falling: {start: .nan}", "start is nan; give a number from 0.01 to 1"),
        ("falling: {start: high}", "start is 'high'; give a value of type float"),
        ("falling: {max_gap: -1}", "max_gap is -1.0; give a number from 0 to 3600"),
        ("falling: {begin: 0.3}", "field 'begin' is unknown; use start, end, min_duration, max_gap"),
        ("falling: {end: 0.6}", "event_limits: the end of 'falling' is 0.6, above its start (0.5); give it an end"),
        ("falling: {start: 0.2}", "the end of 'falling' is 0.3, that of event_end, above its start (0.2)"),
        ("faling: {}", "event_limits: 'faling' is no class of the network; name one that is (similar: 'falling'"),
        ("{", "is not YAML"),
    ],
)
def test_files_that_cannot_be_used_are_refused_in_a_sentence(tmp_path, text, said):
    path = written(tmp_path, text)
    with pytest.raises(ConfigurationError) as refused:
        event_settings(parameter_values({"event_limits": str(path)}), ("falling", "waving"))
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(ConfigurationError, match="cannot read"):
        load_limits(tmp_path / "nowhere.yaml")
