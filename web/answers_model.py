"""What the HTTP interface answers besides predictions, as models for its OpenAPI document."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field

from ratecast.contract.messages import Prediction


class Fault(BaseModel):
    """Why a request was not done."""

    code: str = Field(description="A code for programs. With status 422 it is that of the dead letter.")
    message: str = Field(description="A sentence for people.")


class Pending(BaseModel):
    """A message that is published and whose prediction is not there yet."""

    message_id: str
    location: str = Field(description="Where the prediction will be, as in the header `Location`.")
    message: str = Field(description="A sentence for people.")


Responses = dict[int | str, dict[str, Any]]

UNAUTHORIZED: Responses = {401: {"model": Fault, "description": "A token is needed."}}
PREDICT: Responses = {
    **UNAUTHORIZED,
    200: {
        "model": Prediction,
        "description": "The prediction. `Server-Timing` says how long it took through Kafka.",
    },
    202: {"model": Pending, "description": "No prediction in time. Ask at `Location` again."},
    403: {"model": Fault, "description": "A page of another origin sent the request."},
    408: {"model": Fault, "description": "The body did not arrive in time."},
    413: {"model": Fault, "description": "The body is too long."},
    415: {"model": Fault, "description": "The body is not declared as JSON."},
    422: {
        "model": Fault,
        "description": "The message cannot be scored. The code is that of its dead letter.",
    },
    429: {
        "model": Fault,
        "description": "Too many requests wait. `Retry-After` says for how long not to ask again.",
    },
    503: {"model": Fault, "description": "Kafka cannot be reached."},
}
ONE: Responses = {
    **UNAUTHORIZED,
    200: {"model": Prediction, "description": "The prediction."},
    202: {"model": Pending, "description": "The message is published, and its prediction is not there yet."},
    404: {"model": Fault, "description": "No such message is known. It may be too long ago."},
    422: {"model": Fault, "description": "The message could not be scored."},
}
MANY: Responses = {
    **UNAUTHORIZED,
    200: {"model": list[Prediction], "description": "The newest predictions, newest first."},
    422: {"model": Fault, "description": "A parameter is wrong."},
}
STREAM: Responses = {
    **UNAUTHORIZED,
    200: {
        "description": "Server-sent events. Each event `prediction` has a prediction as its data. An event `cut` is the "
        "last one for a client that falls behind.",
        "content": {"text/event-stream": {}},
    },
    503: {"model": Fault, "description": "Too many streams are open."},
}
