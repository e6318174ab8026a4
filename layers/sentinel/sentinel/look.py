"""Seeing a table: the reads that show it, and the one value that they make."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec import structs

from sentinel.errors import SentinelError
from sentinel.plan import insights_declared
from sentinel.table import (
    NOT_SHOWN,
    read_backups,
    read_destinations,
    read_insights,
    read_table,
    read_time_to_live,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from sentinel.plan import Goal
    from sentinel.schema import TableSchema
    from sentinel.table import Table
    from sentinel.table_api import TableApi


class Look:
    """Looks at tables through `api`."""

    def __init__(self, api: TableApi) -> None:
        self._api = api

    def describe(self, name: str) -> dict[str, Any] | None:
        """DescribeTable's `Table`, None where there is none."""
        try:
            described: dict[str, Any] = self._api.call("DescribeTable", name, TableName=name)["Table"]
        except SentinelError as error:
            if error.context.get("aws_code") == "ResourceNotFoundException":
                return None
            raise
        return described

    def at(self, goal: Goal) -> Table | None:
        """The table as it is, None where there is none.

        Four reads, plus one for each declared policy, stream destination, insights target and key
        alias. A table that is CREATING or DELETING shows nothing else yet, an archived one nothing any more: DynamoDB
        refuses to say.
        """
        name = goal.schema.table_name
        described = self.describe(name)
        if described is None:
            return None
        table = read_table(described)
        if table.status in ("CREATING", "DELETING", "ARCHIVING", "ARCHIVED"):
            return table

        def read(reader: Callable[[dict[str, Any]], Any], operation: str, **params: Any) -> Any:
            answer = self._shown(operation, name, **(params or {"TableName": name}))
            return NOT_SHOWN if answer is NOT_SHOWN else reader(answer)

        def policy(answer: dict[str, Any]) -> str | None:
            return answer.get("Policy")

        looks: dict[str, Any] = {
            "time_to_live": read(read_time_to_live, "DescribeTimeToLive"),
            "backups": read(read_backups, "DescribeContinuousBackups"),
            "tags": self.tags(name, table.arn),
        }
        schemas = [schema for schema in (goal.schema, goal.former) if schema]
        if any(schema.resource_policy for schema in schemas):
            looks["policy"] = read(policy, "GetResourcePolicy", ResourceArn=table.arn)
        if table.stream_arn and any(schema.stream and schema.stream.policy for schema in schemas):
            looks["stream_policy"] = read(policy, "GetResourcePolicy", ResourceArn=table.stream_arn)
        if table.stream_arn and any(schema.stream and schema.stream.tags for schema in schemas):
            looks["stream_tags"] = self.tags(name, table.stream_arn)
        if any(schema.kinesis for schema in schemas):
            looks["destinations"] = read(read_destinations, "DescribeKinesisStreamingDestination")
        looks["insights"] = {
            target: read(
                read_insights,
                "DescribeContributorInsights",
                TableName=name,
                **({"IndexName": target} if target else {}),
            )
            for target in insights_declared(goal)
            if not target or (target in table.indexes and table.indexes[target].status != "CREATING")
        }
        looks["scaled"] = self._scaled(table)
        looks["key_arns"] = self._key_arns(goal.schema, table)
        return structs.replace(table, **looks)

    def _shown(self, operation: str, table: str, **params: Any) -> Any:
        try:
            return self._api.call(operation, table, **params)
        except SentinelError as error:
            if self._api.own_endpoint and error.context.get("aws_code") == "UnknownOperationException":
                return NOT_SHOWN
            if error.context.get("aws_code") == "PolicyNotFoundException":
                return {}
            raise

    def tags(self, table: str, arn: str) -> Any:
        tags: dict[str, str] = {}
        params = {"ResourceArn": arn}
        while True:
            answer = self._shown("ListTagsOfResource", table, **params)
            if answer is NOT_SHOWN:
                return NOT_SHOWN
            tags |= {tag["Key"]: tag["Value"] for tag in answer.get("Tags", ())}
            if not answer.get("NextToken"):
                return tags
            params["NextToken"] = answer["NextToken"]

    def _key_arns(self, schema: TableSchema, table: Table) -> dict[str, str]:
        """The key that a declared alias stands for; asked only where the table has a key to compare with."""
        want = schema.encryption
        if not want or want.type == "DEFAULT" or table.encryption.type == "DEFAULT":
            return {}
        alias = want.key or "alias/aws/dynamodb"
        if "alias/" not in alias:
            return {}
        try:
            return {alias: self._api.key_arn(alias, schema.table_name)}
        except SentinelError as error:
            code = error.context.get("aws_code", "")
            if code == "NotFoundException":
                # No such alias: with KMS alone the account has not used that key yet, so the table's is another.
                return {} if want.type == "KMS" else {alias: ""}
            if want.type == "KMS" and str(code).startswith("AccessDenied"):
                # Without that right the account's own key cannot be told from another: encryption by KMS is on.
                return {alias: table.encryption.key or ""}
            raise

    def _scaled(self, table: Table) -> dict[str, frozenset[str]]:
        """What Application Auto Scaling has registered; asked only where there are capacities to scale."""
        if table.mode != "PROVISIONED":
            return {}
        try:
            targets = self._api.scalable_targets(table.name)
        except SentinelError:
            if self._api.own_endpoint:
                return {}  # a local engine mostly has no such service
            raise
        found: dict[str, frozenset[str]] = {}
        for resource, dimension in targets:
            kind, _, rest = resource.partition("/")
            name, _, index = rest.partition("/index/")
            if kind == "table" and name == table.name:
                unit = "read" if dimension.endswith("ReadCapacityUnits") else "write"
                found[index] = found.get(index, frozenset()) | {unit}
        return found
