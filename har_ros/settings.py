"""Every parameter of the nodes, in one table each. Imports nothing heavy: a launch file reads it, too."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, get_args

from har_ros.parameter import Parameter

Precision = Literal["auto", "f32", "bf16", "f16"]
Device = Literal["CPU", "GPU", "NPU"]
LOCAL_BACKENDS = ("tensorrt", "openvino")
"""Backends that run on this machine; `auto` takes the first that works."""
BACKENDS = (*LOCAL_BACKENDS, "triton")
"""Modules in har_ros.backends."""
NO_MODEL = "none"
"""The model where whole images are left out."""
CARDS = Path(__file__).parent / "models" / "cards"
"""The folder with the model cards that come with har_ros."""
POSE_CARDS = CARDS / "pose"
"""The folder with the cards of pose networks that come with har_ros."""
POSE_STEP = 32
"""Height and width of a pose network's input are multiples of it."""


def card_names(folder: Path = CARDS) -> list[str]:
    """Return the names of the cards that come with har_ros."""
    return sorted(path.stem for path in folder.glob("*.yaml"))


POSE_MODEL = Parameter(
    "pose_model",
    "movenet-multipose",
    f"The network that finds people: a pose card's name ({', '.join(card_names(POSE_CARDS))}), or the path of a "
    "card or of its folder.",
    needs="persons",
    option=True,
)
POSE_SIZE = Parameter(
    "pose_size",
    0,
    "Pixels of the square in which people are looked for, a multiple of 32; far people need more; 0: as in the "
    "pose network's card.",
    0,
    640,
    step=POSE_STEP,
    needs="persons",
    option=True,
)
IMAGE_TRANSPORT = Parameter(
    "image_transport",
    "raw",
    "raw: sensor_msgs/Image; compressed: JPEG or PNG in sensor_msgs/CompressedImage on <image topic>/compressed.",
    choices=("raw", "compressed"),
)
ACTIONNET = (
    Parameter(
        "image_topics",
        ["image_raw"],
        "Camera topics; each has its own window.",
        at_run_time=True,
        example="[/cam01/image_raw]",
    ),
    IMAGE_TRANSPORT,
    Parameter(
        "model",
        "i3d-kinetics-400",
        f"The network: a model card's name ({', '.join(card_names())}), or the path of a card, of its folder, "
        "or of a network file; none: whole images are left out, and only persons are recognised.",
        option=True,
    ),
    Parameter(
        "labels",
        "",
        "File with one class name per line; empty: the card's. A network without a card needs it.",
        option=True,
    ),
    Parameter("input_blob", "", "Name of the network's input tensor; empty: the card's, or the only one.", option=True),
    Parameter(
        "output_blob", "", "Name of the network's output tensor; empty: the card's, or the only one.", option=True
    ),
    Parameter(
        "backend",
        "auto",
        "Inference backend; auto: TensorRT where there is a GPU for it, else OpenVINO; triton: the networks run on a "
        "server, see server.",
        choices=("auto", *BACKENDS),
        fills="backend",
        option=True,
    ),
    Parameter(
        "precision",
        "auto",
        "Arithmetic precision; auto: the fastest available (TensorRT: f16; OpenVINO: what the device supports).",
        choices=get_args(Precision),
        fills="backend",
        option=True,
    ),
    Parameter("device", "CPU", "Device that OpenVINO runs on.", choices=get_args(Device), fills="backend", option=True),
    Parameter(
        "threads",
        0,
        "Processor threads that OpenVINO uses for a network; 0: as many as there are cores, or as a container may use.",
        0,
        1024,
        fills="backend",
        option=True,
    ),
    Parameter(
        "max_batch", 4, "Maximum number of windows, one per camera, that TensorRT runs at once.", 1, 64, fills="backend"
    ),
    Parameter(
        "cpu_while_building",
        False,
        "Run the network with OpenVINO while TensorRT builds an engine, which takes minutes.",
        fills="backend",
    ),
    Parameter(
        "server",
        "",
        "Address of a Triton Inference Server, grpc://HOST:PORT or http://HOST:PORT, grpcs:// or https:// for TLS; of "
        "several, with commas between them, the first that answers. Only for backend triton.",
        fills="backend",
        option=True,
    ),
    Parameter(
        "in_flight",
        2,
        "Maximum number of requests, one for each camera or person, that wait for the server's answer at a time.",
        1,
        64,
        fills="backend",
        needs="server",
    ),
    Parameter(
        "deadline",
        2.0,
        "Seconds after which a window that the server has not answered is given up.",
        0.05,
        60.0,
        fills="backend",
        needs="server",
        option=True,
    ),
    Parameter(
        "fallback",
        "none",
        "What runs the networks while no server answers; none: windows are dropped.",
        choices=("none", "openvino"),
        fills="backend",
        needs="server",
        option=True,
    ),
    Parameter(
        "transport",
        "raw",
        "How windows travel to the server; raw: as they are, on the same machine through shared memory; jpeg: for slow "
        "links, a tenth of the bytes, to networks that were exported with --jpeg.",
        choices=("raw", "jpeg"),
        fills="backend",
        needs="server",
        option=True,
    ),
    Parameter("frames", 0, "Number of frames in a window; 0: as in the model's card.", 0, 1024, option=True),
    Parameter(
        "continual",
        "auto",
        "Let a clip network process each frame once, in steps, instead of whole windows; auto: as its card says.",
        choices=("auto", "true", "false"),
        option=True,
    ),
    Parameter(
        "memory",
        0.0,
        "Seconds over which a continual network's answers are averaged; 0.0: as over a window.",
        0.0,
        60.0,
        at_run_time=True,
        fills="stream",
        option=True,
    ),
    Parameter(
        "sample_rate",
        0.0,
        "Frames per second in a window, sampled by timestamp; 0.0: as in the card.",
        0.0,
        1000.0,
        at_run_time=True,
        fills="stream",
        option=True,
    ),
    Parameter(
        "skip_frames",
        -1,
        "Frames to skip between two that enter the window, whatever their stamps; -1: use sample_rate.",
        -1,
        1000,
        at_run_time=True,
        fills="stream",
        option=True,
    ),
    Parameter(
        "stride",
        0,
        "Frames between the ends of two windows, at least, and at most as many as a window has; 0: of files an eighth "
        "of it (of people's skeletons one), of cameras one, as the newest window counts, and one of the bags and "
        "videos of evaluate. Networks that take each frame once have it in their steps.",
        0,
        1024,
        at_run_time=True,
        fills="stream",
        option=True,
    ),
    Parameter(
        "idle",
        "off",
        "auto: while nothing moves in a camera's picture, it has a window every 2 seconds, or fewer where the network "
        "is busy with others; not with networks for which no frame may be missing, and not for people's windows.",
        choices=("off", "auto"),
        at_run_time=True,
        fills="stream",
    ),
    Parameter(
        "max_gap",
        2.0,
        "Seconds without a frame after which a camera's window starts over; 0.0: never.",
        0.0,
        3600.0,
        at_run_time=True,
        fills="stream",
    ),
    Parameter(
        "threshold",
        0.01,
        "Classes with a lower probability are left out of /actions.",
        0.0,
        1.0,
        at_run_time=True,
        fills="scores",
        option=True,
    ),
    Parameter(
        "top_k", 5, "Maximum number of classes in a message.", 1, 1000, at_run_time=True, fills="scores", option=True
    ),
    Parameter(
        "smoothing",
        0.0,
        "Time constant, in seconds, of the exponential average of a camera's probabilities; 0.0: no smoothing.",
        0.0,
        60.0,
        at_run_time=True,
        fills="scores",
        option=True,
    ),
    Parameter(
        "hysteresis",
        0.0,
        "Margin by which a class's probability must exceed that of the leading class to replace it.",
        0.0,
        1.0,
        at_run_time=True,
        fills="scores",
        option=True,
    ),
    Parameter(
        "allowed_labels",
        [""],
        "The only classes to report; empty: all.",
        at_run_time=True,
        example="[waving, falling]",
        fills="scores",
        option=True,
    ),
    Parameter(
        "event_start",
        0.5,
        "Probability of a class from which on an event of it starts.",
        0.01,
        1.0,
        at_run_time=True,
        fills="events",
        option=True,
    ),
    Parameter(
        "event_end",
        0.3,
        "Probability of a class below which its event ends; at most event_start.",
        0.01,
        1.0,
        at_run_time=True,
        fills="events",
        option=True,
    ),
    Parameter(
        "event_min_duration",
        1.0,
        "Seconds that an event lasts at least; shorter ones are left out.",
        0.0,
        3600.0,
        at_run_time=True,
        fills="events",
        option=True,
    ),
    Parameter(
        "event_max_gap",
        1.0,
        "Seconds between two events of a class, at most, that become one.",
        0.0,
        3600.0,
        at_run_time=True,
        fills="events",
        option=True,
    ),
    Parameter(
        "event_limits",
        "",
        "YAML file with the start, end, min_duration and max_gap of single classes, in place of event_start and the "
        "others; empty: none.",
        at_run_time=True,
        option=True,
    ),
    Parameter(
        "event_overlap",
        False,
        "Allow events of several classes at the same time; false: one at a time, of the class that leads.",
        at_run_time=True,
        fills="events",
        option=True,
    ),
    Parameter(
        "persons",
        False,
        "Follow the people in each camera's images and say what each of them does, beside what the whole image shows.",
        option=True,
    ),
    POSE_MODEL,
    POSE_SIZE,
    Parameter(
        "persons_model",
        "everyday-14",
        "The network that says what a person does, as for model: one that takes skeletons, or images, which are then "
        "those of a square around the person; empty: the same as model.",
        needs="persons",
        option=True,
    ),
    Parameter(
        "max_persons",
        8,
        "Number of people followed by each camera, at most.",
        1,
        64,
        at_run_time=True,
        fills="tracks",
        needs="persons",
        option=True,
    ),
    Parameter(
        "track_timeout",
        3.0,
        "Seconds after which a person who is no longer seen is forgotten.",
        0.1,
        60.0,
        at_run_time=True,
        fills="tracks",
        needs="persons",
        option=True,
    ),
    Parameter(
        "ros4hri",
        False,
        "Publish people on ROS4HRI's topics, too (REP-155, /humans/bodies); needs persons and the package hri_msgs.",
    ),
    Parameter("overlay", True, "Publish images with the actions drawn in, while someone subscribes.", at_run_time=True),
    Parameter("autostart", True, "Configure and activate the node at startup; otherwise a lifecycle manager does."),
)

