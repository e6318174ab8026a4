"""Deploys: what a finished table costs, and how long several index builds take in one update."""

from __future__ import annotations

import json
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import boto3
from cold_start import Function, answer_once
from deployment import deploy, put_stack
from engines import CREDENTIALS, DynamoDBLocal, MiniStack
from moto import mock_aws
from msgspec import structs
from provisioning import Owner
from report import Growth, Row
from sentinel.feature import Goal
from sentinel.look import Look
from sentinel.properties import read_properties
from sentinel.provisioner import TableProvisioner
from sentinel.run import Run
from sentinel.schema import GlobalSecondaryIndex, KeyAttribute, approval_table_schema
from stub import FUNCTION_ARN, LEDGER, AwsStub

if TYPE_CHECKING:
    from artifacts import Artifacts
    from sentinel.schema import TableSchema

INTERVAL = 69.0  # seconds until a rule of one minute calls for the first time, at the longest seen
STACK = "arn:aws:cloudformation:us-east-1:123456789012:stack/sentinel/5b0c1c80-aaaa-bbbb-cccc-0a1b2c3d4e5f"
OWNER = Owner(STACK, "RequestsTable")
CREATE = {
    "RequestType": "Create",
    "ResponseURL": "given by the stub",
    "StackId": STACK,
    "RequestId": "1c1fd2a3-aaaa-bbbb-cccc-0a1b2c3d4e5f",
    "ResourceType": "Custom::DynamoDBTable",
    "LogicalResourceId": "RequestsTable",
    "ResourceProperties": {"ServiceToken": FUNCTION_ARN, "Schema": "approval"},
}


def finished_table(schema: TableSchema) -> dict[str, Any]:
    """What the looks at a finished table answer, by operation: as moto does after the provisioner made it."""
    with mock_aws():
        client = boto3.client(
            "dynamodb",
            region_name=CREDENTIALS["AWS_DEFAULT_REGION"],
            aws_access_key_id="moto",
            aws_secret_access_key="moto",  # noqa: S106
        )
        made = TableProvisioner(client, sleep=lambda _: None).create_as(Goal(schema=schema, label=OWNER.mark))
        name = {"TableName": schema.table_name}
        answers = {
            "DescribeTable": client.describe_table(**name),
            "DescribeTimeToLive": client.describe_time_to_live(**name),
            "DescribeContinuousBackups": client.describe_continuous_backups(**name),
            "ListTagsOfResource": client.list_tags_of_resource(ResourceArn=made.arn),
        }
    plain: dict[str, Any] = json.loads(json.dumps(answers, default=lambda moment: moment.timestamp()))
    return plain


def measure(artifacts: Artifacts) -> tuple[list[Row], list[Growth]]:
    """A deploy that finds everything as declared: the calls of the built function."""
    answers = finished_table(approval_table_schema())
    with tempfile.TemporaryDirectory() as name, AwsStub(Path(name), answers) as aws:
        answer_once(Function(artifacts.path("TableProvisionerFunction")), CREATE, aws)
        calls = [request.rpartition(".")[2] for request in aws.requests if request.startswith("POST")]
    reads = [call for call in calls if call in answers]
    ledger = [call for call in calls if call in LEDGER]
    row = Row(
        "AWS calls of a deploy that finds a table as declared",
        f"{len(reads)} reads, {len(calls) - len(reads) - len(ledger)} writes, {len(ledger)} to the ledger",
        "one describe call for each thing declared",
        f"{len(answers)} reads",
        (len(calls) - len(ledger)) / len(answers),
        "1.00, no write",
        "The calls of the built function to a stub for AWS during CloudFormation's Create. The calls to the ledger are"
        " additional: they claim the request and record its answer.",
    )
    return [row], [reads_by_declaration()]


DECLARATIONS: dict[str, dict[str, Any]] = {
    "nothing but the schema": {},
    "a resource policy": {"ResourcePolicy": {"PolicyDocument": {"Version": "2012-10-17", "Statement": []}}},
    "a stream with a policy": {
        "StreamSpecification": {
            "StreamViewType": "KEYS_ONLY",
            "ResourcePolicy": {"PolicyDocument": {"Version": "2012-10-17", "Statement": []}},
        }
    },
    "a Kinesis destination": {
        "KinesisStreamSpecification": {"StreamArn": "arn:aws:kinesis:us-east-1:123456789012:stream/changes"}
    },
    "contributor insights": {"ContributorInsightsSpecification": {"Enabled": True}},
    "a key by its alias": {"SSESpecification": {"SSEEnabled": True, "SSEType": "KMS", "KMSMasterKeyId": "alias/own"}},
}


def reads_by_declaration() -> Growth:
    """How the reads of a look grow with what is declared."""
    answers = finished_table(approval_table_schema())
    key = {"SSEType": "KMS", "Status": "ENABLED", "KMSMasterKeyArn": "arn:aws:kms:us-east-1:123456789012:key/1"}
    answers["DescribeTable"]["Table"] |= {
        "SSEDescription": key,
        "StreamSpecification": {"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"},
        "LatestStreamArn": "arn:aws:dynamodb:us-east-1:123456789012:table/sentinel-requests/stream/1",
    }
    answers |= {
        "GetResourcePolicy": {"Policy": "{}"},
        "DescribeKinesisStreamingDestination": {"KinesisDataStreamDestinations": []},
        "DescribeContributorInsights": {"ContributorInsightsStatus": "ENABLED"},
        "DescribeKey": {"KeyMetadata": {"KeyId": "1", "Arn": key["KMSMasterKeyArn"]}},
    }
    rows: list[list[str]] = []
    together: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as name, AwsStub(Path(name), answers) as aws:
        session = boto3.Session(aws_access_key_id="stub", aws_secret_access_key="stub")  # noqa: S106
        where: Any = {"endpoint_url": aws.endpoint, "verify": str(aws.authority)}
        where["region_name"] = CREDENTIALS["AWS_DEFAULT_REGION"]
        provisioner = TableProvisioner(session.client("dynamodb", **where), kms=session.client("kms", **where))

        def reads(properties: dict[str, Any]) -> str:
            aws.requests.clear()
            declared = read_properties({"Schema": "approval", **properties})
            Look(provisioner).at(Goal(schema=declared.schema, label=OWNER.mark))
            return str(len(aws.requests))

        for what, properties in DECLARATIONS.items():
            rows.append([what, reads(properties)])
            together |= properties
        rows.append(["all of these", reads(together)])
    return Growth(
        "Read calls of a deploy, by what the table declares",
        ["declared", "read calls"],
        rows,
        "The number of reads does not grow with the number of indexes, items or earlier deploys.",
    )


