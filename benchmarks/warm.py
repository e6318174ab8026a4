"""CPU time of warm calls beside that of a bare boto3 client, of PynamoDB, and of Powertools' idempotency."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import tempfile
from pathlib import Path

from engines import CREDENTIALS, ROOT
from report import Growth, Row
from stub import AwsStub

HERE = Path(__file__).resolve().parent
PYTHON = ROOT / ".venvs" / "bench" / "bin" / "python"
TABLE = "sentinel-requests"
ITEM = {
    "id": {"S": "0123456789abcdef"},
    "requester": {"S": "alice"},
    "profile": {"S": "prod"},
    "justification": {"S": "on call: the queue is stuck"},
    "duration": {"N": "3600000000000"},
    "status": {"S": "pending"},
    "created_at": {"S": "2026-11-21T02:08:00.123451Z"},
    "updated_at": {"S": "2026-11-21T02:08:00.123451Z"},
    "expires_at": {"S": "2096-11-22T02:08:00.123451Z"},
    "ttl": {"N": "4003006080"},
    "write_id": {"S": "0123456789abcdef"},
}
PAGE = [{**ITEM, "id": {"S": f"{number:016x}"}} for number in range(100)]
ANSWERS = {
    "GetItem": {"Item": ITEM},
    "PutItem": {},
    "UpdateItem": {"Attributes": ITEM},
    "DeleteItem": {},
    "Query": {"Items": PAGE, "Count": 100, "ScannedCount": 100},
}
VARIABLES = {
    "SENTINEL_TABLE": TABLE,
    "SENTINEL_LEDGER": "sentinel-ledger",
    "POWERTOOLS_SERVICE_NAME": "sentinel",
    "POWERTOOLS_METRICS_NAMESPACE": "Sentinel",
}
REFERENCES = {
    "boto3": "the same call on a bare boto3 client",
    "pynamodb": "PynamoDB",
    "idempotency": "Powertools idempotency around PutItem",
}
TARGETS = {"create": "≤ 0.92", "list of 100": "≤ 0.38"}  # beside boto3
METHOD = (
    "CPU time of one process that alternates between the two, {} calls each, against a DynamoDB stub over HTTPS in"
    " another process. The ratio is the median of all turns."
)


def measure() -> tuple[list[Row], list[Growth]]:
    with tempfile.TemporaryDirectory() as name, AwsStub(Path(name), ANSWERS) as aws:
        env = {
            **{key: os.environ[key] for key in ("PATH", "HOME") if key in os.environ},
            **CREDENTIALS,
            "AWS_ENDPOINT_URL_DYNAMODB": aws.endpoint,
            "AWS_CA_BUNDLE": str(aws.authority),
            "PYTHONPATH": str(ROOT / "layers" / "sentinel"),
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        command = [str(PYTHON), str(HERE / "warm_calls.py"), aws.endpoint, TABLE]
        done = subprocess.run(command, env=env, stdout=subprocess.PIPE, check=True)  # noqa: S603
    figures: dict[str, dict[str, list[float]]] = json.loads(done.stdout)
    rows = [
        _row(operation, reference, taken["sentinel"], taken[reference])
        for reference in REFERENCES
        for operation, taken in figures.items()
        if reference in taken
    ]
    return rows, []


def _row(operation: str, reference: str, ours: list[float], theirs: list[float]) -> Row:
    ratios = [mine / yours for mine, yours in zip(ours, theirs, strict=True)]
    listing = operation.startswith("list")
    target = TARGETS.get(operation, "≤ 0.85") if reference == "boto3" else "< 1.00"
    against = "its Query and TypeDeserializer" if reference == "boto3" and listing else REFERENCES[reference]
    return Row(
        f"CPU of a warm {operation}",
        _microseconds(ours),
        against,
        _microseconds(theirs),
        statistics.median(ratios),
        target,
        METHOD.format(10),
    )


def _microseconds(figures: list[float]) -> str:
    return f"{statistics.median(figures):.0f} µs"
