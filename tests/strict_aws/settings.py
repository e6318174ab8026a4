"""The table model's operations beside the table itself: time to live, backups, tags, policies, insights, Kinesis."""

from __future__ import annotations

import heapq
import itertools
import json
import re
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from strict_aws import validation as rules
from strict_aws.faults import ServiceError
from strict_aws.state import IN_USE, Insights, Policy, Table, Timing, iso
from strict_aws.validation import invalid

if TYPE_CHECKING:
    from collections.abc import Callable

    from fake_clock import Clock

    from strict_aws.kms import KeyModel


class TableSettings:
    """The operations beside CreateTable, UpdateTable and DeleteTable, and what all of them stand on.

    They are named as boto3 names them; each takes the request's members and gives the answer's. Refusals are raised
    as `ServiceError`. `bad_streams` are the Kinesis streams that cannot be delivered to, `missing_streams` those that
    are gone, `bad_insights` the tables and indexes whose Contributor Insights fail.
    """

    def __init__(self, clock: Clock, timing: Timing, arn: Callable[[str, str], str], keys: KeyModel) -> None:
        self.timing = timing
        self.tables: dict[str, Table] = {}
        self.bad_streams: set[str] = set()
        self.missing_streams: set[str] = set()
        self.bad_insights: set[str] = set()
        # Service quotas of the account and region, which may be raised.
        self.quota = 2500  # tables
        self.most_indexes = rules.MAX_INDEXES  # global ones of a table
        self._clock = clock
        self._arn = arn
        self._keys = keys
        self._order = itertools.count(1)
        self._moment: float | None = None

    # -------------------------------------------------------------- what a test looks at

    def settle(self) -> None:
        """Lets everything happen that is due by now, each at its own time."""
        for table in list(self.tables.values()):
            while table.jobs and table.jobs[0][0] <= self._clock():
                self._moment, _, effect = heapq.heappop(table.jobs)
                effect()
        self._moment = None

    def _now(self) -> float:
        """The time; while something due happens, the time at which it was due."""
        return self._clock() if self._moment is None else self._moment

    def at_rest(self, name: str) -> bool:
        """Whether nothing is left to happen to the table."""
        self.settle()
        return name not in self.tables or not self.tables[name].jobs

    # -------------------------------------------------------------- finding a table

    def _later(self, table: Table, seconds: float, effect: Callable[[], None]) -> None:
        if seconds > 0:
            heapq.heappush(table.jobs, (self._now() + seconds, next(self._order), effect))
        else:
            effect()

    def _table(self, name: str, code: str = "ResourceNotFoundException", unseen: float = 0.0) -> Table:
        """The table of a name or ARN, if calls know it already: those on a setting may do so `unseen` seconds later."""
        self.settle()
        bare = name.rsplit("/", 1)[-1] if name.startswith("arn:") else name
        rules.check_name(bare, "tableName")
        table = self.tables.get(bare)
        if table is None or self._now() < table.made_at + max(self.timing.unseen, unseen):
            missing = f"Requested resource not found: Table: {bare} not found"
            raise ServiceError(code, f"Table not found: {bare}" if code.startswith("Table") else missing)
        return table

    # -------------------------------------------------------------- keys

    def _status(self, table: Table) -> str:
        """TableStatus. A key that does not work any more shows there late, and so does one that works again."""
        shown = table.shown_status
        if shown != "ACTIVE" or not table.key:
            return shown
        key, now = self._keys.find(table.key), self._now()
        lost = table.grants_revoked
        if key.state == "Enabled":
            lost = lost or (key.noticed and now < key.changed_at + self.timing.key_back)
        elif now >= key.changed_at + self.timing.key_lost + self.timing.key_noticed:
            lost = key.noticed = True
        return "INACCESSIBLE_ENCRYPTION_CREDENTIALS" if lost else shown

    def check_items(self, name: str) -> None:
        """Raises what a call on the table's items meets; items themselves are not modelled."""
        table = self._table(name)
        key = self._keys.find(table.key) if table.key else None
        if key and key.state != "Enabled" and self._now() >= key.changed_at + self.timing.key_lost:
            text = f"com.amazonaws.services.kms.model.DisabledException: {key.arn} is disabled. (Service: AWSKMS)"
            raise ServiceError("ValidationException", f"KMS key disabled error: {text}")

    def revoke_grants(self, name: str) -> None:
        """Takes the table's grants on its key away, as a key's owner may."""
        self.tables[name].grants_revoked = True

    def _check_usable(self, table: Table) -> None:
        """Refuses what a table does not take while its key is lost, or while it is archived (DDB-TABLE-333, 334)."""
        if self._status(table) in UNUSABLE:
            text = f"{IN_USE}Table is {self._status(table)}: {table.name}"
            raise ServiceError("ResourceInUseException", text)

    def _check_archived(self, table: Table) -> None:
        if self._status(table) == "ARCHIVED":
            text = f"Requested resource not found: Table: {table.name} not found"
            raise ServiceError("ResourceNotFoundException", text)

    # -------------------------------------------------------------- time to live

    def describe_time_to_live(self, params: dict[str, Any]) -> dict[str, Any]:
        table = self._table(params["TableName"])
        self._check_archived(table)
        if table.status in ("CREATING", "DELETING"):
            text = (
                f"Cannot describe time to live while table is in {table.status} state: Current table state is"
                f" {table.status}"
            )
            raise ServiceError("ValidationException", text)
        shown = {"TimeToLiveStatus": table.ttl_status}
        return {"TimeToLiveDescription": shown | ({"AttributeName": table.ttl} if table.ttl else {})}

    def update_time_to_live(self, params: dict[str, Any]) -> dict[str, Any]:
        spec = params["TimeToLiveSpecification"]
        on, attribute = spec["Enabled"], spec["AttributeName"]
        rules.check_length(attribute, "timeToLiveSpecification.attributeName", 1, 255)
        table = self._table(params["TableName"], unseen=self.timing.unseen_backups)
        if table.status in ("CREATING", "DELETING"):
            verb = "created" if table.status == "CREATING" else "deleted"
            raise ServiceError("ResourceInUseException", f"{IN_USE}Table {table.name} is being {verb}")
        self._check_usable(table)
        is_on = table.ttl_status in ("ENABLING", "ENABLED")
        if is_on and table.ttl != attribute:
            text = f"TimeToLive is active on a different AttributeName: current AttributeName is {table.ttl}"
            raise ServiceError("ValidationException", text)
        if on == is_on:
            raise ServiceError("ValidationException", f"TimeToLive is already {'enabled' if on else 'disabled'}")
        now = self._now()
        if now < table.ttl_changed + self.timing.time_to_live_again:
            text = "Time to live has been modified multiple times within a fixed interval"
            raise ServiceError("ValidationException", text)
        table.ttl_changed, table.ttl = now, attribute
        table.ttl_status = "ENABLING" if on else "DISABLING"

        def end() -> None:
            table.ttl_status = "ENABLED" if on else "DISABLED"
            table.ttl = attribute if on else ""

        self._later(table, self.timing.time_to_live, end)
        return {"TimeToLiveSpecification": spec}

    # -------------------------------------------------------------- point-in-time recovery

    def describe_continuous_backups(self, params: dict[str, Any]) -> dict[str, Any]:
        table = self._table(params["TableName"], "TableNotFoundException", self.timing.unseen_backups)
        if self._status(table) == "ARCHIVED":
            raise ServiceError("TableNotFoundException", f"Table not found: {table.name}")
        return self._described_backups(table)

    def update_continuous_backups(self, params: dict[str, Any]) -> dict[str, Any]:
        table = self._table(params["TableName"], "TableNotFoundException", self.timing.unseen_backups)
        spec = params["PointInTimeRecoverySpecification"]
        days = spec.get("RecoveryPeriodInDays")
        if days is not None and not spec["PointInTimeRecoveryEnabled"]:
            text = "Invalid Request: Cannot specify RecoveryPeriodInDays when disabling point-in-time recovery."
            raise ServiceError("ValidationException", text)
        if days is not None and not 1 <= days <= 35:
            raise ServiceError("ValidationException", f"Invalid Request: RecoveryPeriodInDays {days} is not 1 to 35")
        if table.status == "DELETING" or self._status(table) == "ARCHIVED":
            raise ServiceError("TableNotFoundException", f"Table not found: {table.name}")
        if table.status == "CREATING" or self._now() < table.backups_at:
            raise ServiceError(
                "ContinuousBackupsUnavailableException",
                f"Backups are being enabled for the table: {table.name}. Please retry later",
            )
        if not table.recovery_days:
            table.recovery_since = self._now()
        table.recovery_days = (days or 35) if spec["PointInTimeRecoveryEnabled"] else 0
        return self._described_backups(table)

    def _described_backups(self, table: Table) -> dict[str, Any]:
        ready = table.status != "CREATING" and self._now() >= table.backups_at
        recovery: dict[str, Any] = {"PointInTimeRecoveryStatus": "ENABLED" if table.recovery_days else "DISABLED"}
        if table.recovery_days:
            recovery |= {
                "RecoveryPeriodInDays": table.recovery_days,
                "EarliestRestorableDateTime": table.recovery_since,
                "LatestRestorableDateTime": max(table.recovery_since, self._now() - 300),
            }
        return {
            "ContinuousBackupsDescription": {
                "ContinuousBackupsStatus": "ENABLED" if ready else "DISABLED",
                "PointInTimeRecoveryDescription": recovery,
            }
        }

    # -------------------------------------------------------------- tags

    def _tagged(self, arn: str) -> Table:
        self.settle()
        if not arn.startswith("arn:"):
            raise invalid(f"ARNs must start with 'arn:': {arn}")
        prefix = self._arn("dynamodb", "table/")
        if not arn.startswith(prefix):
            text = f"Invalid TableArn: Invalid ResourceArn provided as input {arn}"
            raise ServiceError("ValidationException", text)
        if "/" in arn.removeprefix(prefix):
            raise invalid(
                f"Invalid resource arn provided, only table or stream is accepted. Provided resource arn: {arn}"
            )
        table = self.tables.get(arn.removeprefix(prefix))
        # The tags' own service knows a table from when it is ACTIVE until it is being deleted (DDB-TABLE-101, 104).
        if table is None or table.status in ("CREATING", "DELETING"):
            text = f"Requested resource not found: ResourceArn: {arn} not found"
            raise ServiceError("ResourceNotFoundException", text)
        return table

    def _stream_tags(self, arn: str) -> dict[str, str] | None:
        """The tags of a stream; None for what is no stream's ARN."""
        name, _, label = arn.removeprefix(self._arn("dynamodb", "table/")).partition("/stream/")
        if not label:
            return None
        if arn not in self._with_policy(arn).streams:
            raise ServiceError(
                "ResourceNotFoundException", f"Requested resource not found: ResourceArn: {arn} not found"
            )
        return self.tables[name].stream_tags.setdefault(arn, {})

    def list_tags_of_resource(self, params: dict[str, Any]) -> dict[str, Any]:
        if (of_stream := self._stream_tags(params["ResourceArn"])) is not None:
            return {"Tags": [{"Key": key, "Value": value} for key, value in sorted(of_stream.items())]}
        table = self._tagged(params["ResourceArn"])
        tags, size = sorted(table.tags_shown.items()), self.timing.tags_per_page
        token = params.get("NextToken", "")
        found = re.fullmatch(rf"{table.number}\+(\d+)", token)
        if token and not found:
            raise ServiceError("ValidationException", "Invalid NextToken provided as input")
        start = int(found[1]) if found else 0
        page = {"Tags": [{"Key": key, "Value": value} for key, value in tags[start : start + size]]}
        more = {"NextToken": f"{table.number}+{start + size}"} if start + size < len(tags) else {}
        return page | more

    def tag_resource(self, params: dict[str, Any]) -> dict[str, Any]:
        if not params["Tags"]:
            raise ServiceError("ValidationException", "Atleast one Tag needs to be provided as Input.")
        if (found := self._stream_tags(params["ResourceArn"])) is not None:
            rules.check_tags(params["Tags"], found)
            found |= {tag["Key"]: tag["Value"] for tag in params["Tags"]}
            return {}
        table = self._tagged(params["ResourceArn"])
        rules.check_tags(params["Tags"], table.tags)
        added = {tag["Key"]: tag["Value"] for tag in params["Tags"]}
        # While a change is under way only one that holds it whole is taken (DDB-TABLE-440).
        pending = table.tags_pending
        if pending is not None and not (pending and pending.items() <= added.items()):
            raise self._tags_locked(table)
        self._write_tags(table, table.tags | added, added)
        return {}

    def untag_resource(self, params: dict[str, Any]) -> dict[str, Any]:
        if not params["TagKeys"]:
            raise ServiceError("ValidationException", "Atleast one Tag Key needs to be provided as Input.")
        if (found := self._stream_tags(params["ResourceArn"])) is not None:
            for key in params["TagKeys"]:
                found.pop(key, None)
            return {}
        table = self._tagged(params["ResourceArn"])
        if table.tags_pending is not None:
            raise self._tags_locked(table)
        left = {key: value for key, value in table.tags.items() if key not in params["TagKeys"]}
        self._write_tags(table, left, {})
        return {}

    @staticmethod
    def _tags_locked(table: Table) -> ServiceError:
        text = f"Subscriber limit exceeded: Table tags are being updated: {table.name}"
        return ServiceError("LimitExceededException", text)

    def _write_tags(self, table: Table, tags: dict[str, str], added: dict[str, str]) -> None:
        if tags == table.tags:
            return
        table.tags, table.tags_pending = tags, added
        number = next(self._order)
        table.tags_changed = number

        def show() -> None:
            if table.tags_changed == number:
                table.tags_shown, table.tags_pending = tags, None

        self._later(table, self.timing.tags, show)

    # -------------------------------------------------------------- resource policies

    def _with_policy(self, arn: str) -> Table:
        self.settle()
        prefix = self._arn("dynamodb", "table/")
        if not arn.startswith("arn:"):
            raise invalid(f"ARNs must start with 'arn:': {arn}")
        if not arn.startswith(prefix):
            raise invalid(f"Invalid resource Arn: {arn}")
        name, _, rest = arn.removeprefix(prefix).partition("/")
        if rest and not rest.startswith("stream/"):
            raise invalid(
                f"Invalid resource arn provided, only table or stream is accepted. Provided resource arn: {arn}"
            )
        table = self._table(name)
        if rest and arn not in table.streams:
            label = rest.removeprefix("stream/")
            text = f"Requested resource not found: Stream: {label} not found for Table: {name}"
            raise ServiceError("ResourceNotFoundException", text)
        return table

    def get_resource_policy(self, params: dict[str, Any]) -> dict[str, Any]:
        arn = params["ResourceArn"]
        table = self._with_policy(arn)
        if self._now() < table.made_at + self.timing.unseen_policy:
            text = f"Requested resource not found: Table: {table.name} not found"
            raise ServiceError("ResourceNotFoundException", text)
        policy = table.policies.get(arn, Policy())
        late = self._now() < policy.shown_at
        document, revision = policy.shown if late else (policy.document, policy.revision)
        if not document:
            text = f"Resource-based policy not found for the provided ResourceArn: {arn}"
            raise ServiceError("PolicyNotFoundException", text)
        return {"Policy": document, "RevisionId": revision}

    def put_resource_policy(self, params: dict[str, Any]) -> dict[str, Any]:
        arn = params["ResourceArn"]
        table = self._with_policy(arn)
        if table.status == "DELETING":
            raise ServiceError("ResourceInUseException", f"{IN_USE}Table is being deleted: {table.name}")
        policy = table.policies.get(arn, Policy())
        self._check_revision(table, policy, params.get("ExpectedRevisionId"))
        canonical = _canonical(params["Policy"], arn.split(":")[1])
        if policy.document and _sent(params["Policy"], canonical) == policy.sent:
            return {"RevisionId": policy.revision}
        self._check_policy_rest(table, arn, policy)
        if "dynamodb:PutResourcePolicy" in _denied_to_all(canonical):
            text = "The new resource policy will not allow you to update the resource policy in the future."
            raise ServiceError("AccessDeniedException", text)
        return {"RevisionId": self._write_policy(table, arn, params["Policy"])}

    def delete_resource_policy(self, params: dict[str, Any]) -> dict[str, Any]:
        arn = params["ResourceArn"]
        table = self._with_policy(arn)
        policy = table.policies.get(arn, Policy())
        self._check_revision(table, policy, params.get("ExpectedRevisionId"))
        if not policy.document:
            return {}
        self._check_policy_rest(table, arn, policy)
        return {"RevisionId": self._write_policy(table, arn, "")}

    def _write_policy(self, table: Table, arn: str, text: str) -> str:
        now = self._now()
        canonical = _canonical(text, arn.split(":")[1]) if text else ""
        before = table.policies.get(arn, Policy())
        shown = (before.document, before.revision) if now >= before.shown_at else before.shown
        revision = f"{now * 1000:.0f}"
        sent = _sent(text, canonical) if text else ""
        gone = _denied_to_all(before.document) - _denied_to_all(canonical)
        table.denied += [(action, now + self.timing.policy_denies) for action in gone]
        table.policies[arn] = Policy(canonical, sent, revision, now, shown, now + self.timing.policy)
        self._later(table, self.timing.policy, lambda: None)
        return revision

    @staticmethod
    def _check_revision(table: Table, policy: Policy, expected: str | None) -> None:
        text = "Resource-based policy not found for the provided ResourceArn: Requested "
        if expected == "NO_POLICY" and policy.document:
            text += (
                f"policy update expecting none to be present for table {table.name}, but a policy exists with revision"
            )
            raise ServiceError("PolicyNotFoundException", f"{text} id {policy.revision}.")
        if expected not in (None, "NO_POLICY") and (not policy.document or expected != policy.revision):
            text += f"update for policy with revision id {expected}, but the policy associated to target table"
            raise ServiceError("PolicyNotFoundException", f"{text} {table.name} has revision id {policy.revision}.")

    def denies(self, action: str, name: str) -> bool:
        """Whether the table's policy denies everybody an action, or did so until just now (DDB-TABLE-431)."""
        table = self.tables.get(name)
        if table is None:
            return False
        policy = table.policies.get(table.arn, Policy()).document
        former = {each for each, until in table.denied if self._now() < until}
        return action in _denied_to_all(policy) | former

    def _check_policy_rest(self, table: Table, arn: str, policy: Policy) -> None:
        now, again = self._now(), self.timing.policy_again
        stream = "/stream/" in arn
        if now < policy.shown_at and now < policy.changed_at + again:
            what = f"Stream is pending previous resource-based policy update: {arn.rsplit('/', 1)[-1]}"
            what = what if stream else f"Table is pending previous resource-based policy update: {table.name}"
            raise ServiceError("ResourceInUseException", IN_USE + what)
        if now < policy.changed_at + again:
            of = f"stream {arn.rsplit('/', 1)[-1]}" if stream else f"table {table.name}"
            raise ServiceError(
                "ThrottlingException",
                f"Resource-based policy for {of} modified within the previous {again * 1000:.0f} milliseconds. Please"
                f" try again after {iso(policy.changed_at + again)[:-1]}.",
            )

    # -------------------------------------------------------------- contributor insights

    def _with_insights(self, params: dict[str, Any]) -> tuple[Table, Insights]:
        table, name = self._table(params["TableName"]), params.get("IndexName")
        self._check_archived(table)
        if name is None:
            return table, table.insights
        index = table.indexes.get(name)
        if index is None or index.allocating:
            text = f"Requested resource not found: Index: {name} not found for table: {table.name}"
            raise ServiceError("ResourceNotFoundException", text)
        return table, index.insights

    def describe_contributor_insights(self, params: dict[str, Any]) -> dict[str, Any]:
        table, insights = self._with_insights(params)
        return self._described_insights(table, params, insights)

    def update_contributor_insights(self, params: dict[str, Any]) -> dict[str, Any]:
        table, insights = self._with_insights(params)
        on, name = params["ContributorInsightsAction"] == "ENABLE", params.get("IndexName")
        self._check_usable(table)
        place = "Table or Index is not in a valid state to update Key Access Insights:"
        if table.status in ("CREATING", "DELETING"):
            text = f"{place} TableStatus must be ACTIVE to enable ContributorInsights."
            raise ServiceError("ValidationException", text)
        if name and table.indexes[name].status != "ACTIVE":
            text = f"{place} IndexStatus must be ACTIVE to enable ContributorInsights."
            raise ServiceError("ValidationException", text)
        mode = params.get("ContributorInsightsMode", "ACCESSED_AND_THROTTLED_KEYS")
        is_on = insights.status in ("ENABLING", "ENABLED")
        if on != is_on or (on and insights.mode != mode) or (not on and insights.status == "FAILED"):
            insights.status = "ENABLING" if on else "DISABLING"
            insights.mode = mode if on else insights.mode
            insights.changed_at = now = self._now()

            def end() -> None:
                if insights.changed_at == now:
                    self._end_insights(table, name, insights, on=on)

            self._later(table, self.timing.insights, end)
        described = self._described_insights(table, params, insights)
        kept = ("TableName", "IndexName", "ContributorInsightsStatus", "ContributorInsightsMode")
        return {key: described[key] for key in kept if key in described}

    def _end_insights(self, table: Table, name: str | None, insights: Insights, *, on: bool) -> None:
        failed = on and (name or table.name) in self.bad_insights
        insights.status = "FAILED" if failed else "ENABLED" if on else "DISABLED"
        insights.failure = {}
        if failed:
            insights.failure = {
                "ExceptionName": "LimitExceededException",
                "ExceptionDescription": "Amazon CloudWatch Contributor Insights rule limit reached. Please disable"
                " Contributor Insights for other tables/indexes OR disable other CloudWatch Contributor Insights rules"
                " before retrying.",
            }

    @staticmethod
    def _described_insights(table: Table, params: dict[str, Any], insights: Insights) -> dict[str, Any]:
        described: dict[str, Any] = {"TableName": table.name, "ContributorInsightsStatus": insights.status}
        if "IndexName" in params:
            described["IndexName"] = params["IndexName"]
        if insights.mode:
            described |= {"ContributorInsightsMode": insights.mode, "LastUpdateDateTime": insights.changed_at}
        if insights.failure:
            described["FailureException"] = insights.failure
        return described

    # -------------------------------------------------------------- Kinesis destinations

    def describe_kinesis_streaming_destination(self, params: dict[str, Any]) -> dict[str, Any]:
        table = self._table(params["TableName"])
        destinations = [{"StreamArn": arn, **shown} for arn, shown in table.destinations.items()]
        return {"TableName": table.name, "KinesisDataStreamDestinations": destinations}

    def enable_kinesis_streaming_destination(self, params: dict[str, Any]) -> dict[str, Any]:
        table, arn = self._kinesis_table(params)
        if arn in self.missing_streams:
            text = f"Requested resource not found: Kinesis stream: {arn} not found"  # this model's own words
            raise ServiceError("ResourceNotFoundException", text)
        config = params.get("EnableKinesisStreamingConfiguration", {})
        if any(d["DestinationStatus"] not in ("DISABLED", "ENABLE_FAILED") for d in table.destinations.values()):
            raise _kinesis_state(
                "EnableKinesisStreamingDestination must be DISABLED or ENABLE_FAILED to perform ENABLE operation."
            )
        shown = table.destinations[arn] = {"DestinationStatus": "ENABLING", **config}

        def end() -> None:
            if arn in self.bad_streams:
                shown["DestinationStatus"] = "ENABLE_FAILED"
                shown["DestinationStatusDescription"] = f"The Kinesis stream {arn} cannot be delivered to."
            else:
                shown["DestinationStatus"] = "ACTIVE"

        self._later(table, self.timing.kinesis, end)
        answer = {"TableName": table.name, "StreamArn": arn, "DestinationStatus": "ENABLING"}
        return answer | ({"EnableKinesisStreamingConfiguration": config} if config else {})

    def disable_kinesis_streaming_destination(self, params: dict[str, Any]) -> dict[str, Any]:
        table, arn = self._kinesis_table(params)
        if "EnableKinesisStreamingConfiguration" in params:
            text = "Stream cannot be disabled using EnableKinesisStreamingConfiguration parameters"
            raise ServiceError("ValidationException", text)
        shown = table.destinations.get(arn, {})
        if shown.get("DestinationStatus") != "ACTIVE":
            raise _kinesis_state("KinesisStreamingDestination must be ACTIVE to perform DISABLE operation.")
        shown["DestinationStatus"] = "DISABLING"
        self._later(table, self.timing.kinesis, lambda: shown.update(DestinationStatus="DISABLED"))
        return {"TableName": table.name, "StreamArn": arn, "DestinationStatus": "DISABLING"}

    def update_kinesis_streaming_destination(self, params: dict[str, Any]) -> dict[str, Any]:
        table, arn = self._kinesis_table(params)
        config = params.get("UpdateKinesisStreamingConfiguration") or {}
        if not config:
            raise ServiceError(
                "ValidationException",
                "Streaming destination cannot be updated with given parameters: UpdateKinesisStreamingConfiguration"
                " cannot be null or contain only null values",
            )
        _check_enum(config)
        if arn not in table.destinations:
            raise _kinesis_state(
                f"No streaming destination with streamArn: {arn} found for table with tableName: {table.name}"
            )
        shown = table.destinations[arn]
        if shown.get("DestinationStatus") != "ACTIVE":
            raise _kinesis_state(
                "Kinesis streaming is not in ACTIVE state. Updates are only allowed in ACTIVE state. TableName:"
                f" {table.name}, kdsArn: {arn}"
            )
        precision = config["ApproximateCreationDateTimePrecision"]
        if shown.get("ApproximateCreationDateTimePrecision", "MILLISECOND") == precision:
            raise ServiceError(
                "ValidationException",
                f"Invalid Request: Precision is already set to the desired value of {precision} for tableId:"
                f" {table.number}, kdsArn: {arn}",
            )
        shown["DestinationStatus"] = "UPDATING"

        def end() -> None:
            shown.update(DestinationStatus="ACTIVE", ApproximateCreationDateTimePrecision=precision)

        self._later(table, self.timing.kinesis_update, end)
        return {
            "TableName": table.name,
            "StreamArn": arn,
            "DestinationStatus": "UPDATING",
            "UpdateKinesisStreamingConfiguration": config,
        }

    def _kinesis_table(self, params: dict[str, Any]) -> tuple[Table, str]:
        table = self._table(params["TableName"])
        if table.status in ("CREATING", "DELETING"):
            verb = "created" if table.status == "CREATING" else "deleted"
            raise ServiceError("ResourceInUseException", f"{IN_USE}Table is being {verb}: {table.name}")
        return table, params["StreamArn"]


