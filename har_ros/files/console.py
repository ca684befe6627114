"""What rich is to leave alone."""

from __future__ import annotations

from typing import Any

PLAIN: dict[str, Any] = {"markup": False, "highlight": False, "soft_wrap": True}
"""How rich prints a sentence as it is."""