VIDEO_SOURCE = (
    Parameter("videos", [""], "Video files; each becomes a camera.", example="[a.mp4, b.mp4]"),
    Parameter(
        "image_topics",
        [""],
        "A topic for each video; empty: /cam01/image_raw, /cam02/image_raw and so on.",
        example="[/cam01/image_raw]",
    ),
    Parameter("rate", 0.0, "Images per second of each camera; 0: the fastest video's own rate.", 0.0, 240.0),
    Parameter("max_side", 0, "Scale the images so that the longer side has this many pixels; 0: as they are.", 0, 8192),
)

RECORD_ACTION = (
    Parameter("label", "", "The action to record: the name of its class; none: anything else."),
    Parameter("dataset", "actions", "Dataset: a folder with a folder of clips for each class."),
    Parameter(
        "image_topics",
        ["image_raw"],
        "Camera topics; each take yields one clip per camera.",
        example="[/cam01/image_raw]",
    ),
    IMAGE_TRANSPORT,
    Parameter("takes", 5, "How many times to record the action.", 1, 1000),
    Parameter("seconds", 3.0, "Length of a take, in seconds.", 0.5, 60.0),
    Parameter("countdown", 3, "Seconds to count down before each take.", 0, 60),
    Parameter("group", "", "The person in the takes, such as alice; empty: each take is its own group."),
    Parameter("max_side", 640, "Scale down so that the longer side has this many pixels; 0: as they are.", 0, 8192),
    Parameter("persons", False, "Cut clips to the person nearest to the camera; one that shows nobody is left out."),
    POSE_MODEL,
    POSE_SIZE,
)
