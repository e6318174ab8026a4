"""Billing mode, capacities and on-demand maxima of the table and of the indexes that stay.

They go together: a switch to PROVISIONED needs all capacities in its own call, and on-demand maxima of the table go
with nothing but the mode. A capacity that Application Auto Scaling has registered is set only when the mode changes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from msgspec import Meta, Struct, field

from sentinel.feature import Feature, Phase, Read, Step, differs
from sentinel.features.index import by_holder, described_holders, fate_of_indexes, units

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sentinel.feature import Goal
    from sentinel.schema import GlobalSecondaryIndex, TableSchema
    from sentinel.table import Table

BillingMode = Literal["PAY_PER_REQUEST", "PROVISIONED"]
MAX_LONG = 2**63 - 1  # of the API's type Long
Units = Annotated[int, Meta(ge=0, le=MAX_LONG)]
MaximumUnits = Annotated[int, Meta(ge=-1, le=MAX_LONG, extra_json_schema={"not": {"const": 0}})]


class Capacity(Struct, frozen=True, forbid_unknown_fields=True):
    """Provisioned read and write capacity units; zero of both is how DynamoDB shows "on demand"."""

    read: Units = field(name="ReadCapacityUnits")
    write: Units = field(name="WriteCapacityUnits")

    def parameters(self) -> dict[str, int]:
        """As the API takes it."""
        return {"ReadCapacityUnits": self.read, "WriteCapacityUnits": self.write}


class Maximum(Struct, frozen=True, forbid_unknown_fields=True):
    """On-demand maxima in request units; None: not declared, -1: no maximum."""

    read: MaximumUnits | None = field(name="MaxReadRequestUnits", default=None)
    write: MaximumUnits | None = field(name="MaxWriteRequestUnits", default=None)

    def parameters(self) -> dict[str, int]:
        """As the API takes it."""
        given = (("MaxReadRequestUnits", self.read), ("MaxWriteRequestUnits", self.write))
        return {name: number for name, number in given if number is not None}


NO_MAXIMUM = Maximum(-1, -1)


class Billing(Struct, frozen=True):
    """The mode; capacities and maxima by holder: the table ("") and its indexes."""

    mode: BillingMode | None = None
    capacity: Any = None
    maximum: Any = None


class FoundBilling(Struct, frozen=True):
    """The same as it is. `scaled`: (holder, "read" or "write") that Application Auto Scaling has registered."""

    mode: BillingMode
    capacity: dict[str, Capacity | None]
    maximum: dict[str, Maximum]
    scaled: frozenset[tuple[str, str]] = frozenset()


class BillingFeature(Feature[Billing, FoundBilling]):
    name, property = "billing", "BillingMode"
    default = Billing("PAY_PER_REQUEST", None, NO_MAXIMUM)

    def declared(self, schema: TableSchema) -> Billing:
        return Billing(schema.mode, by_holder(schema, "capacity"), by_holder(schema, "maximum"))

    def faults(self, schema: TableSchema) -> Iterator[str]:
        provisioned = schema.mode == "PROVISIONED"
        holders: list[tuple[str, TableSchema | GlobalSecondaryIndex]] = [("", schema)]
        holders += [(f"GlobalSecondaryIndexes[{n}].", index) for n, index in enumerate(schema.global_secondary_indexes)]
        for place, holder in holders:
            capacity, maximum = holder.capacity, holder.maximum
            if provisioned and not capacity:
                yield f"{place}ProvisionedThroughput: required where BillingMode is PROVISIONED"
            if capacity and min(capacity.read, capacity.write) < 1:
                yield f"{place}ProvisionedThroughput: read and write are at least 1 where BillingMode is PROVISIONED"
            if capacity and not provisioned:
                yield f"{place}ProvisionedThroughput: only where BillingMode is PROVISIONED"
            if maximum and provisioned:
                yield f"{place}OnDemandThroughput: only where BillingMode is PAY_PER_REQUEST"
            if maximum and (maximum == Maximum() or 0 in (maximum.read, maximum.write)):
                yield f"{place}OnDemandThroughput: a maximum is at least 1, or -1 for none; give one or both"

    def in_create(self, goal: Goal) -> dict[str, Any]:
        schema = goal.schema
        made: dict[str, Any] = {"BillingMode": schema.mode or "PAY_PER_REQUEST"}
        if schema.mode == "PROVISIONED" and schema.capacity:
            made["ProvisionedThroughput"] = schema.capacity.parameters()
        if schema.maximum:
            made["OnDemandThroughput"] = schema.maximum.parameters()
        return made

    def reads(self, goal: Goal, table: Table) -> dict[str, Read]:
        declared = any(by_holder(schema, "capacity") for schema in (goal.schema, *goal.traces))
        if not declared or _mode(table.described) != "PROVISIONED":
            return {}
        holders = [f"table/{table.name}", *(f"table/{table.name}/index/{name}" for name in table.indexes)]
        params = {"ServiceNamespace": "dynamodb", "ResourceIds": holders}
        return {"scaled": Read("application-autoscaling:DescribeScalableTargets", params, optional=True)}

    def see(self, table: Table, answers: Mapping[str, dict[str, Any]]) -> FoundBilling:
        holders = dict(described_holders(table))
        return FoundBilling(
            _mode(table.described),
            {name: _capacity(shown) for name, shown in holders.items()},
            {name: _maximum(shown) for name, shown in holders.items()},
            _scaled(answers.get("scaled", {})),
        )

    def steps(self, want: Billing, found: FoundBilling, goal: Goal, table: Table) -> Iterator[Step]:
        mode = want.mode or found.mode
        switched = mode != found.mode
        params: dict[str, Any] = {"BillingMode": mode} if switched else {}
        lines = [f"~ billing  {found.mode} → {mode}"] if switched else []
        index_lines: list[str] = []
        updates = []
        for name in ("", *fate_of_indexes(goal, table).staying):
            if mode == "PROVISIONED":
                change, line = self._capacity_change(name, want, found, switched=switched)
            else:
                change, line = self._maximum_change(name, want, found)
            if not name:
                params |= change
            elif change:
                updates.append({"Update": {"IndexName": name, **change}})
            if line:
                (index_lines if name and mode != "PROVISIONED" else lines).append(line)
        if mode == "PROVISIONED" and updates:
            params["GlobalSecondaryIndexUpdates"], updates = updates, []
        if params:
            yield self._update("billing" if switched else "capacity", lines, goal, table, params)
        if updates:
            yield self._update("capacity", index_lines, goal, table, {"GlobalSecondaryIndexUpdates": updates})

    def _capacity_change(
        self, name: str, want: Billing, found: FoundBilling, *, switched: bool
    ) -> tuple[dict[str, Any], str]:
        declared, is_now = want.capacity or {}, found.capacity[name]
        capacity = declared.get(name)
        if switched:
            capacity = capacity or declared.get("")
        elif capacity and is_now:
            # Auto Scaling sets what it has registered by itself, but the call needs both values.
            capacity = Capacity(
                is_now.read if (name, "read") in found.scaled else capacity.read,
                is_now.write if (name, "write") in found.scaled else capacity.write,
            )
        if not capacity or (not switched and capacity == is_now):
            return {}, ""
        line = f"~ capacity of {name or 'table'}  {units(is_now)} → {units(capacity)}"
        return {"ProvisionedThroughput": capacity.parameters()}, line

    def _maximum_change(self, name: str, want: Billing, found: FoundBilling) -> tuple[dict[str, Any], str]:
        maximum: Maximum | None = (want.maximum or {}).get(name)
        is_now = found.maximum[name]
        if maximum is None or not differs(maximum, is_now):
            return {}, ""
        line = f"~ on-demand maximum of {name or 'table'}  {units(is_now)} → {units(maximum)}"
        return {"OnDemandThroughput": maximum.parameters()}, line

    def _update(self, target: str, lines: list[str], goal: Goal, table: Table, params: dict[str, Any]) -> Step:
        return Step(
            action="UpdateTable",
            target=target,
            summary="\n".join(lines),
            phase=Phase.BILLING,
            params={"TableName": table.name, **params},
            may_be_put_off=self.may_be_put_off(goal),
        )

    def unmanaged(self, want: Billing, found: FoundBilling, goal: Goal, table: Table) -> Iterator[str]:
        if want.mode is None:
            yield f"the billing mode is {found.mode}; left alone"
        if found.maximum[""] != NO_MAXIMUM and "" not in (want.maximum or {}):
            yield f"an on-demand maximum is set, {units(found.maximum[''])}; left alone"
        for name, side in sorted(found.scaled):
            yield f"the {side} capacity of {name or 'the table'} is Application Auto Scaling's; left alone"


def capacity_of_new(index: GlobalSecondaryIndex, goal: Goal, table: Table) -> Capacity | None:
    """The capacity of an index that is built now, in the mode that the table will have; None: it needs none."""
    mode = BillingFeature().want(goal).mode or _mode(table.described)
    return (index.capacity or goal.schema.capacity or _capacity(table.described)) if mode == "PROVISIONED" else None


def _mode(described: Mapping[str, Any]) -> BillingMode:
    # CreateTable's parameters have the mode without the summary around it.
    shown: BillingMode | None = described.get("BillingModeSummary", described).get("BillingMode")
    return shown or ("PROVISIONED" if _capacity(described) else "PAY_PER_REQUEST")


def _capacity(described: Mapping[str, Any]) -> Capacity | None:
    shown = described.get("ProvisionedThroughput", {})
    read, write = shown.get("ReadCapacityUnits", 0), shown.get("WriteCapacityUnits", 0)
    return Capacity(read, write) if read or write else None


def _maximum(described: Mapping[str, Any]) -> Maximum:
    # The service shows "no maximum" as -1 or leaves it out.
    shown = described.get("OnDemandThroughput", {})
    return Maximum(shown.get("MaxReadRequestUnits", -1), shown.get("MaxWriteRequestUnits", -1))


def _scaled(answer: Mapping[str, Any]) -> frozenset[tuple[str, str]]:
    sides = {"Read": "read", "Write": "write"}
    found = set()
    for target in answer.get("ScalableTargets", ()):
        _, _, dimension = target["ScalableDimension"].split(":")  # dynamodb:index:ReadCapacityUnits
        holder = target["ResourceId"].partition("/index/")[2]
        found.add((holder, sides[dimension.removesuffix("CapacityUnits")]))
    return frozenset(found)
