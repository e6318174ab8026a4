"""Ends polls of version 0.1, whose rules carried the whole event; the next deploy continues from there."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from answer import body
from event import check_host
from poll_rule import PREFIX

if TYPE_CHECKING:
    from collections.abc import Callable

    from poll_rule import PollRule

REASON = "SUPERSEDED: the provisioner was upgraded while this request was in progress. Deploy again to continue."


def is_one(event: Any) -> bool:
    return isinstance(event, dict) and "CrHelperPoll" in event and isinstance(event.get("Table"), str)


def end(event: dict[str, Any], rule: PollRule, send: Callable[[str, bytes], int]) -> None:
    """Answers FAILED, if anybody still waits, and removes the rule."""
    if not event.get("Detached"):
        check_host(event["ResponseURL"])
        send(event["ResponseURL"], body(event, "FAILED", event["Table"], reason=REASON).encode())
    key = json.dumps([event["StackId"], event["LogicalResourceId"], event["Table"]])
    rule.remove_named(PREFIX + hashlib.sha256(key.encode()).hexdigest()[:32])
