"""TensorRT engines: built once for a network, a GPU and a TensorRT, and kept. Needs no GPU to build for a given one."""

from __future__ import annotations

import hashlib
import importlib
import logging
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, wait
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Lock, Thread
from typing import TYPE_CHECKING, Any, SupportsInt, TypeVar

from har_ros.errors import BackendMissingError, ModelError, one_line
from har_ros.files.cache import cached
from har_ros.graphs.prepare import FRAMES, NETWORK, PreparedNetwork, merged

logger = logging.getLogger(__name__)

NAMES = ("tensorrt", "tensorrt_rtx", "tensorrt_rtx_bindings")
"""Modules with TensorRT's API: of JetPack and desktops, for RTX GPUs, and the latter's wheel without its front end."""
Started = TypeVar("Started")
HEARTBEAT = 5.0
"""Seconds between two messages of a build."""


def _import_tensorrt() -> Any:
    reasons = []
    for name in NAMES:
        try:
            module = importlib.import_module(name)
        except (ImportError, OSError, RuntimeError) as error:  # a library that does not load raises any of these
            reasons.append(one_line(error))
            continue
        if hasattr(module, "Builder"):  # else it holds type stubs only
            return module
    raise BackendMissingError(
        f"TensorRT cannot be imported ({reasons[0] if reasons else 'no module has it'}); install JetPack's "
        "python3-libnvinfer, or tensorrt_rtx for a desktop GPU"
    )


if TYPE_CHECKING:
    import tensorrt_rtx_bindings.tensorrt_rtx as trt
else:
    trt = _import_tensorrt()

VERSION: str = vars(trt)["__version__"]
IS_RTX = "rtx" in trt.__name__
STRONGLY_TYPED = IS_RTX or int(VERSION.partition(".")[0]) >= 10
NEWEST_OPSET = None if STRONGLY_TYPED else 17
"""The newest ONNX operator set to give it; before 10, TensorRT passes over axes, which are inputs in newer ones."""


@dataclass(frozen=True)
class Gpu:
    """What engines are built for. capability: CUDA's compute capability, such as (8, 7)."""

    name: str
    capability: tuple[int, int]


class Log(trt.ILogger):
    """Passes TensorRT's messages on to Python's logging.

    error: the first since it was last emptied; those that follow say only that something failed.
    level: that of errors.
    """

    def __init__(self) -> None:
        trt.ILogger.__init__(self)
        self.error = ""
        self.level = logging.WARNING
        self._alone = Lock()

    def log(self, severity: trt.ILogger.Severity, msg: str) -> None:
        """Pass a message on."""
        if severity in (trt.ILogger.INTERNAL_ERROR, trt.ILogger.ERROR):
            if "cudaError 35" not in msg:  # no driver: building does without
                self.error = self.error or one_line(msg)
                logger.log(self.level, "TensorRT: %s", one_line(msg))
        elif severity == trt.ILogger.WARNING:
            logger.debug("TensorRT: %s", one_line(msg))

    @property
    def reason(self) -> str:
        """The first error, shortened, for a message."""
        return self.error[:300] or "no reason given"

    @contextmanager
    def building(self) -> Iterator[None]:
        """Log errors at debug level; the first is in the ModelError that a failed build raises. One build at a time."""
        with self._alone:
            self.level, self.error = logging.DEBUG, ""
            try:
                yield
            finally:
                self.level = logging.WARNING


LOG = Log()
"""The only one: TensorRT takes one logger for all builders and runtimes of a process."""


def engine_file(network: PreparedNetwork, gpu: Gpu, half: bool, max_batch: int, cancelled: Event | None = None) -> Path:
    """Return the engine for batches of 1 to `max_batch`, built the first time. Raises ModelError.

    half: float16 inside, float32 outside. cancelled: ends a build when it is set.
    """
    model = merged(network, half=half and STRONGLY_TYPED, newest=NEWEST_OPSET)
    key = hashlib.sha256(model)
    for part in (trt.__name__, VERSION, gpu.name, gpu.capability, half, max_batch, network.shape):
        key.update(repr(part).encode())
    name = f"engines/{network.name}-{key.hexdigest()[:16]}.engine"
    return cached(name, lambda: build(model, network, gpu, half, max_batch, cancelled))


def build(
    model: bytes, network: PreparedNetwork, gpu: Gpu, half: bool, max_batch: int, cancelled: Event | None = None
) -> bytes:
    """Build the engine of a serialised ONNX model, saying every few seconds that it goes on. Raises ModelError.

    cancelled: ends it when it is set, from TensorRT 10 on.
    """
    stage = _Stage(cancelled or Event())
    with LOG.building():
        return _watched(
            lambda: _build(model, network, gpu, half, max_batch, stage), f"{network.name} for {gpu.name}", stage
        )


