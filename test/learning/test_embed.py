import io
import shutil

import numpy as np
import onnx
import onnxruntime
import pytest
from bags import SECOND, TOPIC, series, values_of, write_bag
from clips import moving, teachable, write_video
from rich.console import Console

from har_ros.backends.backend import BackendSettings
from har_ros.errors import ConfigurationError, HarError, ModelError
from har_ros.frames.pixels import CameraImage, write_rgb
from har_ros.learning.background import identity
from har_ros.learning.dataset import load_dataset
from har_ros.learning.embed import ImageEmbedder, embed, embedding_network
from har_ros.learning.embedders import Settings, open_embedder
from har_ros.learning.lesson import read
from har_ros.models.locate import find_model
from har_ros.recordings.recording import VideoRecording
from har_ros.recordings.source import open_source

pytestmark = pytest.mark.usefixtures("own_cache")


@pytest.fixture
def card(tmp_path):
    return find_model(str(teachable(tmp_path)))


@pytest.fixture
def embedder(card):
    with ImageEmbedder(card, BackendSettings("openvino", "f32")) as embedder:
        yield embedder


def seen(path, card):
    """Return a video's frames at the network's size, T×16×16×3 RGB."""
    frames = []
    for frame in open_source(str(path)):
        frames.append(np.empty((16, 16, 3), np.uint8))
        write_rgb(CameraImage.of_array(frame.pixels, 0), card.card.input.resize, frames[-1])
    return np.stack(frames)


def expected(windows, card):
    """Compute embeddings with ONNX Runtime from the whole network: its averages over time and space before the last."""
    clips = np.stack(windows).astype(np.float32).transpose(0, 4, 1, 2, 3) / 255
    model = onnx.load(card.folder / "small.onnx")
    model.graph.output.append(onnx.helper.make_tensor_value_info("c", onnx.TensorProto.FLOAT, None))
    session = onnxruntime.InferenceSession(model.SerializeToString())
    return session.run(["c"], {"0": clips})[0].mean(axis=(2, 3, 4))


