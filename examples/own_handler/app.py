"""Whether somebody has an approved request for a profile: `{"user", "profile"}` → `{"may_enter", "until"}`."""

import os

from sentinel.requests import RequestStore

store = RequestStore(os.environ["REQUESTS_TABLE"])


def handler(event: dict[str, str], _context: object) -> dict[str, object]:
    request = store.active(event["user"], event["profile"])
    return {"may_enter": request is not None, "until": request.access_until if request else None}
