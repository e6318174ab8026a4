"""ChangesFunction: publishes each change of a record to an event bus, from the streams of the three tables.

An EventBridge Pipe would need no code, but its input templates put values into JSON without escaping them: a requester
whose name holds quotation marks could write a status of their own into the event.

Lambda takes all records before the lowest `itemIdentifier` as done, and delivers the others again. So a change is
published at least once, and none is lost while the stream keeps it.
"""

from __future__ import annotations

import gc

gc.disable()  # imported objects stay: scanning them again and again takes 3 % of a cold start

import os
from typing import Any

from aws_lambda_powertools import Logger
from sentinel.bus import Bus
from sentinel.changes import BREAK_GLASS, REQUESTS, SESSIONS, entry_of

logger = Logger()
bus = Bus(os.environ["SENTINEL_EVENT_BUS"])
kinds = {
    os.environ["SENTINEL_REQUESTS_TABLE"]: REQUESTS,
    os.environ["SENTINEL_BREAKGLASS_TABLE"]: BREAK_GLASS,
    os.environ["SENTINEL_SESSIONS_TABLE"]: SESSIONS,
}


def handler(event: Any, context: Any) -> dict[str, list[dict[str, str]]]:
    """Publishes a batch of a stream's records. Returns the first that could not be published as `batchItemFailures`."""
    if context is not None:
        logger.set_correlation_id(context.aws_request_id)
    sequences, entries = [], []
    for record in event["Records"]:
        kind = kinds[record["eventSourceARN"].split("/")[1]]
        if entry := entry_of(record, kind):
            sequences.append(record["dynamodb"]["SequenceNumber"])
            entries.append(entry)
    failed = bus.put(entries)
    if failed is None:
        logger.info("published", extra={"changes": len(entries)})
        return {"batchItemFailures": []}
    logger.error("not published; Lambda delivers it again", extra={"published": failed.position, "error": failed.code})
    return {"batchItemFailures": [{"itemIdentifier": sequences[failed.position]}]}


gc.enable()
gc.freeze()
