import re
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from har_ros.errors import ConfigurationError
from har_ros.files import schema
from har_ros.files.schema import shown
from har_ros.frames.spec import WindowSpec
from har_ros.models import card_file
from har_ros.models.card_file import card_text, load_card
from har_ros.models.labels import read_labels
from har_ros.models.locate import find_model, find_pose_model
from har_ros.settings import CARDS, card_names


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
    """Classes as models.md and the networks' publishers have them; those of the resnets come with their files."""
    classes = {}
    for name in card_names():
        model = find_model(name)
        come_with_files = model.card.labels in [file.name for file in model.card.files]
        classes[name] = None if come_with_files else len(model.labels())
    assert classes == {
        "action-recognition-0001": 400,
        "driver-action-recognition-adas-0002": 9,
        "everyday-14": 15,
        "i3d-kinetics-400": 400,
        "joint-motion": 2,
        "resnet-18": None,
        "resnet-34": None,
    }
    assert find_model("i3d-kinetics-400").labels()[227] == "playing cricket"


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("colour", "rgb", "field 'colour' is unknown; use name, kind"),
        ("input.color", "rgb", "input: field 'color' is unknown; use layout, height"),
        ("licence", None, "field 'licence' is missing; add it"),
        ("input.range", None, "input: field 'range' is missing; add it"),
        ("window.frames", "many", "window.frames is 'many'; give a value of type int"),
        ("window.frames", True, "frames is True; give a value of type int"),
        ("window.frames", 0, "window.frames is 0; give a number from 1"),
        ("window.frames", 10**9, "window.frames is 1000000000; give a number from 1 to 4096"),
        ("window.skip_frames", -1, "window.skip_frames is -1"),
        ("window.sample_rate", 0, "window.sample_rate is 0.0; give frames per second"),
        ("input.resize.interpolation", "lanczos", "interpolation is 'lanczos'; use one of nearest, linear"),
        ("input.resize.shorter_side", 4, "shorter_side is 4; give at least 8"),
        ("input.layout", "NCHW", "input.layout is NCHW; give one with T for the kind clip"),
        ("input.colour", "RGB", "colour is 'RGB'; use one of rgb, bgr"),
        ("input.range", [1, 0], r"input.range is \[1.0, 0.0\]; give the lower bound first"),
        ("input.range", [0, 1, 2], "range is .*; give a list of 2"),
        ("input.mean", [0, 0, "x"], r"mean\[2\] is 'x'; give a value of type float"),
        ("input.std", [1, 0, 1], r"input.std is .*; give numbers above 0"),
        ("input.std", [1, 1e-300, 1], "give numbers above 0, 1e-06 at least"),
        ("input.std", [1, 1, float("inf")], "std is .*inf.*; give numbers from -1e\\+06 to 1e\\+06"),
        ("input.mean", [float("nan")] * 3, "mean is .*nan.*; give numbers from"),
        ("input.range", [0, 1e308], "range is .*; give numbers from"),
        ("input", [1], "input holds \\[1\\]; give a mapping"),
        ("outputs", "scores", "outputs is 'scores'; use one of logits, probabilities"),
        ("labels", [], "labels has no names"),
        ("labels", 3, "labels is 3; give a value of type str or list"),
        ("labels", [1], r"labels\[0\] is 1; give a value of type str"),
        ("network", None, "network is needed in a card of kind clip"),
        ("encoder", {"file": "x.onnx"}, "encoder is not for a card of kind clip"),
        ("kind", "encoder-decoder", "network is not for a card of kind encoder-decoder"),
        ("name", "../x", "name is '../x'"),
        ("name", "..", "name is '..'"),
        (
            "files",
            [{"name": "../a", "url": "https://x"}],
            r"files\[0\].name is '../a'; give a file name without folders",
        ),
        ("files", [{"name": "a", "url": "file:///etc/passwd"}], r"files\[0\].url is 'file:.*begins with https"),
        ("files", [{"name": "a", "url": "https://x/\x1b[2J"}], r"files\[0\].url is 'https://x/\\x1b.*in ASCII without"),
        ("files", [{"name": "a", "url": "https://x/ü"}], r"files\[0\].url is 'https://x/ü'; give one that begins with"),
        (
            "files",
            [{"name": "a\x1b[2J", "url": "https://x"}],
            r"files\[0\].name is 'a\\x1b.*without control characters",
        ),
        ("files", [{"name": "a", "url": "https://x", "checksum": "md5:0"}], r"files\[0\].checksum is 'md5:0'"),
        ("files", [{"name": "a"}], r"files\[0\]: field 'url' is missing"),
    ],
)
def test_errors_name_the_field(brightness_card, tmp_path, field, value, reason):
    path = written(tmp_path, changed(content(brightness_card), field, value))
    with pytest.raises(ConfigurationError, match=reason) as caught:
        load_card(path)
    assert "\n" not in str(caught.value)


