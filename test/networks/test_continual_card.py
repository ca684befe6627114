"""Which networks take each frame once: what card and user say of it."""

import openvino
import pytest
from small_networks import encoder_decoder, write_card
from streamable_networks import CONTINUAL_INPUT, CONTINUAL_WINDOW, continual_card

from har_ros.backends.backend import BackendSettings
from har_ros.errors import ModelError
from har_ros.frames.sampling import StreamSettings
from har_ros.networks.clip import ClipNetwork
from har_ros.networks.continual import ContinualNetwork
from har_ros.pipeline.recognizer import Recognizer

F32 = BackendSettings("openvino", "f32")
STEP, LAG = 8, 6  # of r3d_18


@pytest.fixture(scope="module")
def card(tmp_path_factory):
    return continual_card(tmp_path_factory.mktemp("continual"))


def test_what_is_not_a_clip_network_in_onnx_is_refused(tmp_path, card):
    pair, *_ = encoder_decoder(tmp_path)
    with pytest.raises(ModelError, match=r"pair is of kind encoder-decoder, which .*; set continual to false"):
        Recognizer.open(str(pair), F32, continual=True)
    model = openvino.Core().read_model(card.with_suffix(".onnx"))
    openvino.save_model(model, tmp_path / "small.xml")
    other = write_card(tmp_path, input=CONTINUAL_INPUT, window=CONTINUAL_WINDOW, network={"file": "small.xml"})
    with pytest.raises(ModelError, match=r"small.xml is not ONNX, which continual inference needs; set continual to"):
        Recognizer.open(str(other), F32, continual=True)


@pytest.mark.parametrize(
    ("says", "given", "kind"),
    [
        (True, None, ContinualNetwork),
        (False, None, ClipNetwork),
        (False, True, ContinualNetwork),
        (True, False, ClipNetwork),
    ],
)
def test_the_card_says_whether_and_the_user_overrules_it(tmp_path, card, says, given, kind):
    (tmp_path / "small.onnx").symlink_to(card.with_suffix(".onnx"))
    other = write_card(tmp_path, input=CONTINUAL_INPUT, window=CONTINUAL_WINDOW, continual=says)
    with Recognizer.open(str(other), F32, continual=given) as recognizer:
        assert type(recognizer.network) is kind


def test_a_window_of_another_length_has_another_memory(card):
    with Recognizer.open(str(card), F32, frames=16) as recognizer:
        assert recognizer.network.length == (LAG + 2) * STEP
        assert (
            "continual: every 8 frames an answer of what was 48 to 64 frames ago, spanning 6.30 s"
            in recognizer.summary(StreamSettings())
        )