def index_builds() -> tuple[list[Row], list[Growth]]:
    """Four indexes added in one update, on an engine where each build takes about half a minute."""
    former = structs.replace(approval_table_schema("bench-builds"), global_secondary_indexes=())
    added = tuple(GlobalSecondaryIndex(f"gsi-{n}", (KeyAttribute(f"key{n}", "S"),)) for n in range(1, 5))
    schema = structs.replace(former, global_secondary_indexes=added)
    with DynamoDBLocal(delay_transient_statuses=True) as engine:
        client = engine.client()
        TableProvisioner(client).create(former)
        with _Builds(engine, "bench-builds") as builds:
            started = time.monotonic()
            outcome = Run(TableProvisioner(client), Goal(schema=schema, traces=(former,))).until(time.time() + 600)
            taken = time.monotonic() - started
    assert outcome.done, outcome.waiting_for
    ended = sorted(end - started for _, end in builds.spans.values())
    lasted = [end - begin for begin, end in sorted(builds.spans.values())]
    row = Row(
        "four index builds in one update, waited for",
        f"{taken:.0f} s",
        "the builds themselves, one after another",
        f"{sum(lasted):.0f} s",
        taken / sum(lasted),
        "≤ 1.10",
        "Wall time on DynamoDB Local with delayed statuses. An observer polls five times per second and adds up the"
        " time for which each index was CREATING.",
    )
    grown = Growth(
        "Indexes added in one update",
        ["index", "ACTIVE after", "sum of the build times"],
        [[str(n), f"{ended[n - 1]:.0f} s", f"{sum(lasted[:n]):.0f} s"] for n in range(1, len(added) + 1)],
        "DynamoDB builds one index at a time. The provisioner starts the next one within two seconds.",
    )
    return [row], [grown]


def polled_builds(artifacts: Artifacts) -> tuple[list[Row], list[Growth]]:
    """The same four builds through CloudFormation, handed over to polls after five seconds."""
    name = "sentinel-bench"
    table: dict[str, Any] = {
        "Type": "Custom::DynamoDBTable",
        "Properties": {
            "ServiceToken": {"Fn::ImportValue": "bench-TableServiceToken"},
            "TableName": name,
            "BillingMode": "PAY_PER_REQUEST",
            "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
            "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
        },
    }
    template = {"Resources": {"Table": table}}
    with DynamoDBLocal(delay_transient_statuses=True) as engine, MiniStack() as aws:
        deploy(
            aws,
            artifacts.application / "template.yaml",
            "bench",
            DynamoDBEndpointUrl=engine.endpoint,
            PointInTimeRecovery="false",  # which DynamoDB Local does not know
            InlineWaitSeconds="5",
        )
        put_stack(aws, "table", json.dumps(template))
        keys = [f"key{n}" for n in range(1, 5)]
        table["Properties"]["AttributeDefinitions"] += [{"AttributeName": key, "AttributeType": "S"} for key in keys]
        table["Properties"]["GlobalSecondaryIndexes"] = [
            {
                "IndexName": f"by-{key}",
                "KeySchema": [{"AttributeName": key, "KeyType": "HASH"}],
                "Projection": {"ProjectionType": "ALL"},
            }
            for key in keys
        ]
        with _Builds(engine, name) as builds:
            started = time.monotonic()
            put_stack(aws, "table", json.dumps(template))
            taken = time.monotonic() - started
    assert len(builds.spans) == len(keys), builds.spans
    lasted = sum(end - begin for begin, end in builds.spans.values())
    return [
        Row(
            "the same four builds through CloudFormation, one hand-over to polling",
            f"{taken:.0f} s",
            "the builds themselves, one after another",
            f"{lasted:.0f} s",
            taken / lasted,
            f"≤ {1.10 + INTERVAL / lasted:.2f}: 1.10 and an interval",
            "A stack update on MiniStack; the table is on DynamoDB Local with delayed statuses; InlineWaitSeconds is 5."
            f" The first call of a new EventBridge rule comes after at most {INTERVAL:.0f} s.",
        )
    ], []


class _Builds:
    """Watches a table from outside: `spans` has when each index was first seen, and when it was first ACTIVE."""

    def __init__(self, engine: DynamoDBLocal, table: str) -> None:
        self._client = engine.client()
        self._table = table
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self.spans: dict[str, tuple[float, float]] = {}

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _watch(self) -> None:
        begun: dict[str, float] = {}
        last = False
        while not last:
            last = self._ended.wait(0.2)  # one more look after the end
            now = time.monotonic()
            for index in self._client.describe_table(TableName=self._table)["Table"].get("GlobalSecondaryIndexes", ()):
                name = index["IndexName"]
                begun.setdefault(name, now)
                if index["IndexStatus"] == "ACTIVE":
                    self.spans.setdefault(name, (begun[name], now))
