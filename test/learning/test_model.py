"""The folder of a taught network: whole or not at all, whatever happens while it is written."""

import pytest

from har_ros.errors import ConfigurationError
from har_ros.files.results_folder import reserved
from har_ros.learning.model import NETWORK, check_output, write_model


def content(folder):
    return (folder / NETWORK).read_text()


def writes(text):
    return lambda place: (place / NETWORK).write_text(text)


@pytest.fixture
def folder(tmp_path):
    write_model(tmp_path / "taught", False, writes("old"))
    return tmp_path / "taught"


def test_a_network_takes_the_place_of_another_and_leaves_nothing(folder):
    write_model(folder, True, writes("new"))
    assert content(folder) == "new"
    assert list(folder.parent.iterdir()) == [folder]


def test_what_fails_while_it_is_written_leaves_the_other_network(folder):
    def fails(place):
        writes("half")(place)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_model(folder, True, fails)
    assert content(folder) == "old"
    assert list(folder.parent.iterdir()) == [folder]


def test_a_network_whose_writer_was_killed_between_the_renames_is_put_back(folder):
    """As a process leaves it that is killed when the old network has moved and the new one has not."""
    place = folder.with_name(".taught.part")
    (place / "taught").mkdir(parents=True)
    folder.rename(place / ".before")
    with pytest.raises(ConfigurationError, match="holds a network already"):
        check_output(folder, overwrite=False)
    assert content(folder) == "old"
    assert list(folder.parent.iterdir()) == [folder]


def test_a_network_that_another_process_wrote_meanwhile_stays(folder):
    with pytest.raises(ConfigurationError, match="holds a network already"):
        write_model(folder, False, writes("late"))
    assert content(folder) == "old"


def test_one_process_writes_at_a_time(folder):
    with (
        reserved(folder.with_name(".taught.part")),
        pytest.raises(ConfigurationError, match="another process is at work"),
    ):
        write_model(folder, True, writes("other"))
    assert content(folder) == "old"
