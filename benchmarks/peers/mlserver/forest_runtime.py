"""A custom runtime of MLServer (https://docs.seldon.ai/mlserver/user-guide/custom) that answers with the forest."""

from __future__ import annotations

from mlserver import MLModel
from mlserver.codecs import NumpyCodec
from mlserver.types import InferenceRequest, InferenceResponse

from benchmarks.peers.forest import Forest


class ForestRuntime(MLModel):
    """Decodes the tensor ``rates`` and encodes the answer's numbers as a tensor."""

    async def load(self) -> bool:
        """Loads the forest."""
        self._forest = Forest(self.settings.parameters.uri)
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        """Answers one request."""
        import numpy as np

        rates = self.decode(payload.inputs[0], default_codec=NumpyCodec)
        answers = self._forest.answers(rates.tolist())
        numbers = np.array([[of["predicted_rate"], of["sigma"], *of["factors"]] for of in answers])
        return InferenceResponse(
            id=payload.id, model_name=self.name, outputs=[NumpyCodec.encode_output("answers", numbers)]
        )
