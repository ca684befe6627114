"""The networks that clients may name."""

import re
import shutil

import pytest
from clips import write_lacking

from har_ros.errors import ConfigurationError
from har_ros.models import card_file
from har_ros.models.locate import find_model
from har_ros.service import options
from har_ros.service.options import Models


def test_networks_are_looked_for_each_time(models, tmp_path):
    shutil.copytree(models / "tiny", tmp_path / "tiny")
    known, card = Models(tmp_path), tmp_path / "tiny" / "card.yaml"
    assert known.usable()["tiny"].labels == find_model(str(card)).labels()
    card.write_text(card.read_text() + "description: another\n")
    assert known.usable()["tiny"].card.description == "another"
    card.write_text("damaged")
    assert "tiny" not in known.usable()
    shutil.rmtree(card.parent)
    assert "tiny" not in known.usable()


def test_a_card_is_checked_once_also_where_a_hundred_networks_were_taught(models, tmp_path, monkeypatch):
    for number in range(100):
        shutil.copytree(models / "tiny", tmp_path / str(number))
    known, read = Models(tmp_path), []
    load_yaml = card_file.load_yaml
    monkeypatch.setattr(card_file, "load_yaml", lambda *given: read.append(given) or load_yaml(*given))
    assert "everyday-14" in known.usable()
    read.clear()
    assert "everyday-14" in known.usable()
    assert read == []


def test_clients_give_no_text_of_their_own_but_names_of_networks():
    """So that no option leads to a file of the server, or to another server."""
    texts = {row.name for row in options.ALLOWED if isinstance(row.default, str) and not row.choices}
    assert texts == {"model", "persons_model", "pose_model"}


def test_clients_cannot_leave_whole_images_out(models):
    with pytest.raises(ConfigurationError, match=r"^there is no model 'none' here; "):
        Models(models).check({"model": "none", "persons": True})


def test_instead_of_an_unknown_network_those_that_can_be_used_are_named(models, own_cache):
    known = Models(models)
    for name, others in (("model", "tiny"), ("persons_model", "everyday-14, .*, tiny")):
        with pytest.raises(ConfigurationError) as refused:
            known.check({name: "kinetics"})
        said = str(refused.value)
        start = rf"there is no {name} 'kinetics' here; this server offers (.*, )?{others}; its page /models says how"
        assert re.match(start, said)
        assert said.endswith("serve --models FOLDER adds your own")
        assert "resnet-18" not in said
        assert ("everyday-14" in said) == (name == "persons_model")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (
            {"persons": True},
            r"movenet-multipose\.json of movenet-multipose is not there; run: actionnet models fetch movenet-multipose",
        ),
        ({"model": "elsewhere"}, r"small\.onnx of elsewhere is not there; run: actionnet models fetch elsewhere"),
        ({"model": "everyday-14"}, r"everyday-14 takes people's skeletons; give it as persons_model with persons"),
    ],
)
def test_options_are_refused_for_which_a_network_is_missing(models, tmp_path, own_cache, options, said):
    given = tmp_path / "models"
    shutil.copytree(models / "tiny", given / "tiny")
    write_lacking(given / "elsewhere", models / "tiny" / "card.yaml")
    with pytest.raises(ConfigurationError, match=f"^{said}"):
        Models(given).check({"model": "tiny", **options})
    assert Models(given).check({"model": "tiny", "pose_model": "movenet-multipose"})


def test_options_that_would_fill_lists_of_jobs_are_refused(models):
    known = Models(models)
    assert known.check({"model": "tiny", "allowed_labels": ["class 0"]})
    with pytest.raises(ConfigurationError, match=r"the options have 5\d{4} characters; give 32000 at most"):
        known.check({"model": "tiny", "allowed_labels": 5000 * ["class 0"]})