def _build(model: bytes, network: PreparedNetwork, gpu: Gpu, half: bool, max_batch: int, stage: _Stage) -> bytes:
    builder = _started(trt.Builder)
    definition = builder.create_network(_creation_flags())
    parser = trt.OnnxParser(definition, LOG)
    if not parser.parse(model):
        reason = _parse_error(parser)[:300] if parser.num_errors else LOG.reason
        raise ModelError(f"TensorRT cannot take {network.name} ({reason}); set backend to openvino")
    config = builder.create_builder_config()
    if half and not STRONGLY_TYPED:
        flags: Any = trt.BuilderFlag  # the newest TensorRT has no FP16 any more
        config.set_flag(flags.FP16)
    if not half:
        config.clear_flag(trt.BuilderFlag.TF32)
    profile = builder.create_optimization_profile()
    shapes = {FRAMES: network.shape, **{NETWORK + state.input: state.shape for state in network.states}}
    for name, shape in shapes.items():
        smallest, largest = (trt.Dims((batch, *shape)) for batch in (1, max_batch))
        profile.set_shape(name, smallest, largest, largest)
    config.add_optimization_profile(profile)
    _set_capability(config, gpu)
    if hasattr(trt, "IProgressMonitor"):
        config.progress_monitor = _monitor(stage)
    engine: Any = builder.build_serialized_network(definition, config)
    if engine is None and stage.cancelled.is_set():
        raise ModelError(f"the build of {network.name} was cancelled; start it again when it is wanted")
    if engine is None:
        raise ModelError(f"TensorRT cannot build {network.name} ({LOG.reason}); set backend to openvino")
    return bytes(engine)


def _parse_error(parser: Any) -> str:
    """Return the operator, which TensorRT names from 10 on, and what is wrong with it."""
    error = parser.get_error(0)
    operator = f"{error.node_operator()}: " if hasattr(error, "node_operator") else ""
    return operator + one_line(error.desc())


def _creation_flags() -> int:
    flags: Any = trt.NetworkDefinitionCreationFlag  # the newest TensorRT has no EXPLICIT_BATCH any more
    return 1 << int(flags.STRONGLY_TYPED if STRONGLY_TYPED else flags.EXPLICIT_BATCH)


def _set_capability(config: trt.IBuilderConfig, gpu: Gpu) -> None:
    """Name the GPU to TensorRT for RTX, which could build for several; TensorRT builds for the one that is there."""
    if not IS_RTX:
        return
    name = f"SM{gpu.capability[0]}{gpu.capability[1]}"
    capability: Any = getattr(trt, "ComputeCapability", None)
    if not hasattr(capability, name):
        raise ModelError(f"TensorRT for RTX {VERSION} does not know the {gpu.name} ({name}); use tensorrt")
    untyped: Any = config
    untyped.num_compute_capabilities = 1
    untyped.set_compute_capability(getattr(capability, name), 0)


def deserialised(file: Path) -> trt.ICudaEngine | None:
    """Load an engine; None when this TensorRT or GPU does not take it."""
    engine: trt.ICudaEngine | None = _started(trt.Runtime).deserialize_cuda_engine(file.read_bytes())
    return engine


def _started(kind: Callable[[Log], Started]) -> Started:
    """Make a Builder or a Runtime, which raise TypeError when CUDA does not work."""
    LOG.error = ""
    try:
        return kind(LOG)
    except TypeError:
        raise ModelError(f"TensorRT cannot start ({LOG.reason}); check that it fits the driver (nvidia-smi)") from None


@dataclass
class _Stage:
    """What TensorRT is doing, and whether it is to stop; both from 10 on."""

    cancelled: Event
    name: str = "building"


def _watched(work: Callable[[], bytes], what: str, stage: _Stage) -> bytes:
    """Build in a thread of its own, so that this one can say that it goes on, and Ctrl-C reaches it.

    All of a build is in that thread: a builder must not change its CUDA context, which is a thread's.
    """
    start, engine = time.monotonic(), Future[bytes]()
    logger.info("building the engine of %s, once; this can take minutes", what)

    def run() -> None:
        try:
            engine.set_result(work())
        except BaseException as error:  # for the thread that waits
            engine.set_exception(error)

    Thread(target=run, name="engine", daemon=True).start()
    try:
        while wait([engine], HEARTBEAT).not_done:
            logger.info("engine of %s: %s, %.0f s so far", what, stage.name, time.monotonic() - start)
    except KeyboardInterrupt:
        stage.cancelled.set()
        wait([engine])  # what is being built cannot be freed before
        raise
    content = engine.result()
    logger.info("built the engine of %s in %.0f s", what, time.monotonic() - start)
    return content


def _monitor(stage: _Stage) -> trt.IProgressMonitor:
    class Monitor(trt.IProgressMonitor):
        def __init__(self) -> None:
            trt.IProgressMonitor.__init__(self)

        def phase_start(self, phase_name: str, parent_phase: str, num_steps: SupportsInt) -> None:
            stage.name = phase_name

        def step_complete(self, phase_name: str, step: SupportsInt) -> bool:
            return not stage.cancelled.is_set()

        def phase_finish(self, phase_name: str) -> None:
            pass

    return Monitor()
