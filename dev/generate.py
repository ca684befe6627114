"""Writes what comes from the table of parameters: config/actionnet.yaml and docs/reference/parameters.md.

python dev/generate.py [--check]: with --check it ends with status 1 when a file is not as it would be written.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import yaml

from har_ros.settings import ACTIONNET, RECORD_ACTION, VIDEO_SOURCE, Parameter

ROOT = Path(__file__).parents[1]
FILE_HEAD = """\
# Every parameter of the actionnet node, with its default. Those marked * can change at run time.
# Use a copy:  ros2 launch har_ros actionnet.launch.py params_file:=/path/to/my.yaml
/**:
  ros__parameters:
"""
PAGE_HEAD = """\
# Parameters

Made from the table in `har_ros/settings.py` by `make generate`. They are given with `ros2 launch` (`threshold:=0.3`),
with `ros2 run … --ros-args -p threshold:=0.3`, in a parameter file, and with `ros2 param set` where they can change at
run time. The options of `actionnet INPUT` have the same names: `--top-k` is `top_k`.
"""


def parameter_file() -> str:
    """Return config/actionnet.yaml."""
    blocks = []
    for row in ACTIONNET:
        choices = f" One of {', '.join(row.choices)}." if row.choices else ""
        mark = " *" if row.at_run_time else ""
        value = yaml.safe_dump(row.default, default_flow_style=True, width=1000).removesuffix("...\n").strip()
        blocks.append(f"    # {row.description}{choices}{mark}\n    {row.name}: {value.replace(chr(39), chr(34))}\n")
    return FILE_HEAD + "\n".join(blocks)


def page() -> str:
    """Return docs/reference/parameters.md."""
    tables = {"actionnet": ACTIONNET, "video_source": VIDEO_SOURCE, "record_action": RECORD_ACTION}
    return PAGE_HEAD + "".join(f"\n## {name}\n\n{_table(rows, name)}" for name, rows in tables.items())


def _table(rows: Sequence[Parameter], name: str) -> str:
    changes = name == "actionnet"  # the others' are read at the start
    lines = ["| parameter | default | what it is | give |" + (" when |" if changes else "")]
    lines.append("|---|---|---|---|" + ("---|" if changes else ""))
    for row in rows:
        cells = [f"`{row.name}`", f"`{row.default_text}`" if row.default_text else "", row.description, row.expected]
        cells += ["at run time" if row.at_run_time else "when configured"] if changes else []
        lines.append("| " + " | ".join(cell.replace("|", "\\|").replace("<", "&lt;") for cell in cells) + " |")
    return "\n".join(lines) + "\n"


def main() -> int:
    """Write the files, or check them. Returns the exit status."""
    status = 0
    files = {"config/actionnet.yaml": parameter_file(), "docs/reference/parameters.md": page()}
    for name, text in files.items():
        path = ROOT / name
        if path.is_file() and path.read_text(encoding="utf-8") == text:
            continue
        if "--check" in sys.argv:
            print(f"{name} is not what the table of parameters says; run: make generate")
            status = 1
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    return status


if __name__ == "__main__":
    sys.exit(main())
