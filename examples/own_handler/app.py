"""Whether somebody has an approved request for a profile: `{"user", "profile"}` → `{"may_enter", "until"}`."""

import os
from datetime import UTC, datetime, timedelta

from sentinel.requests import RequestStore

store = RequestStore(os.environ["REQUESTS_TABLE"])


def handler(event: dict[str, str], _context: object) -> dict[str, object]:
    now = datetime.now(UTC)
    cursor = None
    while True:
        page = store.list_by_requester(event["user"], cursor=cursor)
        for request in page.requests:
            if request.status == "approved" and request.profile == event["profile"]:
                # The approval is the last change of a request, so the access runs from then on.
                until = datetime.fromisoformat(request.updated_at) + timedelta(seconds=request.duration_seconds)
                if until > now:
                    return {"may_enter": True, "until": until.isoformat()}
        cursor = page.cursor
        if not cursor:
            return {"may_enter": False, "until": None}