# ------------------------------------------------------------------ parts

UNUSABLE = ("INACCESSIBLE_ENCRYPTION_CREDENTIALS", "ARCHIVING", "ARCHIVED")


def _check_enum(config: dict[str, str]) -> None:
    value = config["ApproximateCreationDateTimePrecision"]
    if value not in ("MILLISECOND", "MICROSECOND"):
        place = "updateKinesisStreamingConfiguration.approximateCreationDateTimePrecision"
        raise ServiceError(
            "ValidationException",
            f"1 validation error detected: Value '{value}' at '{place}' failed to satisfy constraint: Member must"
            " satisfy enum value set: [MILLISECOND, MICROSECOND]",
        )


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _denied_to_all(document: str) -> set[str]:
    """The actions of this model that a policy denies to everybody, whatever else it says."""
    denied = set()
    for statement in json.loads(document)["Statement"] if document else ():
        principal = statement.get("Principal")
        everybody = principal == "*" or (isinstance(principal, dict) and "*" in _listed(principal.get("AWS")))
        if statement["Effect"] == "Deny" and everybody and "Condition" not in statement:
            patterns = [str(each) for each in _listed(statement.get("Action", ()))]
            denied |= {action for action in DENIABLE for each in patterns if fnmatchcase(action.lower(), each.lower())}
    return denied


