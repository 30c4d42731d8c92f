import numpy as np
from mlserver import MLModel
from mlserver.codecs import NumpyCodec, StringCodec
from mlserver.types import InferenceRequest, InferenceResponse

from flights import open_session


class Flights(MLModel):
    async def load(self) -> bool:
        self.session = open_session()
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        feeds = {}
        for tensor in payload.inputs:
            if tensor.datatype == "BYTES":
                feeds[tensor.name] = np.array(StringCodec.decode_input(tensor), dtype=object).reshape(-1, 1)
            else:
                feeds[tensor.name] = NumpyCodec.decode_input(tensor)
        probabilities, index = self.session.run(["probabilities", "class_index"], feeds)
        return InferenceResponse(
            model_name=self.name,
            outputs=[
                NumpyCodec.encode_output("probabilities", probabilities),
                NumpyCodec.encode_output("class_index", index),
            ],
        )
