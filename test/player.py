"""Plays frames through a continual network."""

import numpy as np
import onnxruntime


def session(model):
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL  # it fuses Pad wrongly
    return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


class Player:
    """Streams through a continual network; the states of each stream are kept by the caller."""

    def __init__(self, twin):
        self.twin = twin
        self.session = session(twin.model)

    def start(self, batch=1):
        return {state.input: np.zeros((batch, *state.shape), state.dtype) for state in self.twin.states}

    def step(self, frames, states):
        names = [self.twin.output, *(state.output for state in self.twin.states)]
        rows, *following = self.session.run(names, {"clips": frames, **states})
        states.update(zip(states, following, strict=True))
        return rows

    def all(self, frames, steps):
        states, at, rows = self.start(), 0, []
        for length in steps:
            rows.append(self.step(frames[:, :, at : at + length], states))
            at += length
        return np.concatenate(rows)