def test_all_faults_are_named_at_once(brightness_card, tmp_path):
    """Those of types and those of values: what is wrong in one field does not hide what is wrong in another."""
    mapping = content(brightness_card)
    mapping |= {"name": "..", "colour": "rgb", "labels": [], "outputs": "scores", "encoder": {"file": "x.onnx"}}
    mapping["files"] = [{"name": "a", "url": "file:///a"}, {"name": "b"}]
    mapping["input"] |= {"std": [1, 0, 1], "height": 0}
    mapping["window"] |= {"frames": "many", "skip_frames": -1}
    path = written(tmp_path, mapping)
    with pytest.raises(ConfigurationError) as caught:
        load_card(path)
    faults = [
        "field 'colour' is unknown; use name, kind, description, licence, input, window, outputs, labels, network, "
        "encoder, decoder, files, continual",
        "input.height is 0; give a number from 1 to 4096",
        "input.std is [1.0, 0.0, 1.0]; give numbers above 0, 1e-06 at least",
        "window.frames is 'many'; give a value of type int",
        "window.skip_frames is -1; give a number from 0 on",
        "outputs is 'scores'; use one of logits, probabilities",
        "files[0].url is 'file:///a'; give one that begins with https://, in ASCII without spaces",
        "files[1]: field 'url' is missing; add it",
        "name is '..'; use letters, digits, '.', '_' and '-' only",
        "labels has no names; give one per class",
    ]
    assert str(caught.value) == f"{path}: {'; '.join(faults)}; and more"


@pytest.mark.parametrize("value", [[1], ["\x07"]])
def test_a_message_does_not_grow_with_the_number_of_faults(brightness_card, tmp_path, value):
    path = written(tmp_path, changed(content(brightness_card), "labels", value * 10_000))
    with pytest.raises(ConfigurationError, match=r"; and more$") as caught:
        load_card(path)
    assert str(caught.value).count(" label") <= schema.MOST_FAULTS
    assert len(str(caught.value)) < 2000


def test_no_more_faults_are_looked_for_than_a_message_names():
    found = iter(range(1000))
    checks = {WindowSpec: [("frames", lambda _: map(str, found))]}
    with pytest.raises(ConfigurationError, match=r"^x: 0; .*9; and more$"):
        schema.build(WindowSpec, {"frames": 4}, "x", checks)
    assert next(found) == schema.MOST_FAULTS + 1


def test_a_card_that_unfolds_to_billions_is_refused_at_once(tmp_path):
    """Each list holds the one before ten times."""
    lists = [f"l{i}: &l{i} [{', '.join([f'*l{i - 1}'] * 10)}]" for i in range(1, 12)]
    path = tmp_path / "card.yaml"
    path.write_text("\n".join(["l0: &l0 [x]", *lists, "name: *l11"]))
    with pytest.raises(ConfigurationError, match=r"card\.yaml: line 2 has the alias \*l0"):
        load_card(path)
    mapping = yaml.safe_load(path.read_text())
    assert len(shown(mapping["name"])) <= 60


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
FIELDS = [
    *("name", "kind", "labels", "network", "encoder", "files", "outputs", "window", "window.frames"),
    *("window.sample_rate", "input", "input.height", "input.resize", "input.resize.shorter_side", "input.range"),
]


@given(field=st.sampled_from(FIELDS), value=VALUES)
def test_any_value_in_any_field_loads_or_is_refused(brightness_card, tmp_path_factory, field, value):
    path = written(tmp_path_factory.mktemp("card"), changed(content(brightness_card), field, value))
    try:
        assert load_card(path).labels
    except ConfigurationError as error:
        assert path.parent.name in str(error)


