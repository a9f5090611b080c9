"""`POST /model/parse_many`: many texts in one request, each answered as `/model/parse` would answer it.

Rasa's own address takes one text a request; of the time that takes, most is the request's and the graph's, not the
model's. Body: `{"texts": ["en|i need food", ...]}`, at most MOST of them. Answer: a list, in the same order.
"""

from __future__ import annotations

import json
from typing import Any

MOST = 100


def add_to(app: Any, token: str) -> None:
    """Give Rasa's application the further address, behind the same token."""
    from rasa.core.channels.channel import UserMessage  # noqa: PLC0415 (imports Rasa)
    from rasa.core.processor import PLACEHOLDER_MESSAGE, PLACEHOLDER_TRACKER  # noqa: PLC0415
    from rasa.server import requires_auth  # noqa: PLC0415
    from rasa.shared.core.trackers import DialogueStateTracker  # noqa: PLC0415
    from sanic import response  # noqa: PLC0415

    @app.post("/model/parse_many")
    @requires_auth(app, token)
    async def parse_many(request: Any) -> Any:
        texts = wanted(request.body)
        if texts is None:
            return response.json({"status": "failure", "reason": "BadRequest"}, status=400)
        processor = app.ctx.agent.processor
        target = processor.model_metadata.nlu_target
        given = {
            PLACEHOLDER_MESSAGE: [UserMessage(text) for text in texts],
            PLACEHOLDER_TRACKER: DialogueStateTracker.from_events("", []),
        }
        read = processor.graph_runner.run(inputs=given, targets=[target])[target]
        return response.json([message.as_dict(only_output_properties=True) for message in read])


def wanted(body: bytes) -> list[str] | None:
    """The texts of a request; None when it is not one."""
    try:
        texts = json.loads(body)["texts"]
    except (ValueError, KeyError, TypeError):
        return None
    fits = isinstance(texts, list) and 0 < len(texts) <= MOST and all(isinstance(text, str) and text for text in texts)
    return texts if fits else None
