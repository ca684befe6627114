import pytest
from pictures import write_video


@pytest.fixture
def video(tmp_path):
    return write_video(tmp_path / "in.avi", 12)
