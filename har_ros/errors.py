"""What can go wrong. Each message is one sentence: what, the actual value, the remedy."""

import re
from pathlib import Path

_FOLDERS = re.compile(r"(?<![^\s'\"(=\[])~?/(?:[^\s/'\"]+/)+")
"""Of a path from the root or the home folder."""


class HarError(Exception):
    """Anything that har_ros reports to its user instead of a traceback."""


class ConfigurationError(HarError):
    """A parameter or model card that cannot work; found at start."""


class ModelError(HarError):
    """A network, its weights or its outputs cannot be used."""


class BackendMissingError(ModelError):
    """What a backend needs is not on this machine: a library, a driver, a device."""


class ImageError(HarError):
    """One image that cannot be read; the next may be fine."""


class VideoError(HarError):
    """A video that cannot be read."""


def error_text(error: BaseException) -> str:
    """Return what an error says: one of ours is a sentence, another's needs its type beside it."""
    error = of_file(error)
    return str(error) if isinstance(error, HarError) else f"{type(error).__name__}: {one_line(error)}"


def of_file(error: BaseException) -> BaseException:
    """Return what an operating system refuses of a file, such as a name that is too long, as one of ours.

    Any other error is returned as it is.
    """
    if not isinstance(error, OSError) or error.filename is None:
        return error
    return HarError(f"cannot use {str(error.filename)!r} ({error.strerror}); check the path, and its permissions")


def no_video(name: object) -> str:
    """Return what is said of a file that cannot be opened as a video."""
    return (
        f"{name} cannot be opened as a video: it is none, is broken or incomplete, or of a rare format; play it to "
        "see which, and give a whole MP4"
    )


def one_line(error: object) -> str:
    """Return what another library says of its error as a part of one of our sentences."""
    return " ".join(str(error).split())


def without_paths(text: str, *folders: Path) -> str:
    """Return a message without the places that files have on this machine: each is called by its name.

    folders: whose files are called by their paths in these.
    """
    for folder in folders:
        text = text.replace(f"{folder}/", "").replace(str(folder), folder.name)
    return _FOLDERS.sub("", text)


def counted(number: int, noun: str, plural: str = "") -> str:
    """Return a number with its noun: 1 clip, 2 clips. plural: where it is not the noun with an s."""
    return f"{number} {noun if number == 1 else plural or noun + 's'}"
