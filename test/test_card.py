from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from har_ros.card import load_card
from har_ros.errors import ConfigurationError
from har_ros.models.locate import CARDS, card_names, find_card


def content(card):
    mapping = yaml.safe_load(card.read_text())
    mapping["labels"] = ["one", "two"]
    return mapping


def written(folder, mapping):
    path = Path(folder) / "card.yaml"
    path.write_text(yaml.safe_dump(mapping))
    return path


def changed(mapping, field, value):
    """Set a field by its dotted path; None removes it."""
    *parents, name = field.split(".")
    inner = mapping
    for parent in parents:
        inner = inner[parent]
    inner[name] = value
    if value is None:
        del inner[name]
    return mapping


def test_shipped_cards_load():
    assert card_names() == ["i3d-kinetics-400"]
    card = find_card("i3d-kinetics-400")
    assert len(card.labels) == len(set(card.labels)) == 400
    assert card.labels[227] == "playing cricket"


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("colour", "rgb", "field 'colour' is unknown; use name, description"),
        ("clip.colour", "rgb", "clip: field 'colour' is unknown"),
        ("licence", None, "field 'licence' is missing; add it"),
        ("clip.frames", "many", "clip.frames|frames is 'many'; give a value of type int"),
        ("clip.frames", True, "frames is True; give a value of type int"),
        ("clip.frames", 0, "clip.frames is 0; give a number from 1 on"),
        ("clip.skip_frames", -1, "clip.skip_frames is -1"),
        ("clip.resize.interpolation", "lanczos", "interpolation is 'lanczos'; use one of nearest, linear"),
        ("clip.resize.shorter_side", 4, "shorter_side is 4; give at least 8"),
        ("clip", [1], "clip holds \\[1\\]; give a mapping"),
        ("labels", [], "labels has no names"),
        ("labels", 3, "labels is 3; give a list of strings or a file of them"),
        ("labels", "absent.txt", "cannot read .*absent.txt"),
        ("network", None, "either network or weights"),
        ("name", "../x", "name is '../x'"),
    ],
)
def test_errors_name_the_field(brightness_card, tmp_path, field, value, reason):
    path = written(tmp_path, changed(content(brightness_card), field, value))
    with pytest.raises(ConfigurationError, match=reason) as caught:
        load_card(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", [b"", b"[", b"- a", b"!!python/object/apply:os.system [ls]", b"\xff\xfe\x00"])
def test_files_that_are_no_cards_are_refused(tmp_path, text):
    path = tmp_path / "card.yaml"
    path.write_bytes(text)
    with pytest.raises(ConfigurationError, match=r"card\.yaml"):
        load_card(path)


VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3)),
    max_leaves=5,
)
FIELDS = ["name", "labels", "clip", "clip.height", "clip.resize", "clip.resize.shorter_side", "weights", "network"]


@given(field=st.sampled_from(FIELDS), value=VALUES)
def test_any_value_in_any_field_loads_or_is_refused(brightness_card, tmp_path_factory, field, value):
    path = written(tmp_path_factory.mktemp("card"), changed(content(brightness_card), field, value))
    try:
        assert load_card(path).labels
    except ConfigurationError as error:
        assert path.parent.name in str(error)


@pytest.mark.parametrize(("frames", "expected"), [(0, 64), (16, 16), (32, 32), (128, 128)])
def test_window_length_follows_the_card(frames, expected):
    assert find_card("i3d-kinetics-400").window_frames(frames) == expected


@pytest.mark.parametrize("frames", [8, 17, -8])
def test_window_lengths_that_the_network_cannot_take_are_refused(frames):
    with pytest.raises(ConfigurationError, match=f"cannot take {frames} frames; set frames to a multiple of 8 from 16"):
        find_card("i3d-kinetics-400").window_frames(frames)


@pytest.mark.parametrize("model", ["resnet", "", "/nowhere/card.yaml", str(CARDS)])
def test_unknown_models_are_refused_with_what_there_is(model):
    with pytest.raises(ConfigurationError, match="is unknown; use one of i3d-kinetics-400, or the path"):
        find_card(model)
