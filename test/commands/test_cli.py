"""The command's help, its refusals and `actionnet models`, as a user starts it."""

import re
import subprocess

import onnx
import pytest
from command import ACTIONNET, actionnet, failure, skip_without_command
from small_networks import linear_network, write_card
from streamable_networks import ARCHITECTURES

from har_ros.commands import evaluate as evaluate
from har_ros.commands import teach as teach
from har_ros.commands.shared.command_line import subcommands


def test_help_names_every_command():
    said = actionnet("--help").stdout
    assert set(subcommands()) >= {
        "models",
        "evaluate",
        "compare",
        "truth",
        "record",
        "teach",
        "clips",
        "dataset",
        "finetune",
    }
    for name in subcommands():
        assert re.search(rf"^  {name} +\w", said, re.MULTILINE), name


@pytest.mark.parametrize(
    ("arguments", "status", "reason"),
    [
        (["absent.mp4"], 1, "'absent.mp4' does not exist"),
        ([], 2, "the following arguments are required: input"),
        (["VIDEO", "--network", "nothing"], 1, "model 'nothing' is unknown; use one of action-recognition-0001"),
        (["VIDEO", "--network", "resnet-18"], 1, "resnet-18 are not there; run: actionnet models fetch resnet-18"),
        (["VIDEO", "--treshold", "0.3"], 2, "actionnet: --treshold is unknown; did you mean --threshold?"),
        (["VIDEO", "--treshold=0.3"], 2, "actionnet: --treshold is unknown; did you mean --threshold?"),
        (
            ["dataset", "check", "d", "--shet", "x"],
            2,
            "actionnet dataset check: --shet is unknown; did you mean --sheet?",
        ),
        (
            ["dataset", "check", "d", "--clips", "3"],
            2,
            "unrecognized arguments: --clips 3; see actionnet dataset check --help",
        ),
        (["compare", "a", "b", "--helm"], 2, "unrecognized arguments: --helm; see actionnet compare --help"),
        (["VIDEO", "--colour"], 2, "actionnet: unrecognized arguments: --colour; see actionnet --help"),
        (["VIDEO", "--threshold", "2"], 2, "argument --threshold: 2 is not from 0 to 1"),
        (["VIDEO", "--threshold", "x"], 2, "argument --threshold: 'x' is no number"),
        (["VIDEO", "--skip-frames", "x"], 2, "argument --skip-frames: 'x' is no whole number"),
        (["VIDEO", "--frames", "-1"], 2, "argument --frames: -1 is below 0"),
        (["VIDEO", "--pose-size", "300"], 2, "argument --pose-size: 300 is no multiple of 32"),
        (["VIDEO", "--max-persons", "3"], 1, "actionnet: --max-persons needs --persons; add it"),
        (["VIDEO", "--persons-model", "x"], 1, "actionnet: --persons-model needs --persons; add it"),
        (["VIDEO", "--frames", "17"], 1, "cannot take 17 frames; set frames to a multiple of 8 from 16 on"),
        (["VIDEO", "--backend", "tensorflow"], 2, "invalid choice: 'tensorflow'"),
        (["VIDEO", "--device", "NPU", "--backend", "openvino"], 1, "OpenVINO finds no NPU here, only CPU"),
        (["VIDEO", "VIDEO"], 1, "is the input, which it would overwrite; rename it"),
        (["VIDEO", "out.xyz"], 1, "cannot write 'out.xyz'; give a file that ends in .mp4"),
        (["models", "fetch"], 2, "the following arguments are required: NAME"),
        (["models", "fetch", "nothing"], 1, "resnet-34, movenet-multipose, or the path of a model card (.yaml)"),
        (["models", "check", "/nowhere.yaml"], 1, "model '/nowhere.yaml' does not exist; check the path"),
        (["VIDEO", "--network", "own.onnx"], 1, "model 'own.onnx' does not exist; check the path"),
        (["VIDEO", "--network", "own.xml", "--labels", "l.txt"], 1, "model 'own.xml' does not exist; check the path"),
    ],
)
def test_wrong_commands_are_answered_with_a_sentence(video, own_cache, arguments, status, reason):
    result = actionnet(*[video if argument == "VIDEO" else argument for argument in arguments])
    assert result.returncode == status
    assert reason in result.stderr
    assert "Traceback" not in result.stderr
    assert "usage:" not in result.stderr


