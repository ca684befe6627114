"""What import-linter cannot see of the walls between the rooms: har_ros.msg is generated."""

import re
from pathlib import Path

PACKAGE = Path(__file__).parents[1] / "har_ros"


def test_only_nodes_import_the_messages():
    importing = {
        path.relative_to(PACKAGE).parts[0]
        for path in PACKAGE.rglob("*.py")
        if re.search(
            r"^\s*(from har_ros\.msg import|import har_ros\.msg|from har_ros import .*\bmsg\b)", path.read_text(), re.M
        )
    }
    assert importing == {"nodes"}
