"""Whether there is a GPU."""

from functools import cache

from har_ros.errors import BackendMissingError


@cache
def gpu_missing():
    """Return why there is no GPU for TensorRT; an empty string when there is one."""
    try:
        from har_ros.backends.tensorrt import engine  # noqa: F401
        from har_ros.backends.tensorrt.cuda import Device

        Device().close()
    except BackendMissingError as error:
        return str(error)
    return ""
