"""What a lesson may be asked for. Imports nothing: the web service names it without what teaching needs."""

from __future__ import annotations

from typing import Literal

MODEL, SKELETONS = "i3d-kinetics-400", "everyday-14"
"""The networks that are taught where none is named: with images, and with people's skeletons."""
Person = Literal["moving", "largest", "all"]
"""Who of several people counts: at each moment whoever moves most or is largest in the image, or all."""
