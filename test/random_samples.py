"""Samples with random embeddings, of classes that can be told apart."""

from pathlib import Path

import numpy as np

from har_ros.learning.samples import Example, Samples


def made(classes, groups, embeddings=None, windows=1, seed=0, width=12):
    """Return samples of examples with random embeddings, `width` numbers, that lie around a centre of their class."""
    rng = np.random.default_rng(seed)
    classes = np.asarray(classes)
    labels = tuple(f"class {i}" for i in range(classes.max() + 1))
    if embeddings is None:
        embeddings = rng.normal(size=(len(labels), width))[classes] * 1.2 + rng.normal(size=(len(classes), width))
    examples = tuple(
        Example(f"e{i}", Path(f"e{i}"), "", int(c), str(g), 0, 1)
        for i, (c, g) in enumerate(zip(classes, groups, strict=True))
    )
    owner = np.repeat(np.arange(len(classes)), windows)
    rows = np.asarray(embeddings, np.float32)[owner]
    rows = rows + rng.normal(scale=0.1, size=rows.shape).astype(np.float32)
    views = np.stack([rows, rows + rng.normal(scale=0.05, size=rows.shape)], axis=1).astype(np.float32)
    return Samples(labels, examples, owner, views, np.zeros((len(owner), 2, 16, 16), np.uint8))


def balanced(classes=3, groups=6, each=3, **options):
    return made(
        *zip(*[(c, g) for c in range(classes) for g in range(groups) for _ in range(each)], strict=True), **options
    )
