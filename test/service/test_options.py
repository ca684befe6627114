"""The networks that clients may name."""

import os
import shutil

from har_ros.service import options
from har_ros.service.options import Models


def test_a_card_is_read_once_and_again_when_it_was_written_again(models, tmp_path, monkeypatch):
    find_model, read = options.find_model, []
    monkeypatch.setattr(options, "find_model", lambda place: read.append(place) or find_model(place))
    shutil.copytree(models / "tiny", tmp_path / "tiny")
    known, card = Models(tmp_path), tmp_path / "tiny" / "card.yaml"
    assert known.cards()["tiny"] == known.cards()["tiny"]
    assert read.count(str(tmp_path / "tiny")) == 1
    card.write_text(card.read_text() + "description: another\n")
    os.utime(card, ns=(1, 1))
    assert known.cards()["tiny"].description == "another"
    card.write_text("damaged")
    assert "tiny" not in known.cards()
    shutil.rmtree(card.parent)
    assert "tiny" not in known.cards()
    assert read.count("i3d-kinetics-400") <= 1


def test_clients_give_no_text_of_their_own_but_names_of_networks():
    """So that no option leads to a file of the server, or to another server."""
    texts = {row.name for row in options.ALLOWED if isinstance(row.default, str) and not row.choices}
    assert texts == {"model", "persons_model", "pose_model"}
