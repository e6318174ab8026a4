"""A table as described, and as declared, for tests of what a plan decides without a service."""

from __future__ import annotations

from typing import Any

from msgspec import structs
from sentinel.feature import NOT_SHOWN, Goal
from sentinel.features import FEATURES
from sentinel.plan import Plan, make_plan
from sentinel.schema import GlobalSecondaryIndex, KeyAttribute, TableSchema
from sentinel.table import Table, read_table

PLAIN: dict[str, Any] = {
    "TableName": "orders",
    "TableArn": "arn:aws:dynamodb:us-east-1:123456789012:table/orders",
    "TableStatus": "ACTIVE",
    "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
    "AttributeDefinitions": [{"AttributeName": name, "AttributeType": "S"} for name in ("id", "a", "b", "z", "theirs")],
    "BillingModeSummary": {"BillingMode": "PAY_PER_REQUEST"},
}
STREAM: dict[str, Any] = {
    "StreamSpecification": {"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"},
    "LatestStreamArn": "arn:stream",
}
Answers = dict[str, dict[str, Any]]  # of a feature's reads, by the feature's name


def is_now(*indexes: dict[str, Any], answers: Answers | None = None, **described: Any) -> Table:
    """The table, with nothing set but what DescribeTable (`described`) and the other reads (`answers`) show."""
    table = read_table(PLAIN | described | {"GlobalSecondaryIndexes": list(indexes)})
    shown = answers or {}
    seen = {each.name: each.see(table, shown.get(each.name, {})) for each in FEATURES}
    return structs.replace(table, seen=seen)


def unseen(table: Table, feature: str) -> Table:
    return structs.replace(table, seen=table.seen | {feature: NOT_SHOWN})


def declared(*indexes: str, **properties: Any) -> TableSchema:
    """The same table, as a template declares it; an index is named after its partition key."""
    named = tuple(GlobalSecondaryIndex(name, (KeyAttribute(name),)) for name in indexes)
    table: dict[str, Any] = {
        "table_name": "orders",
        "partition_key": KeyAttribute("id"),
        "global_secondary_indexes": named,
    }
    return TableSchema(**(table | properties))


def gsi(name: str = "gsi-team", key: str = "team", **more: Any) -> GlobalSecondaryIndex:
    """An index as a template declares it, by one partition key."""
    return GlobalSecondaryIndex(name, (KeyAttribute(key),), **more)


def index_now(name: str, status: str = "ACTIVE", **fields: Any) -> dict[str, Any]:
    key = [{"AttributeName": name, "KeyType": "HASH"}]
    made = {"IndexName": name, "KeySchema": key, "Projection": {"ProjectionType": "ALL"}, "IndexStatus": status}
    return made | fields


def tags_of(tags: dict[str, str]) -> dict[str, Any]:
    return {"Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}


def planned(now: TableSchema, former: TableSchema | None, table: Table) -> Plan:
    """Without an owner, so that no step is about whose it is."""
    built = frozenset(index.name for index in former.global_secondary_indexes) if former else frozenset()
    return make_plan(Goal(schema=now, traces=(former,) if former else (), applied=former, built=built), table)


def told(plan: Plan) -> str:
    return "\n".join(step.summary for step in plan.steps)