DENIABLE = (
    "dynamodb:DeleteResourcePolicy",
    "dynamodb:DeleteTable",
    "dynamodb:PutResourcePolicy",
    "dynamodb:UpdateTable",
    "dynamodb:UpdateTimeToLive",
)


def _kinesis_state(text: str) -> ServiceError:
    place = "Table is not in a valid state to enable Kinesis Streaming Destination:"
    return ServiceError("ValidationException", f"{place} {text}")


def _sent(text: str, canonical: str) -> str:
    """What tells whether a policy is the one that was put before: a document without a version is not one with it,
    although it reads back with one (DDB-TABLE-354)."""
    return canonical if "Version" in json.loads(text) else f"no version: {canonical}"


def _canonical(text: str, partition: str) -> str:
    """A policy as GetResourcePolicy gives it (DDB-TABLE-208, 351 to 355): minified, members in a fixed order, lists of
    one as the element, an account's number as its root's ARN. Raises ValidationException for what is no policy."""
    if len(text.encode()) > 20480:
        raise invalid("Maximum policy size of 20480 bytes exceeded")
    try:
        policy = json.loads(text)
    except ValueError:
        raise invalid("Invalid policy document: This policy contains invalid Json") from None
    statements = policy.get("Statement") if isinstance(policy, dict) else None
    if not statements:
        raise invalid("Invalid policy document: Could not parse the policy: Statement is empty!")
    plain = [_statement(s, partition) for s in (statements if isinstance(statements, list) else [statements])]
    sids = [statement["Sid"] for statement in plain if "Sid" in statement]
    if len(set(sids)) < len(sids):
        raise invalid("Invalid policy document: The Statement Ids in the policy are not unique")
    kept = {"Id": policy["Id"]} if "Id" in policy else {}
    version = policy.get("Version", "2008-10-17")
    return json.dumps({"Version": version, **kept, "Statement": plain}, separators=(",", ":"))


