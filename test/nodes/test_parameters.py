from pathlib import Path

import yaml
from ament_index_python.packages import get_package_share_directory

from har_ros.settings import ACTIONNET

CONFIG = Path(get_package_share_directory("har_ros"), "config", "actionnet.yaml")


def test_the_configuration_file_shows_every_parameter_with_its_default():
    values = yaml.safe_load(CONFIG.read_text())["/**"]["ros__parameters"]
    assert values == {row.name: row.default for row in ACTIONNET}
    assert list(values) == [row.name for row in ACTIONNET]


def test_the_configuration_file_explains_every_parameter():
    text = CONFIG.read_text()
    for row in ACTIONNET:
        assert f"# {row.description}" in text
