"""A network for MLServer, whose environment runs this, as inference_server.py has it."""

import numpy as np
from mlserver import MLModel
from mlserver.codecs import NumpyCodec
from mlserver.types import InferenceResponse


class FirstValues(MLModel):
    async def predict(self, payload):
        frames = NumpyCodec.decode_input(payload.inputs[0])
        row = frames.reshape(len(frames), -1)[:, :5].astype(np.float32) / 256
        return InferenceResponse(id=payload.id, model_name=self.name, outputs=[NumpyCodec.encode_output("output", row)])