def _statement(statement: dict[str, Any], partition: str) -> dict[str, Any]:
    def one(value: Any) -> Any:
        return value[0] if isinstance(value, list) and len(value) == 1 else value

    def principal(value: Any) -> Any:
        if isinstance(value, dict):
            return {kind: one(principal(names)) for kind, names in value.items()}
        if isinstance(value, list):
            return list(dict.fromkeys(principal(name) for name in value))
        return f"arn:{partition}:iam::{value}:root" if re.fullmatch(r"\d{12}", str(value)) else value

    for member in ("Effect", "Action", "Resource"):
        if member not in statement and f"Not{member}" not in statement:
            raise invalid(f"Invalid policy document: Missing required field {member}")
    plain: dict[str, Any] = {}
    for member in ("Sid", "Effect", "Principal", "Action", "Resource", "Condition"):
        for name in (member, f"Not{member}"):
            if name in statement:
                plain[name] = principal(statement[name]) if member == "Principal" else one(statement[name])
    plain["Effect"] = str(plain["Effect"]).capitalize()
    if plain["Effect"] == "Allow" and plain.get("Principal") in ("*", {"AWS": "*"}) and "Condition" not in plain:
        raise ServiceError(
            "ValidationException",
            "Resource-based policy grants unbounded access in one or more elements. Please revise the policy to ensure"
            " least-privilege form of access",
        )
    return plain
