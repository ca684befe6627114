"""What is said of a dataset and of what was taught with it, in sentences."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from har_ros.learning.class_folders import ENOUGH
from har_ros.learning.duplicates import Pair
from har_ros.learning.samples import Samples
from har_ros.truth.segments import NONE


def advice(measured: Mapping[str, Any]) -> list[str]:
    """Return what would help most, in sentences."""
    texts = []
    classes = measured["figures"]["classes"]
    if lost := [row["label"] for row in classes if row["clips"] and row["recall"]["value"] == 0]:
        texts.append(
            f"Other or more clips of {', '.join(lost)}: not one of theirs was recognised; the report's confusion says "
            "what they were taken for."
        )
    for row in measured["gains"][:2]:
        if row["cost_of_half"] > 0.005:
            texts.append(
                f"More clips of {row['label']}: taught with half of them, the mean F1 of the classes fell by "
                f"{row['cost_of_half']:.3f}."
            )
    curve = measured["learning_curve"]
    if len(curve) > 1:
        gain = curve[-1]["accuracy"]["value"] - curve[-2]["accuracy"]["value"]
        sizes = f"from {curve[-2]['clips_per_class']} to {curve[-1]['clips_per_class']} clips per class"
        if gain > 0.01:
            texts.append(
                f"More clips of all classes: {sizes}, accuracy before any rejection rose by {gain:.3f}, and may rise "
                "further."
            )
    sources = measured["source_curve"]
    if len(sources) > 1:
        gain = sources[-1]["accuracy"]["value"] - sources[-2]["accuracy"]["value"]
        before, after = (round(row["groups_per_class"], 1) for row in sources[-2:])
        groups = f"from {before:g} to {after:g} groups per class on average"
        if gain > 0.01:
            texts.append(
                f"Clips of more sources or people: {groups}, accuracy before any rejection rose by {gain:.3f}, and may "
                "rise further."
            )
    few = [row["label"] for row in classes if 0 < row["groups"] < ENOUGH]
    if few:
        texts.append(f"Clips of other sources or people, for {', '.join(few)}: there are fewer than {ENOUGH}.")
    background = measured["background"]
    taught = background["windows"] or (background["nothing"] or {}).get("mined")
    if not taught and not any(row["label"] == NONE and row["clips"] for row in classes):
        texts.append(f"A class {NONE} with anything else: without it, what resembles a class is taken for that.")
    return texts


def doubt(log_loss: Mapping[str, float]) -> str:
    """Say so when the scores of clips that were not taught with are not known to be better than guessing; else "".

    log_loss: see validate.log_loss.
    """
    value, low, high, guessing = (log_loss[name] for name in ("value", "low", "high", "guessing"))
    if (high if math.isfinite(high) else value) < guessing:
        return ""
    interval = f" ({low:.2f} … {high:.2f})" if math.isfinite(high) else ""
    return (
        f"The scores of clips that were not taught with may be no better than guessing: their log loss is "
        f"{value:.2f}{interval}, that of guessing {guessing:.2f}. More clips, of more sources or people, are needed."
    )


def pair_in_words(samples: Samples, pair: Pair) -> str:
    """Say in a sentence what two near-duplicates mean."""
    one, other = samples.examples[pair.one], samples.examples[pair.other]
    text = f"{one.name} and {other.name} are near-duplicates" + (", mirrored" if pair.mirrored else "")
    if one.label != other.label:
        names = f"{samples.labels[one.label]} and {samples.labels[other.label]}"
        return f"{text} in two classes, {names}; remove one of them"
    if one.group != other.group:
        return f"{text} in two groups, {one.group} and {other.group}, which are taken as one; remove one of them"
    return f"{text}; remove one of them"


def pair_to_dict(samples: Samples, pair: Pair) -> dict[str, Any]:
    """Return what metrics.json has of two near-duplicates."""
    one, other = samples.examples[pair.one], samples.examples[pair.other]
    return {
        "across_groups": one.group != other.group,
        "across_classes": one.label != other.label,
        "text": pair_in_words(samples, pair),
    }
