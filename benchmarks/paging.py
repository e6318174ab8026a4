"""Listing a hundred thousand stored requests page by page."""

from __future__ import annotations

import os
import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from engines import CREDENTIALS, DynamoDBLocal
from report import Growth, Row
from sentinel import times
from sentinel.provisioner import TableProvisioner
from sentinel.requests import RequestStore
from sentinel.schema import approval_table_schema

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

TABLE = "bench-paging"
STORED = 100_000
PAGE = 1000
BEGUN = 1_790_000_000  # any moment


def measure() -> tuple[list[Row], list[Growth]]:
    with DynamoDBLocal() as engine:
        client = engine.client()
        TableProvisioner(client).create(approval_table_schema(TABLE))
        fill(client)
        with patch.dict(os.environ, {**CREDENTIALS, "AWS_ENDPOINT_URL_DYNAMODB": engine.endpoint}):
            pages = walk(RequestStore(TABLE))
    tenth = len(pages) // 10
    first, last = (statistics.median(seconds for seconds, _ in part) for part in (pages[:tenth], pages[-tenth:]))
    row = Row(
        f"a page of {PAGE:,} among {STORED:,} stored requests: the last pages",
        f"{last * 1000:.0f} ms",
        "the first pages",
        f"{first * 1000:.0f} ms",
        last / first,
        "flat",
        "CPU time of the listing process, page after page by cursor, one index key on DynamoDB Local; medians of the"
        " first and the last tenth of the pages.",
    )
    grown = Growth(
        f"Pages of a list, {PAGE:,} requests on each page",
        ["page", "CPU time", "memory of the process"],
        [
            [str(number + 1), f"{pages[number][0] * 1000:.0f} ms", f"{pages[number][1] / 2**20:.0f} MiB"]
            for number in [0, *range(tenth - 1, len(pages), tenth)]
        ],
        "Each page is one Query that starts where the previous page ended, so no value grows with the page number.",
    )
    return [row], [grown]


def walk(store: RequestStore) -> list[tuple[float, int]]:
    """(CPU seconds, bytes of memory after it) of each page to the end."""
    store.list_by_requester("alice", PAGE)
    taken, found, cursor = [], 0, None
    while True:
        started = time.process_time()
        page = store.list_by_requester("alice", PAGE, cursor)
        taken.append((time.process_time() - started, _resident()))
        found += len(page.requests)
        cursor = page.cursor
        if cursor is None:
            assert found == STORED, found
            return taken


def fill(client: DynamoDBClient) -> None:
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda start: _put(client, start), range(0, STORED, 25)))


def _put(client: DynamoDBClient, start: int) -> None:
    items = [{"PutRequest": {"Item": _item(number)}} for number in range(start, start + 25)]
    left: Any = {TABLE: items}
    while left:
        left = client.batch_write_item(RequestItems=left).get("UnprocessedItems")


def _item(number: int) -> dict[str, Any]:
    made = times.stamp((BEGUN + number) * times.SECOND)
    texts = {
        "id": f"{number:016x}",
        "requester": "alice",
        "profile": f"profile-{number % 7}",
        "justification": "a justification of middling length, as people write them",
        "status": "approved",
        "approver": "bob",
        "created_at": made,
        "updated_at": made,
        "expires_at": times.stamp(4 * 10**9 * times.SECOND),
    }
    numbers = {"duration": 3600 * times.SECOND, "ttl": 4 * 10**9}
    return {name: {"S": text} for name, text in texts.items()} | {name: {"N": str(n)} for name, n in numbers.items()}


def _resident() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")
