"""What comes in: CloudFormation's events, polls, and polls of the version before this one."""

from __future__ import annotations

import calendar
import json
import os
import time
from typing import Any
from urllib.parse import parse_qs, urlsplit

from sentinel.errors import InvalidEvent
from sentinel.partitions import response_host_of

REQUIRED = ("RequestType", "ResponseURL", "StackId", "RequestId", "LogicalResourceId")
# The most bytes, as JSON, of each id that an answer repeats. CloudFormation's own ids are shorter.
REPEATED = {"StackId": 512, "RequestId": 512, "LogicalResourceId": 512, "PhysicalResourceId": 1026}
POLL = {"resource", "request"}


def is_poll(event: Any) -> bool:
    """Whether it is a poll: an event with a key of the ledger and nothing else."""
    return isinstance(event, dict) and event.keys() == POLL and all(isinstance(each, str) for each in event.values())


def check(event: dict[str, Any], *, any_host: bool) -> None:
    """Raises `InvalidEvent` for what CloudFormation cannot have sent. `any_host` allows a ResponseURL outside
    CloudFormation's response buckets (local engines)."""
    wrong = [name for name in REQUIRED if not isinstance(event.get(name), str)]
    wrong += [name for name in ("PhysicalResourceId",) if not isinstance(event.get(name, ""), str)]
    for name, most in REPEATED.items():
        text = event.get(name, "")
        if name not in wrong and not (str(text).isprintable() and len(json.dumps(text)) <= most):
            wrong.append(name)
    if "ResourceProperties" not in event:
        wrong.append("ResourceProperties")
    if "RequestType" not in wrong and event["RequestType"] not in ("Create", "Update", "Delete"):
        wrong.append("RequestType")
    if wrong:
        raise InvalidEvent(
            f"Not an event of a custom resource: {', '.join(wrong)} is missing or invalid.",
            "Use the function's ARN as ServiceToken, or invoke it with an action.",
        )
    if not any_host:
        check_host(event["ResponseURL"])


def check_host(url: str) -> None:
    try:
        parts = urlsplit(url)
    except ValueError:
        parts = urlsplit("")
    if parts.scheme != "https" or not response_host_of(os.environ.get("AWS_REGION", "")).fullmatch(parts.netloc):
        raise InvalidEvent("The ResponseURL's host is not one of CloudFormation's response buckets.")


def signed_at(url: str) -> float:
    """When a presigned URL was signed (X-Amz-Date), in seconds since the epoch; 0 where it does not say.

    CloudFormation signs the URL when it sends the request, so this orders the requests of a resource.
    """
    try:
        text = parse_qs(urlsplit(url).query).get("X-Amz-Date", [""])[0]
        return float(calendar.timegm(time.strptime(text, "%Y%m%dT%H%M%SZ")))
    except ValueError:
        return 0.0
