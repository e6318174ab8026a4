"""A strict model of a DynamoDB table's life: the states, limits and refusals that no local engine shows.

It answers the control plane of DynamoDB as the service does, in its words (sources: `validation`), on a clock that
is passed in. Where published sources differ, the stricter rule holds: a table that is UPDATING takes no UpdateTable
(the API reference), although some kinds of change have been seen to be accepted meanwhile (DDB-TABLE-002, 286).

What it leaves out: items, global tables, vector indexes, backups and imports.
"""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from strict_aws import validation as rules
from strict_aws.copies import copied
from strict_aws.faults import ServiceError
from strict_aws.settings import TableSettings
from strict_aws.state import DAY, HOUR, IN_USE, Index, Table, Throughput, Units, iso, stamp
from strict_aws.validation import ON_DEMAND_WARM, invalid

if TYPE_CHECKING:
    from collections.abc import Callable


LOST_KEY = "INACCESSIBLE_ENCRYPTION_CREDENTIALS"


class TableModel(TableSettings):
    """DynamoDB's control plane. `truth` is what a test may know without a call."""

    # -------------------------------------------------------------- what a test looks at

    def truth(self, name: str) -> dict[str, Any] | None:
        """All that can be known of a table, as it is, without a call; None where there is none."""
        self.settle()
        table = self.tables.get(name)
        if table is None:
            return None
        return {
            "Table": self._described(table),
            "TimeToLive": (table.ttl_status, table.ttl),
            "RecoveryDays": table.recovery_days,
            "Tags": dict(table.tags),
            "Policies": {arn: policy.document for arn, policy in table.policies.items() if policy.document},
            "Insights": {
                "": (table.insights.status, table.insights.mode),
                **{i.name: (i.insights.status, i.insights.mode) for i in table.indexes.values()},
            },
            "Destinations": copied(table.destinations),
        }

    def set_status(self, name: str, status: str) -> None:
        """Puts a table into a status that no call leads to (as ARCHIVED); "" ends it."""
        self.tables[name].stuck = status

    def _changing(self, table: Table) -> None:
        """Before a write: what a late look will show for a while."""
        if self.timing.late and self._now() >= table.before_until:
            table.before = self._described(table)
        table.before_until = self._now() + self.timing.late

    # -------------------------------------------------------------- DescribeTable

    def describe_table(self, params: dict[str, Any]) -> dict[str, Any]:
        table = self._table(params["TableName"])
        table.looks += 1
        if table.looks <= self.timing.unseen_looks:
            missing = f"Requested resource not found: Table: {table.name} not found"
            raise ServiceError("ResourceNotFoundException", missing)
        late = table.before and self._now() < table.before_until
        return {"Table": copied(table.before) if late else self._described(table)}

    def list_tables(self, _: dict[str, Any]) -> dict[str, Any]:
        self.settle()
        return {"TableNames": sorted(self.tables)}

    def _described(self, table: Table) -> dict[str, Any]:
        described: dict[str, Any] = {
            "AttributeDefinitions": [
                {"AttributeName": name, "AttributeType": kind} for name, kind in sorted(table.attributes.items())
            ],
            "TableName": table.name,
            "KeySchema": table.keys,
            "TableStatus": self._status(table),
            "CreationDateTime": table.made_at,
            "TableSizeBytes": 0,
            "ItemCount": 0,
            "TableArn": table.arn,
            "TableId": table.number,
            "DeletionProtectionEnabled": table.protected,
            **self._shown_throughput(table.throughput, "ACTIVE" if table.status != "CREATING" else "UPDATING"),
        }
        if table.mode == "PAY_PER_REQUEST" or table.on_demand_since is not None:
            described["BillingModeSummary"] = {"BillingMode": table.mode}
            if table.on_demand_since is not None:
                described["BillingModeSummary"]["LastUpdateToPayPerRequestDateTime"] = table.on_demand_since
        if table.indexes:
            described["GlobalSecondaryIndexes"] = [self._described_index(table, i) for i in table.indexes.values()]
        if table.local_indexes:
            described["LocalSecondaryIndexes"] = [
                {**index, "IndexArn": f"{table.arn}/index/{index['IndexName']}", "IndexSizeBytes": 0, "ItemCount": 0}
                for index in table.local_indexes
            ]
        if table.key or table.encrypting is not None:
            status = "ENABLED" if table.encrypting is None else "UPDATING"
            described["SSEDescription"] = {"Status": status, "SSEType": "KMS"}
            if table.key:
                described["SSEDescription"]["KMSMasterKeyArn"] = table.key
        if table.table_class:
            described["TableClassSummary"] = {"TableClass": table.table_class}
            if table.class_changed:
                described["TableClassSummary"]["LastUpdateDateTime"] = table.class_changed[-1]
        if table.view_type:
            described["StreamSpecification"] = {"StreamEnabled": True, "StreamViewType": table.view_type}
        if table.stream_label:
            described["LatestStreamLabel"] = table.stream_label
            described["LatestStreamArn"] = f"{table.arn}/stream/{table.stream_label}"
        return copied(described)

    def _described_index(self, table: Table, index: Index) -> dict[str, Any]:
        described = {
            "IndexName": index.name,
            "KeySchema": index.keys,
            "Projection": index.projection,
            "IndexStatus": index.status,
            "IndexSizeBytes": 0,
            "ItemCount": 0,
            "IndexArn": f"{table.arn}/index/{index.name}",
            **self._shown_throughput(index.throughput, "UPDATING" if index.status == "CREATING" else "ACTIVE"),
        }
        return described | ({} if index.backfilling is None else {"Backfilling": index.backfilling})

    def _shown_throughput(self, throughput: Throughput, warm_status: str) -> dict[str, Any]:
        today = [at for at in throughput.decreased if at // DAY == self._now() // DAY]
        shown: dict[str, Any] = {
            "ProvisionedThroughput": {
                "NumberOfDecreasesToday": len(today),
                "ReadCapacityUnits": throughput.units.read,
                "WriteCapacityUnits": throughput.units.write,
            },
            "WarmThroughput": {
                "ReadUnitsPerSecond": throughput.warm.read,
                "WriteUnitsPerSecond": throughput.warm.write,
                "Status": "UPDATING" if self._now() < throughput.warming_until else warm_status,
            },
        }
        if not today:
            del shown["ProvisionedThroughput"]["NumberOfDecreasesToday"]  # botocore's model: at least 1
        if throughput.maxima:
            shown["OnDemandThroughput"] = dict(throughput.maxima)
        return shown

    # -------------------------------------------------------------- CreateTable, DeleteTable

    def create_table(self, params: dict[str, Any]) -> dict[str, Any]:
        self.settle()
        rules.check_create(params, most_indexes=self.most_indexes)
        name = params["TableName"].rsplit("/", 1)[-1]
        if name in self.tables:
            states = {"CREATING": f"{IN_USE}Table is being created: {name}"}
            states["DELETING"] = f"{IN_USE}Table is being deleted: {name}"
            text = states.get(self.tables[name].status, f"Table already exists: {name}")
            raise ServiceError("ResourceInUseException", text)
        key = self._key_of(params.get("SSESpecification"))
        if len(self.tables) >= self.quota:
            text = f"Subscriber limit exceeded: There is a limit of {self.quota} tables per subscriber"
            raise ServiceError("LimitExceededException", text)
        now, arn = self._now(), self._arn("dynamodb", f"table/{name}")
        mode = params.get("BillingMode", "PROVISIONED")
        seconds = self.timing.creating_indexes if params.get("GlobalSecondaryIndexes") else self.timing.creating
        stream = params.get("StreamSpecification", {})
        tags = {tag["Key"]: tag["Value"] for tag in params.get("Tags", ())}
        table = Table(
            name=name,
            arn=arn,
            number=str(uuid.UUID(int=next(self._order))),
            made_at=now,
            keys=params["KeySchema"],
            attributes={d["AttributeName"]: d["AttributeType"] for d in params["AttributeDefinitions"]},
            mode=mode,
            throughput=_new_throughput(params),
            indexes={i["IndexName"]: _new_index(i) for i in params.get("GlobalSecondaryIndexes", ())},
            local_indexes=[_plain_index(i) for i in params.get("LocalSecondaryIndexes", ())],
            key=key,
            table_class="" if params.get("TableClass") == "STANDARD" else params.get("TableClass", ""),
            protected=params.get("DeletionProtectionEnabled", False),
            backups_at=now + self.timing.backups,
            tags=tags,
            tags_shown=tags,
        )
        if stream.get("StreamEnabled"):
            self._new_stream(table, stream["StreamViewType"])
        if params.get("ResourcePolicy"):
            self._write_policy(table, arn, params["ResourcePolicy"])
            table.policies[arn].changed_at = -DAY  # a policy of CreateTable opens no waiting time
        self.tables[name] = table

        def active() -> None:
            if table.key and self._keys.find(table.key).state != "Enabled":
                until = table.made_at + self.timing.creating_without_key
                self._later(table, until - self._now(), lambda: self._gone(table))
                return
            table.status = "ACTIVE"
            table.on_demand_since = now if mode == "PAY_PER_REQUEST" else None
            for index in table.indexes.values():
                index.status = "ACTIVE"

        self._later(table, seconds, active)
        return {"TableDescription": self._described(table)}

    def delete_table(self, params: dict[str, Any]) -> dict[str, Any]:
        table = self._table(params["TableName"])
        name = table.name
        if table.status in ("CREATING", "DELETING"):
            verb = "created" if table.status == "CREATING" else "deleted"
            raise ServiceError("ResourceInUseException", f"{IN_USE}Table is being {verb}: {name}")
        if table.protected:
            raise ServiceError(
                "ValidationException",
                "Resource cannot be deleted as it is currently protected against deletion. Disable deletion protection"
                " first.",
            )
        if any(index.status != "ACTIVE" for index in table.indexes.values()):
            text = f"{IN_USE}Cannot delete table while indexes are being created, updated, or deleted."
            raise ServiceError("ResourceInUseException", text)
        if "stream" in table.changing:
            text = f"{IN_USE}Cannot delete table while stream is being enabled/disabled."
            raise ServiceError("ResourceInUseException", text)
        warming = any(self._now() < t.warming_until for t in self._throughputs(table))
        if table.changing or table.encrypting is not None or warming:
            text = f"{IN_USE}Table: {name} is in the process of being updated."
            raise ServiceError("ResourceInUseException", text)
        if table.tags_pending is not None:
            raise ServiceError("ResourceInUseException", f"{IN_USE}Table tags are being updated: {name}")
        if any(self._now() < policy.shown_at for policy in table.policies.values()):
            text = f"{IN_USE}Table: {name} has a pending resource-based policy update."
            raise ServiceError("ResourceInUseException", text)
        self._changing(table)
        table.status, table.stuck = "DELETING", ""
        table.jobs.clear()
        self._later(table, self.timing.deleting, lambda: self._gone(table))
        return {"TableDescription": self._described(table)}

    def _gone(self, table: Table) -> None:
        if self.tables.get(table.name) is table:
            del self.tables[table.name]

    @staticmethod
    def _throughputs(table: Table) -> list[Throughput]:
        return [table.throughput, *(index.throughput for index in table.indexes.values())]

    # -------------------------------------------------------------- UpdateTable

    def update_table(self, params: dict[str, Any]) -> dict[str, Any]:
        kinds = rules.check_update(params)
        table = self._table(params["TableName"])
        if table.status in ("CREATING", "DELETING"):
            verb = "created" if table.status == "CREATING" else "deleted"
            raise ServiceError("ResourceInUseException", f"{IN_USE}Table is being {verb}: {table.name}")
        if self._swallowed(table, params, kinds):
            return {"TableDescription": self._described(table) | {"TableStatus": "UPDATING"}}
        self._check_mode(table, params)
        self._check_idle(table, kinds)
        # Everything is checked before anything is changed: a refused call changes nothing.
        effects = [
            *self._capacity_effects(table, params),
            *self._index_effects(table, params),
            *self._setting_effects(table, params),
        ]
        self._changing(table)
        for effect in effects:
            effect()
        return {"TableDescription": self._described(table)}

    def _swallowed(self, table: Table, params: dict[str, Any], kinds: set[str]) -> bool:
        """BillingMode=PAY_PER_REQUEST is accepted, and does nothing, where the table is or was just now on demand: also
        while a switch to PROVISIONED is under way, which it does not undo (DDB-TABLE-452)."""
        if kinds != {"BillingMode"} or params["BillingMode"] != "PAY_PER_REQUEST":
            return False
        return not table.provisioned or table.changing.get("iops") == "PROVISIONED"

    def _check_mode(self, table: Table, params: dict[str, Any]) -> None:
        """What the billing mode that the table has, or will have, forbids."""
        provisioned = params.get("BillingMode", table.mode) == "PROVISIONED"
        if params.get("ProvisionedThroughput") and not provisioned:
            raise invalid(
                "Neither ReadCapacityUnits nor WriteCapacityUnits can be specified when BillingMode is PAY_PER_REQUEST"
            )
        rules.check_maxima(params.get("OnDemandThroughput"), "table", provisioned=provisioned)
        if params.get("OnDemandThroughput") == {}:
            raise ServiceError("InternalFailure", "", 500)  # DDB-TABLE-178

    def _check_idle(self, table: Table, kinds: set[str]) -> None:
        """Refuses what cannot begin while something else is changing, naming it as the service does."""
        name = table.name
        if table.encrypting is not None and "SSESpecification" in kinds:
            raise ServiceError("ResourceInUseException", f"{IN_USE}Server-Side Encryption is still being updated")
        status = self._status(table)
        if status == LOST_KEY and not (kinds & {"SSESpecification"} and not table.grants_revoked):
            status = "ACTIVE"  # a table without its key takes most changes, and another key where its grants are gone
        if status not in ("UPDATING", "ACTIVE"):
            raise ServiceError("ResourceInUseException", f"{IN_USE}Table is {status}: {name}")
        if status == "ACTIVE":
            return
        if "DeletionProtectionEnabled" in kinds:
            if set(table.changing) == {"stream"}:
                return  # DDB-TABLE-119
            text = "Table needs to be in ACTIVE status to modify deletion protection setting."
            raise ServiceError("ResourceInUseException", text)
        if table.changing:
            cause, what = next(iter(table.changing.items()))
            raise ServiceError("ResourceInUseException", IN_USE + _blocked(cause, what, table, kinds))
        if kinds & {"Create", "Delete", "Update"}:
            return  # each index is looked at on its own
        busy = [i for i in table.indexes.values() if i.allocating or i.status == "DELETING"]
        verb = "deleted" if busy[0].status == "DELETING" else "created"
        if "WarmThroughput" in kinds:
            text = "Table is under system maintenance, please try again later"
            raise ServiceError("InternalServerError", text, 500)
        raise ServiceError("ResourceInUseException", IN_USE + _blocked_by_index(verb, table, kinds, busy))

    # ---- capacities

    def _capacity_effects(self, table: Table, params: dict[str, Any]) -> list[Callable[[], None]]:
        mode = params.get("BillingMode", table.mode)
        if mode != table.mode:
            return self._switch_effects(table, params, mode)
        effects: list[Callable[[], None]] = []
        wanted = params.get("ProvisionedThroughput")
        if wanted:
            units = Units.of(wanted)
            self._check_units(table.throughput, units, "the table", "the table")

            def begin() -> None:
                table.changing["iops"] = "capacity"
                self._later(table, self.timing.capacity, end)

            def end() -> None:
                table.changing.pop("iops", None)
                self._set_units(table.throughput, units)

            effects.append(begin)
        if maxima := params.get("OnDemandThroughput"):
            effects.append(lambda: self._change_maxima(table, table.throughput, maxima))
        return effects

    def _switch_effects(self, table: Table, params: dict[str, Any], mode: str) -> list[Callable[[], None]]:
        now = self._now()
        updates = {
            update["Update"]["IndexName"]: update["Update"]
            for update in params.get("GlobalSecondaryIndexUpdates") or ()
            if "Update" in update
        }
        if mode == "PROVISIONED":
            bare = [name for name in table.indexes if "ProvisionedThroughput" not in updates.get(name, {})]
            if bare:
                raise invalid(f"ProvisionedThroughput must be specified for index: {','.join(bare)}")
        else:
            recent = [at for at in table.switched if at > now - DAY]
            if len(recent) >= 4:
                # The rule is the developer guide's (four times in 24 hours), the wording the one known from when it
                # was once a day.
                raise ServiceError(
                    "LimitExceededException",
                    "Subscriber limit exceeded: Update to PayPerRequest mode are limited to 4 times in 1 day(s). Last"
                    f" update at {stamp(recent[-1])}. Next update can be made at {stamp(recent[0] + DAY)}",
                )
            for name, update in updates.items():
                if "ProvisionedThroughput" in update:
                    raise invalid(
                        "Neither ReadCapacityUnits nor WriteCapacityUnits can be specified for index:"
                        f" {name} when BillingMode is PAY_PER_REQUEST"
                    )

        def begin() -> None:
            table.mode = mode
            table.changing["iops"] = mode
            if mode == "PAY_PER_REQUEST":
                table.switched.append(now)
                table.on_demand_since = now
            for throughput in self._throughputs(table):
                throughput.maxima = {}
            self._set_units(table.throughput, Units.of(params.get("ProvisionedThroughput")))
            _merge_maxima(table.throughput, params.get("OnDemandThroughput", {}))
            for index in table.indexes.values():
                update = updates.get(index.name, {})
                self._set_units(index.throughput, Units.of(update.get("ProvisionedThroughput")))
                _merge_maxima(index.throughput, update.get("OnDemandThroughput", {}))
                index.status = "UPDATING" if index.status == "ACTIVE" else index.status
            self._later(table, self.timing.billing, end)

        def end() -> None:
            table.changing.pop("iops", None)
            for index in table.indexes.values():
                index.status = "ACTIVE" if index.status == "UPDATING" else index.status

        return [begin]

    def _check_units(self, throughput: Throughput, units: Units, what: str, where: str) -> None:
        """Provisioned units that do not change, or that were lowered too often today."""
        now, is_ = self._now(), throughput.units
        if units == is_:
            raise ServiceError(
                "ValidationException",
                f"The provisioned throughput for {what} will not change. The requested value equals the current value."
                f" Current ReadCapacityUnits provisioned for {where}: {is_.read}. Requested ReadCapacityUnits:"
                f" {units.read}. Current WriteCapacityUnits provisioned for {where}: {is_.write}. Requested"
                f" WriteCapacityUnits: {units.write}. Refer to the Amazon DynamoDB Developer Guide for current limits"
                " and how to request higher limits.",
            )
        today = [at for at in throughput.decreased if at // DAY == now // DAY]
        if (units.read < is_.read or units.write < is_.write) and len(today) >= 4 and now < today[-1] + HOUR:
            raise ServiceError(
                "LimitExceededException",
                "Subscriber limit exceeded: Provisioned throughput decreases are limited within a given UTC day. After"
                " the first 4 decreases, each subsequent decrease in the same UTC day can be performed at most once"
                f" every 3600 seconds. Number of decreases today: {len(today)}. Last decrease at {stamp(today[-1])}."
                f" Next decrease can be made at {stamp(today[-1] + HOUR)}",
            )

    def _change_maxima(self, table: Table, throughput: Throughput, maxima: dict[str, int]) -> None:
        """A maximum that is taken away is shown as -1 for a moment."""
        _merge_maxima(throughput, maxima)
        gone = {name: value for name, value in maxima.items() if value == -1}
        if gone and self.timing.maxima:
            throughput.maxima |= gone
            self._later(table, self.timing.maxima, lambda: _merge_maxima(throughput, {}))

    def _set_units(self, throughput: Throughput, units: Units) -> None:
        before = throughput.units
        if units != (0, 0) and before != (0, 0) and (units.read < before.read or units.write < before.write):
            throughput.decreased.append(self._now())
        throughput.units = units
        least = Units(*ON_DEMAND_WARM) if units == (0, 0) else units
        throughput.warm = Units(max(throughput.warm.read, least.read), max(throughput.warm.write, least.write))

    # ---- indexes

    def _index_effects(self, table: Table, params: dict[str, Any]) -> list[Callable[[], None]]:
        updates = params.get("GlobalSecondaryIndexUpdates") or []
        switching = params.get("BillingMode", table.mode) != table.mode
        built = [action for action in updates if "Update" not in action]
        if len(built) > 1:
            raise _only_one()
        effects = []
        for action in updates:
            if "Update" in action:
                self._check_update(table, action["Update"], params.get("BillingMode", table.mode))
                if not switching:  # a switch sets all capacities itself
                    effects += self._update_effects(table, action["Update"])
            elif "Create" in action:
                effects.append(self._create_effect(table, action["Create"], params))
            else:
                effects.append(self._delete_effect(table, action["Delete"]["IndexName"]))
        return effects

    def _index(self, table: Table, name: str, verb: str) -> Index:
        if name in table.indexes:
            return table.indexes[name]
        if any(local["IndexName"] == name for local in table.local_indexes):
            text = f"Cannot {verb} an index that is not a GlobalSecondaryIndex: {name}"
            raise ServiceError("ValidationException", text)
        text = f"Requested resource not found: Index {name} for table {table.name}"
        raise ServiceError("ResourceNotFoundException", text)

    def _check_update(self, table: Table, update: dict[str, Any], mode: str) -> None:
        name = update["IndexName"]
        index = self._index(table, name, "update")
        where = f"Table: {table.name} Index: {name}"
        texts = {
            "CREATING": f"Index is being created but is not backfilling yet.  {where}"
            if index.allocating
            else f"Index is being created. {where}",
            "DELETING": f"Index is being deleted. {where}",
            "UPDATING": f"Index is being updated. {where}",
        }
        if index.status != "ACTIVE":
            raise ServiceError("ResourceInUseException", IN_USE + texts[index.status])
        members = set(update) - {"IndexName"}
        if mode == "PAY_PER_REQUEST" and not members <= {"OnDemandThroughput", "WarmThroughput"}:
            raise invalid(
                f"The only Updates for index: {name} when TableThroughputMode is PAY_PER_REQUEST can be to"
                " OnDemandThroughput, WarmThroughput"
            )
        if not members:
            raise invalid(f"Both ReadCapacityUnits and WriteCapacityUnits must be specified for index: {name}")
        rules.check_maxima(update.get("OnDemandThroughput"), f"index : {name}", provisioned=mode == "PROVISIONED")
        what = "current WarmThroughput, decreasing WarmThroughput is not supported"
        rules.check_warm(update.get("WarmThroughput"), f"index {name}", index.throughput.warm, what)

    def _update_effects(self, table: Table, update: dict[str, Any]) -> list[Callable[[], None]]:
        index = table.indexes[update["IndexName"]]
        effects: list[Callable[[], None]] = []
        units = Units.of(update.get("ProvisionedThroughput"))
        if "ProvisionedThroughput" in update:
            self._check_units(index.throughput, units, f"the index {index.name}", f"index {index.name}")

        def begin() -> None:
            index.status = "UPDATING"
            self._change_maxima(table, index.throughput, update.get("OnDemandThroughput", {}))
            self._later(table, self.timing.index_updating, end)

        def end() -> None:
            index.status = "ACTIVE"
            if "ProvisionedThroughput" in update:
                self._set_units(index.throughput, units)

        if {"ProvisionedThroughput", "OnDemandThroughput"} & set(update):
            effects.append(begin)
        if "WarmThroughput" in update:
            effects.append(lambda: self._warm(table, index.throughput, update["WarmThroughput"]))
        return effects

    def _check_one_build(self, table: Table) -> None:
        if any(index.status in ("CREATING", "DELETING") for index in table.indexes.values()):
            raise _only_one()

    def _create_effect(self, table: Table, made: dict[str, Any], params: dict[str, Any]) -> Callable[[], None]:
        name = made["IndexName"]
        known = table.indexes.get(name)
        if known and known.status == "DELETING":
            text = f"{IN_USE}Index is being deleted. Table: {table.name} Index: {name}"
            raise ServiceError("ResourceInUseException", text)
        if known or any(local["IndexName"] == name for local in table.local_indexes):
            raise ServiceError("ValidationException", "Attempting to create an index which already exists")
        mode = params.get("BillingMode", table.mode)
        rules.check_index(made, provisioned=mode == "PROVISIONED")
        kinds = {d["AttributeName"]: d["AttributeType"] for d in params.get("AttributeDefinitions", ())}
        if not kinds:
            raise invalid(f"AttributeDefinitions is not specified for index: {name}")
        rules.check_defined(made["KeySchema"], kinds)
        for element in made["KeySchema"]:
            attribute = element["AttributeName"]
            if table.attributes.get(attribute, kinds[attribute]) != kinds[attribute]:
                raise invalid(
                    "Attributes cannot be redefined. Please check that your attribute has the same type as previously"
                    f" defined. Existing schema: Schema:[SchemaElement: key{{{attribute}:{table.attributes[attribute]}"
                    f":{element['KeyType']}}}] New schema: Schema:[SchemaElement:"
                    f" key{{{attribute}:{kinds[attribute]}:{element['KeyType']}}}]"
                )
        self._check_one_build(table)
        if len(table.indexes) >= self.most_indexes:
            raise ServiceError(
                "LimitExceededException",
                "Subscriber limit exceeded: Number of global secondary indexes exceeds per-table limit of"
                f" {self.most_indexes}",
            )
        projections = [i.projection for i in table.indexes.values()] + [i["Projection"] for i in table.local_indexes]
        rules.check_included(rules.included([*projections, made["Projection"]]))

        def begin() -> None:
            index = table.indexes[name] = replace(_new_index(made), backfilling=False)
            # Definitions that no key uses are dropped without a word (DDB-TABLE-162).
            table.attributes |= {e["AttributeName"]: kinds[e["AttributeName"]] for e in made["KeySchema"]}
            self._later(table, self.timing.allocating, lambda: backfill(index))

        def backfill(index: Index) -> None:
            if index.status == "CREATING":
                index.backfilling = True
                self._later(table, self.timing.backfilling, lambda: end(index))

        def end(index: Index) -> None:
            if index.status == "CREATING":
                index.status, index.backfilling = "ACTIVE", None

        return begin

    def _delete_effect(self, table: Table, name: str) -> Callable[[], None]:
        index = self._index(table, name, "delete")
        where = f"Table: {table.name} Index: {name}"
        if index.status == "DELETING":
            raise ServiceError("ResourceInUseException", f"{IN_USE}Index is being deleted. {where}")
        if index.allocating:
            text = (
                "Index creation is in resource allocation phase. Retry deletion during backfilling phase or when the"
                f" index is active. {where}"
            )
            raise ServiceError("ResourceInUseException", IN_USE + text)
        if index.status == "UPDATING":
            raise ServiceError("ResourceInUseException", f"{IN_USE}Index is being updated. {where}")
        if any(i.status in ("CREATING", "DELETING") for i in table.indexes.values() if i is not index):
            raise _only_one()

        def begin() -> None:
            index.status, index.backfilling = "DELETING", None
            self._later(table, self.timing.index_deleting, end)

        def end() -> None:
            table.indexes.pop(name, None)
            used = set(rules.keys_of(table.keys))
            for left in table.indexes.values():
                used |= set(rules.keys_of(left.keys))
            for local in table.local_indexes:
                used |= set(rules.keys_of(local["KeySchema"]))
            table.attributes = {key: kind for key, kind in table.attributes.items() if key in used}

        return begin

    # ---- settings that go alone

    def _setting_effects(self, table: Table, params: dict[str, Any]) -> list[Callable[[], None]]:
        effects: list[Callable[[], None]] = []
        if "StreamSpecification" in params:
            effects.append(self._stream_effect(table, params["StreamSpecification"]))
        if "SSESpecification" in params:
            effects.append(self._encryption_effect(table, params["SSESpecification"]))
        if "TableClass" in params:
            effects += self._class_effects(table, params["TableClass"])
        if "DeletionProtectionEnabled" in params:
            effects += self._protection_effects(table, params["DeletionProtectionEnabled"])
        if "WarmThroughput" in params:
            what = "current WarmThroughput, decreasing WarmThroughput is not supported"
            rules.check_warm(params["WarmThroughput"], "table", table.throughput.warm, what)
            effects.append(lambda: self._warm(table, table.throughput, params["WarmThroughput"]))
        return effects

    def _warm(self, table: Table, throughput: Throughput, wanted: dict[str, int]) -> None:
        """The last one who asks gets his (DDB-TABLE-459); equal values are no change."""
        units = Units(
            wanted.get("ReadUnitsPerSecond", throughput.warm.read),
            wanted.get("WriteUnitsPerSecond", throughput.warm.write),
        )
        if units == throughput.warm:
            return
        until = throughput.warming_until = max(throughput.warming_until, self._now() + self.timing.warming)

        def end() -> None:
            if throughput.warming_until <= until:
                throughput.warm = units

        self._later(table, until - self._now(), end)

    def _new_stream(self, table: Table, view_type: str) -> None:
        moment = datetime.fromtimestamp(self._now() + next(self._order) / 1000, UTC)
        table.view_type = view_type
        table.stream_label = moment.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3]
        table.streams.append(f"{table.arn}/stream/{table.stream_label}")

    def _stream_effect(self, table: Table, spec: dict[str, Any]) -> Callable[[], None]:
        if spec["StreamEnabled"] and table.view_type:
            raise ServiceError("ValidationException", f"Table already has an enabled stream: TableName: {table.name}")
        if not spec["StreamEnabled"] and not table.view_type:
            raise ServiceError("ValidationException", f"Table has no stream to disable: TableName: {table.name}")

        def begin() -> None:
            if spec["StreamEnabled"]:
                self._new_stream(table, spec["StreamViewType"])
            else:
                table.view_type = ""
            table.changing["stream"] = "ENABLE" if spec["StreamEnabled"] else "DISABLE"
            self._later(table, self.timing.stream, end)

        def end() -> None:
            table.changing.pop("stream", None)

        return begin

    def _key_of(self, spec: dict[str, Any] | None) -> str:
        """The ARN of the key that a specification asks for; "" for DynamoDB's own."""
        if not spec or not (spec.get("Enabled") or spec.get("SSEType")):
            return ""
        name = spec.get("KMSMasterKeyId", self._keys.dynamodb.id)
        try:
            key = self._keys.find(name)
        except ServiceError as error:
            text = f"com.amazonaws.services.kms.model.NotFoundException: {error.message} (Service: AWSKMS)"
            raise ServiceError("ValidationException", f"KMS validation error: {text}") from None
        if key.spec != "SYMMETRIC_DEFAULT":
            text = (
                "com.amazonaws.services.kms.model.AWSKMSException: EncryptionContext is supported only when creating a"
                " grant for a symmetric encryption KMS key. (Service: AWSKMS; Status Code: 400; Error Code:"
                " ValidationException; Request ID: X; Proxy: null)"
            )
            raise ServiceError("InternalServerError", f"KMS internal error: {text}", 500)
        if key.state != "Enabled":
            text = f"com.amazonaws.services.kms.model.DisabledException: {key.arn} is disabled. (Service: AWSKMS)"
            raise ServiceError("ValidationException", f"KMS key disabled error: {text}")
        return key.arn

    def _encryption_effect(self, table: Table, spec: dict[str, Any]) -> Callable[[], None]:
        now, key = self._now(), self._key_of(spec)
        if not key and not table.key:
            raise invalid("Table is already encrypted by default")
        if key and spec.get("KMSMasterKeyId") == table.key:
            raise invalid(
                "Table is already encrypted with given KMSMasterKeyId. Use KMSMasterKeyId parameter if you want to"
                " change Master Key"
            )
        # The same key by another name is a change like any other, and counts (DDB-TABLE-082).
        recent = [at for at in table.encrypted if at > now - DAY]
        if len(recent) >= 4 and now < recent[-1] + 21600:
            raise ServiceError(
                "LimitExceededException",
                "Subscriber limit exceeded: Encryption mode changes are limited in the 24h window ending at"
                f" {iso(recent[0] + DAY)}. After the first 4 change, each subsequent change in the same window can be"
                f" performed at most once every 21600 seconds. Number of updates today: {len(recent)}. Last change at"
                f" {iso(recent[-1])}. Next changes can be made at {iso(recent[-1] + 21600)}.",
            )

        def begin() -> None:
            table.encrypted.append(now)
            table.encrypting = key
            self._later(table, min(self.timing.key_shown, self.timing.encryption), shown)
            self._later(table, self.timing.encryption, end)
            if table.grants_revoked:
                self._later(table, self.timing.key_healed, healed)

        def shown() -> None:
            table.key = key

        def healed() -> None:
            table.grants_revoked = False

        def end() -> None:
            table.key, table.encrypting = key, None

        return begin

    def _class_effects(self, table: Table, wanted: str) -> list[Callable[[], None]]:
        now = self._now()
        if wanted == "STANDARD" and not table.table_class:
            return []
        if len([at for at in table.class_changed if at > now - 30 * DAY]) >= 2:
            text = "Subscriber limit exceeded: Updates to TableClass are limited to 2 times in 30 day(s)."
            raise ServiceError("LimitExceededException", text)
        if wanted == table.table_class:
            return []

        def begin() -> None:
            table.changing["class"] = wanted
            table.class_changed.append(now)
            self._later(table, self.timing.table_class, end)

        def end() -> None:
            table.changing.pop("class", None)
            table.table_class = wanted

        return [begin]

    def _protection_effects(self, table: Table, wanted: bool) -> list[Callable[[], None]]:
        now, again = self._now(), self.timing.protection_again
        if wanted == table.protected:
            return []
        if now < table.protection_changed + again:
            raise ServiceError(
                "ThrottlingException",
                f"Deletion protection setting for table {table.name} modified within the previous {again * 1000:.0f}"
                f" milliseconds. Please try again after {iso(table.protection_changed + again)[:-1]}.",
            )

        def change() -> None:
            table.protected, table.protection_changed = wanted, now

        return [change]


# ------------------------------------------------------------------ parts


def _plain_index(index: dict[str, Any]) -> dict[str, Any]:
    projection = dict(index["Projection"])
    if "NonKeyAttributes" in projection:
        projection["NonKeyAttributes"] = sorted(projection["NonKeyAttributes"])  # as the service gives them
    return {"IndexName": index["IndexName"], "KeySchema": index["KeySchema"], "Projection": projection}


def _new_index(made: dict[str, Any]) -> Index:
    plain = _plain_index(made)
    return Index(plain["IndexName"], plain["KeySchema"], plain["Projection"], _new_throughput(made))


def _new_throughput(params: dict[str, Any]) -> Throughput:
    units = Units.of(params.get("ProvisionedThroughput"))
    least = Units(*ON_DEMAND_WARM) if units == (0, 0) else units
    asked = params.get("WarmThroughput", {})
    warm = Units(asked.get("ReadUnitsPerSecond", least.read), asked.get("WriteUnitsPerSecond", least.write))
    made = Throughput(units, warm)
    _merge_maxima(made, params.get("OnDemandThroughput", {}))
    return made


def _merge_maxima(throughput: Throughput, maxima: dict[str, int]) -> None:
    """Member by member; -1 takes a maximum away, and it is not shown any more (DDB-TABLE-178)."""
    throughput.maxima = {name: value for name, value in (throughput.maxima | maxima).items() if value != -1}


def _only_one() -> ServiceError:
    text = "Subscriber limit exceeded: Only 1 online index can be created or deleted simultaneously per table"
    return ServiceError("LimitExceededException", text)


def _blocked(cause: str, what: str, table: Table, kinds: set[str]) -> str:
    """Why a table that is UPDATING takes no change of `kinds` (DDB-TABLE-444)."""
    of = f"Table: {table.name}"
    built = bool(kinds & {"Create", "Delete"})
    iops = bool(kinds & {"ProvisionedThroughput", "BillingMode"})
    switching = cause == "iops" and what != "capacity"
    tail = {
        "iops": f"while table IOPS are being updated. {of}",
        "stream": f"when stream status is being updated. {of} Stream: {table.stream_label} Operation: {what}",
        "class": f"when a table class update is in progress. {of} TableClassUpdateInProgress: {what}",
    }[cause]
    if "OnDemandThroughput" in kinds and not iops:
        doing = {"iops": "BillingMode" if switching else "table IOPS", "stream": "stream status", "class": "TableClass"}
        return f"OnDemandThroughput cannot be updated while {doing[cause]} update is in progress"
    if cause == "iops" and iops:
        return f"Table IOPS are currently being updated. {of}"
    if cause == "stream" and "StreamSpecification" in kinds:
        return f"A stream status change is currently in progress. {of} Stream: {table.stream_label} Operation: {what}"
    verbs = {
        "Can't change table IOPS": iops,
        "Can't change stream status": "StreamSpecification" in kinds,
        "Can't create or delete indexes": built,
        "Can't update table class": "TableClass" in kinds,
    }
    verb = next((verb for verb, fits in verbs.items() if fits), None)
    return f"{verb} {tail}" if verb else f"Table is being updated: {table.name}"


def _blocked_by_index(verb: str, table: Table, kinds: set[str], busy: list[Index]) -> str:
    names = f"[{', '.join(index.name for index in busy)}]"
    if "OnDemandThroughput" in kinds:
        doing = "deletion" if verb == "deleted" else "creation"
        return f"OnDemandThroughput cannot be updated while index {doing} is in progress for indexes: {names}"
    tail = f"when an index is being {verb}. Table: {table.name} Indexes: {names}"
    if kinds & {"ProvisionedThroughput", "BillingMode"}:
        return f"Can't change table IOPS {tail}"
    if "StreamSpecification" in kinds:
        return f"Can't change stream status {tail}"
    return f"Table is being updated: {table.name}"
