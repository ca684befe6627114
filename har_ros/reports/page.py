"""Pages that open anywhere: one file, without network, with everything escaped."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from har_ros.errors import HarError, counted, error_text
from har_ros.files.results_folder import METRICS

TEMPLATES = Path(__file__).parent


@contextmanager
def drawing(path: Path) -> Iterator[None]:
    """Turn whatever goes wrong while a report is drawn into one sentence, and leave no older report in its place.

    Raises HarError.
    """
    try:
        yield
    except Exception as error:  # matplotlib's and Jinja's: a report must not cost the figures
        path.unlink(missing_ok=True)
        raise HarError(f"{path.name} cannot be drawn ({error_text(error)}); the figures are in {METRICS}") from error


def environment(*folders: Path) -> Environment:
    """Return what renders templates: of these folders, of which the first comes first, and of this one."""
    environment = Environment(
        loader=FileSystemLoader([*folders, TEMPLATES]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(number=_number, count=_count, short=_short, policy=_policy, counted=counted)
    return environment


def _policy(css: str) -> str:
    """Return the Content-Security-Policy of a page with this style sheet: nothing is loaded, and no script runs.

    Attributes may have styles (bars, the drawings by matplotlib). Browsers that do not know style-src-elem and
    style-src-attr (before 2022) take style-src in their place.
    """
    sheet = base64.b64encode(hashlib.sha256(css.encode()).digest()).decode()
    return (
        f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; style-src-elem 'sha256-{sheet}'; "
        "style-src-attr 'unsafe-inline'; base-uri 'none'; form-action 'none'"
    )


def _number(value: float | None, digits: int = 3) -> str:
    return "–" if value is None else f"{value:.{digits if abs(value) < 100 else 0}f}"


def _count(value: float) -> str:
    return "" if not value else f"{value:.0f}" if value == round(value) else f"{value:.1f}"


def _short(text: str, length: int) -> str:
    return text if len(text) <= length else text[: max(1, length - 1)] + "…"
