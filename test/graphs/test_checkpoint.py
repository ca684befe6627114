import os
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from har_ros.errors import ModelError
from har_ros.graphs.checkpoint import read_checkpoint


def test_checkpoint_gives_its_arrays(tmp_path):
    arrays = {"params": {"kernel": np.arange(6, dtype=np.float32).reshape(2, 3)}}
    (tmp_path / "good").write_bytes(pickle.dumps(arrays))
    np.testing.assert_array_equal(read_checkpoint(tmp_path / "good")["params"]["kernel"], arrays["params"]["kernel"])


class Trap:
    def __reduce__(self):
        return os.mkdir, ("trap",)


def test_checkpoint_runs_no_code(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bad").write_bytes(pickle.dumps({"params": Trap()}))
    with pytest.raises(ModelError, match=r"asks for posix\.mkdir, which is not numpy data"):
        read_checkpoint(tmp_path / "bad")
    assert not (tmp_path / "trap").exists()


@given(st.binary(max_size=200))
def test_any_bytes_are_a_checkpoint_or_refused(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("checkpoint") / "file"
    path.write_bytes(content)
    try:
        assert isinstance(read_checkpoint(path), dict)
    except ModelError as error:
        assert "\n" not in str(error)
