"""The body of an answer to CloudFormation."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_BODY = 4096  # bytes of an answer to CloudFormation


def body(
    event: Mapping[str, Any], status: str, physical_id: str, *, reason: str = "", data: dict[str, str] | None = None
) -> str:
    """An answer as JSON, its status first, within CloudFormation's size; it repeats the ids of `event`."""
    answer = {
        "Status": status,
        "PhysicalResourceId": physical_id
        or event.get("PhysicalResourceId")
        or f"{event['LogicalResourceId']}-not-made",
        "StackId": event["StackId"],
        "RequestId": event["RequestId"],
        "LogicalResourceId": event["LogicalResourceId"],
        "NoEcho": False,
        "Data": (data or {}) if status == "SUCCESS" else {},
    }
    return fit(answer, reason).decode()


def fit(body: dict[str, Any], reason: str) -> bytes:
    """The answer as bytes, its reason cut at the end so that the whole stays within CloudFormation's size."""

    def encoded(text: str) -> bytes:
        return json.dumps({**body, "Reason": text}, ensure_ascii=False).encode("utf-8", "replace")

    whole = encoded(reason)
    while len(whole) > MAX_BODY and reason:
        over = len(whole) - MAX_BODY
        reason = reason[: max(0, len(reason) - max(over // 4, 2))].rstrip("… ") + "…"
        if reason == "…":
            reason = ""
        whole = encoded(reason)
    return whole


def internal_error(error: BaseException) -> str:
    """The reason for an unexpected error: only its class and place, since its text may hold property values."""
    frame = error.__traceback__
    while frame and frame.tb_next:
        frame = frame.tb_next
    place = f"{frame.tb_frame.f_code.co_name}:{frame.tb_lineno}" if frame else "?"
    return f"INTERNAL_ERROR: {type(error).__name__} in {place}. Please report this."