@pytest.mark.parametrize(("frames", "expected"), [(0, 64), (16, 16), (32, 32), (128, 128)])
def test_window_length_follows_the_card(frames, expected):
    assert find_model("i3d-kinetics-400").card.window_frames(frames) == expected


@pytest.mark.parametrize("frames", [8, 17, -8])
def test_window_lengths_that_the_network_cannot_take_are_refused(frames):
    with pytest.raises(ConfigurationError, match=f"cannot take {frames} frames; set frames to a multiple of 8 from 16"):
        find_model("i3d-kinetics-400").card.window_frames(frames)


@pytest.mark.parametrize(
    ("model", "said"),
    [
        ("i3d-kinetic-400", r"is unknown; did you mean i3d-kinetics-400\?"),
        ("my-action", r"is unknown; did you mean my-actions\?"),
        ("notes", r"is a folder without a card\.yaml; give one that holds it"),
    ],
)
def test_what_was_meant_by_an_unknown_model(model, said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for folder in ("my-actions", "notes"):
        (tmp_path / folder).mkdir()
    (tmp_path / "my-actions" / "card.yaml").touch()
    with pytest.raises(ConfigurationError, match=f"^model '{model}' {said}$"):
        find_model(model)
    with pytest.raises(ConfigurationError, match="pose_model 'movenet-multipos' is unknown; did you mean movenet"):
        find_pose_model("movenet-multipos")


@pytest.mark.parametrize("model", ["nothing", ""])
def test_unknown_models_are_refused_with_what_there_is(model):
    with pytest.raises(
        ConfigurationError, match=r"is unknown; use one of action-recognition-0001, .*, or the path of a model card"
    ):
        find_model(model)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[" * 101 + "]" * 101, "card.yaml is nested more than 100 deep at line 1"),
        ("[" * 1_000_000, "card.yaml is nested more than 100 deep at line 1"),
        ("[" + "[],\n" * 1000 + "]", "card.yaml has over 1000 values at line 499"),
    ],
)
def test_yaml_that_takes_all_memory_is_refused(tmp_path, monkeypatch, text, said):
    monkeypatch.setattr(schema, "MOST_EVENTS", 1000)
    path = tmp_path / "card.yaml"
    path.write_text(text)
    with pytest.raises(ConfigurationError, match=re.escape(said)):
        load_card(path)


@pytest.mark.parametrize("model", ["/nowhere/card.yaml", "nowhere.onnx", "~/nowhere.xml", "nowhere.tflite", "./falls"])
def test_models_that_do_not_exist_are_called_so(model):
    with pytest.raises(ConfigurationError, match=f"model '{model}' does not exist; check the path"):
        find_model(model)


@pytest.mark.parametrize("character", ["\x1b[2J", "\x07", "\x9b1m", "\x00"])
def test_labels_that_a_terminal_would_obey_are_refused(tmp_path, character):
    (tmp_path / "labels.txt").write_text(f"run\nwa{character}lk\n")
    with pytest.raises(ConfigurationError, match=r"labels.txt: the label 'wa\\x.* has control characters.*; remove"):
        read_labels(tmp_path / "labels.txt")
    (tmp_path / "card.yaml").write_text(
        card_text(replace(load_card(CARDS / "i3d-kinetics-400.yaml"), labels=("run", f"wa{character}lk")))
    )
    with pytest.raises(ConfigurationError, match=r"card.yaml: the label 'wa\\x.* has control characters.*; remove"):
        load_card(tmp_path / "card.yaml")


def test_a_card_is_checked_once_while_it_says_the_same(tmp_path, monkeypatch):
    read = []
    monkeypatch.setattr(card_file, "load_yaml", lambda *given: read.append(given) or schema.load_yaml(*given))
    path = written(tmp_path, content(CARDS / "everyday-14.yaml"))
    first = load_card(path)
    assert load_card(path) is first
    assert len(read) == 1
    path.write_text(path.read_text().replace("one", "uno"))  # of the same size, and at the same time
    assert load_card(path).labels == ("uno", "two")


def test_labels_keep_quotes_markup_and_every_script(tmp_path):
    labels = ("it's", '"quoted"', "<b>bold</b>", "[red]", "{x}", "می‌دود", "走る", "=1+1")
    (tmp_path / "labels.txt").write_text("\n".join(labels), encoding="utf-8")
    assert read_labels(tmp_path / "labels.txt") == labels