def test_output_that_nobody_reads_any_more_is_no_error(brightness_card, video):
    skip_without_command()
    command = f"{ACTIONNET} {video} --network {brightness_card} --json | true; exit ${{PIPESTATUS[0]}}"
    result = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=100)
    assert result.returncode == 1
    assert "Traceback" not in result.stderr
    assert "Exception" not in result.stderr


def test_models_are_listed(own_cache):
    result = actionnet("models")
    rows = [line.split()[:4] for line in result.stdout.splitlines()]
    assert ["i3d-kinetics-400", "400", "64×224×224", "yes"] in rows
    assert ["resnet-18", "?", "16×112×112", "no"] in rows


def test_a_card_is_checked_and_all_disagreements_are_printed(tmp_path):
    linear_network(tmp_path / "small.onnx", (4, 8, 8, 3))
    good = write_card(tmp_path, input={"range": [0, 1]})
    result = actionnet("models", "check", good, "--backend", "openvino")
    assert (result.returncode, result.stdout.split(";")[0]) == (
        0,
        "small is as its card says: 4×8×8×3 uint8 in, 5 classes out",
    )
    wrong = write_card(tmp_path, labels=["a"], window={"frames": 5})
    result = actionnet("models", "check", wrong)
    assert result.returncode == 1
    assert result.stdout.splitlines() == [
        "small: network's input has T = 4 (?×4×8×8×3 float32), 5 expected",
        "small: network gives 5 classes, but there are 1 labels",
    ]


def test_the_card_of_a_network_for_skeletons_is_checked(tmp_path):
    linear_network(tmp_path / "small.onnx", (4, 34))
    card = write_card(tmp_path, kind="sequence", input=None, window={"frames": 4})
    card.write_text(f"{card.read_text()}input: {{layout: NTD}}\n")
    result = actionnet("models", "check", card, "--backend", "openvino")
    assert result.stdout.startswith("small is as its card says: 4×34 float32 in, 5 classes out; tried with OpenVINO")


def test_models_continual_shows_every_layer_with_a_state(tmp_path):
    """The small R3D-18: a stem and eight blocks of two convolutions; delays where a shortcut is ahead."""
    onnx.save(ARCHITECTURES["r3d_18"](), tmp_path / "small.onnx")
    fields = {"layout": "NCTHW", "height": 16, "width": 16, "range": [0, 1]}
    card = write_card(tmp_path, input=fields, window={"frames": 16, "sample_rate": 10})
    result = actionnet("models", "continual", card)
    *rows, total = result.stdout.splitlines()
    assert sum(" Conv " in row for row in rows) == 17
    assert sum(" delay " in row for row in rows) == 8
    assert "small: frames in a step: 8 (0.80 s); frames of delay: 48 (4.80 s); answers averaged, as in" in total
    sizes = [float(row.split()[-1]) for row in rows[1:]]
    assert float(re.search(r"([\d.]+) MB in 25 tensors", total)[1]) == pytest.approx(sum(sizes) / 1e3, abs=0.1)


def test_a_misspelt_subcommand_is_recognised(tmp_path):
    for arguments in (("evalute",), ("evalute", "bag", "-o", "results")):
        said = failure(actionnet(*arguments))
        assert said == "actionnet: 'evalute' is no command and no file; did you mean actionnet evaluate?"
    assert "did you mean" not in failure(actionnet("compare", "nowhere", "nowhere"))


def test_a_package_that_is_installed_in_part_is_named(tmp_path, video):
    (tmp_path / "av").mkdir()
    (tmp_path / "av" / "__init__.py").write_text("import _core_of_av\n")
    said = failure(actionnet(video, PYTHONPATH=str(tmp_path)))
    assert said == (
        "actionnet: actionnet needs av, which cannot be imported (No module named '_core_of_av'); "
        "run: pip install --force-reinstall av"
    )