def test_windows_follow_at_half_their_length_and_are_seen_mirrored_too(tmp_path, card, embedder):
    path = write_video(tmp_path / "a.avi", moving(frames=17))
    [found] = embedder.look_at(path)
    frames = seen(path, card)
    windows = [frames[start : start + 8] for start in (0, 4, 8)]
    np.testing.assert_allclose(found.embeddings[:, 0], expected(windows, card), atol=1e-5)
    np.testing.assert_allclose(found.embeddings[:, 1], expected([w[:, :, ::-1] for w in windows], card), atol=1e-5)
    assert (found.start // 125_000_000).tolist() == [0, 4, 8]
    assert (found.end // 125_000_000).tolist() == [7, 11, 15]
    assert np.abs(found.embeddings[:, 0] - found.embeddings[:, 1]).max() > 1e-3


def test_a_short_clip_is_played_again(tmp_path, card, embedder):
    path = write_video(tmp_path / "a.avi", moving(frames=5))
    [found] = embedder.look_at(path)
    frames = seen(path, card)
    np.testing.assert_allclose(found.embeddings[:, 0], expected([frames[[0, 1, 2, 3, 4, 0, 1, 2]]], card), atol=1e-5)
    assert found.end[0] == 4 * 125_000_000


def test_a_short_clip_is_decoded_no_further_than_needed(tmp_path, embedder, monkeypatch):
    decoded, read = [], VideoRecording.images

    def counted(self, *arguments):
        for recorded in read(self, *arguments):
            decoded.append(recorded)
            yield recorded

    monkeypatch.setattr(VideoRecording, "images", counted)
    embedder.look_at(write_video(tmp_path / "a.avi", moving(frames=5)))
    assert len(decoded) == 8


def test_a_bag_that_is_all_gaps_is_refused(tmp_path, embedder):
    items = [*series(values_of(1, 4), period=0.125), *series(values_of(1, 4), period=0.125)]
    for _, _, _, message in items[4:]:
        message.header.stamp.sec += 60
    later = [(topic, kind, arrival + 60 * SECOND, message) for topic, kind, arrival, message in items[4:]]
    bag = write_bag(tmp_path / "bag", [*items[:4], *later])
    with pytest.raises(ConfigurationError, match=r"bag has gaps that leave no 0.88 s in one piece"):
        embedder.look_at(bag)


def test_all_cameras_of_a_bag_are_looked_at(tmp_path, embedder):
    items = [*series(values_of(1, 24), period=0.125), *series(values_of(2, 24), "/cam02/image_raw", period=0.125)]
    first, second = embedder.look_at(write_bag(tmp_path / "bag", items))
    assert (first.camera, second.camera) == (TOPIC, "/cam02/image_raw")
    assert len(first.start) == len(second.start) == 5
    assert np.abs(first.embeddings - second.embeddings).max() > 1e-3


def test_embeddings_are_computed_once(tmp_path, card, embedder):
    path = write_video(tmp_path / "a.avi", moving())
    before = embedder.look_at(path)
    shutil.copy(path, tmp_path / "b")
    path.rename(tmp_path / "moved.avi")
    (tmp_path / "b").rename(path)
    after = embedder.look_at(path)
    assert embedder.computed == 1
    np.testing.assert_array_equal(before[0].embeddings, after[0].embeddings)
    with ImageEmbedder(card, BackendSettings("openvino", "f32"), mirror=False) as other:
        assert other.look_at(path)[0].embeddings.shape == (2, 1, 8)
        assert other.computed == 1


def test_what_cannot_be_used_is_told_in_a_sentence(tmp_path, embedder):
    broken, empty, single = tmp_path / "broken.avi", tmp_path / "empty.avi", tmp_path / "single.avi"
    broken.write_bytes(b"RIFF" + bytes(range(200)))
    empty.write_bytes(b"")
    write_video(single, moving(frames=1))
    found = dict(embed(embedder, [broken, empty, single]))
    for path, error in found.items():
        assert isinstance(error, HarError)
        assert path.name in str(error)
        assert "; " in str(error)
    assert "1 image" in str(found[single])


def test_networks_that_cannot_be_taught_are_refused(tmp_path, card):
    def refused(**fields):
        from dataclasses import replace

        changed = replace(card.card, network=replace(card.card.network, **fields))
        with pytest.raises((ModelError, ConfigurationError)) as error:
            embedding_network(replace(card, card=changed))
        return str(error.value)

    assert "names no embedding" in refused(embedding=None)
    assert "'nothing'" in refused(embedding="nothing")
    (tmp_path / "pair").mkdir()
    from small_networks import encoder_decoder

    with pytest.raises(ModelError, match="encoder-decoder"):
        embedding_network(find_model(str(encoder_decoder(tmp_path / "pair")[0])))


def test_a_recording_that_is_computed_and_left_out_is_none_from_the_cache(tmp_path, card):
    class Strict(ImageEmbedder):
        def look_at(self, path, everybody=False):
            found = super().look_at(path, everybody)
            if path.stem == "dark":
                raise HarError("nobody is seen in dark.avi")
            return found

    for number, name in enumerate(("wave/a", "wave/dark", "none/b")):
        write_video(tmp_path / "set" / f"{name}.avi", moving(seed=number))
    for cached in (0, 2):
        said = io.StringIO()
        with Strict(card, BackendSettings("openvino", "f32")) as embedder:
            windows, left_out = read(embedder, load_dataset(tmp_path / "set"), Console(file=said))
        assert (len(windows), left_out) == (2, ["nobody is seen in dark.avi"])
        assert f"2 recordings, {cached} of which in the cache" in said.getvalue()


def test_another_recording_of_the_same_name_ends_the_work(tmp_path, card):
    settings, backend = Settings(str(card.folder / "small.yaml")), BackendSettings("openvino", "f32")
    path = write_video(tmp_path / "a.avi", moving())
    with open_embedder(settings, backend) as embedder, embedder.elsewhere.opened(None) as look:
        assert look((path, embedder.name_of(path), False), None, None).content
        with pytest.raises(ConfigurationError, match=r"has another recording at .*a.avi than the machine that asks"):
            look((path, "embeddings/0123.npz", False), None, None)


def test_other_weights_in_a_file_of_their_own_are_another_network(tmp_path, card):
    path, weights = tmp_path / "small.onnx", tmp_path / "weights"
    onnx.save(onnx.load(path), path, save_as_external_data=True, location="weights", size_threshold=0)
    before = embedding_network(card).path, identity(card, 8)
    weights.write_bytes(weights.read_bytes()[::-1])
    assert not {embedding_network(card).path, identity(card, 8)} & {*before}
