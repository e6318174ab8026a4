"""`create`, `plan` and `table_status`: on the strict model of a table's life, on a fake clock."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from msgspec import structs
from provisioning import OWNER, World, declare, goal, index, written
from sentinel import clients
from sentinel.errors import (
    AccessDenied,
    InvalidSchema,
    OperationRefused,
    SentinelError,
    ServiceUnavailable,
    TableConflict,
    TableNotFound,
    Throttled,
)
from sentinel.ledger import Fenced
from sentinel.provisioner import TableProvisioner
from sentinel.run import Run
from sentinel.schema import TableSchema, approval_table_schema, create_table_input
from strict_aws.faults import ServiceError
from strict_aws.state import Timing

if TYPE_CHECKING:
    pass

APPROVAL = approval_table_schema()
NO_TTL = structs.replace(APPROVAL, time_to_live=None)
NAME = "sentinel-requests"
ARN = f"arn:aws:dynamodb:us-east-1:123456789012:table/{NAME}"
MISSING = "ResourceNotFoundException", "Requested resource not found: Table: sentinel-requests not found"


class Sleeps(list[float]):
    """Pauses, on the clock of `world`; in whole seconds as they are asked for."""

    def __init__(self, world: World) -> None:
        self._clock = world.clock

    def __call__(self, seconds: float) -> None:
        self.append(seconds)
        self._clock.sleep(seconds)


def provisioner(world: World, sleep: Any) -> TableProvisioner:
    return TableProvisioner(world.client(), clock=world.clock, sleep=sleep)


# ------------------------------------------------------------------ create


def test_a_table_that_is_not_there_is_created_with_its_indexes_and_ttl(aws: World) -> None:
    result = aws.provisioner().create(APPROVAL)
    assert (result.table_name, result.status, result.arn, result.error) == (NAME, "CREATED", ARN, None)
    assert written(aws.journal) == ["CreateTable", "UpdateTimeToLive"]
    assert aws.indexes(NAME) == dict.fromkeys(["gsi-requester", "gsi-status", "gsi-profile"], "ACTIVE")
    assert aws.table(NAME)["TimeToLive"] == ("ENABLING", "ttl")


def test_a_table_that_is_there_exists_with_its_arn_and_no_write(aws: World) -> None:
    aws.provisioner().create(APPROVAL)
    seen = len(aws.journal)
    result = aws.provisioner().create(APPROVAL)
    assert (result.status, result.arn) == ("EXISTS", ARN)
    four = {"DescribeTable", "DescribeTimeToLive", "DescribeContinuousBackups", "ListTagsOfResource"}
    made = [call.operation for call in aws.journal[seen:]]
    assert (len(made), set(made)) == (4, four)


def test_a_table_that_is_not_yet_active_is_waited_for_and_exists(aws: World) -> None:
    aws.somebody().create_table(**create_table_input(NO_TTL))
    result = aws.provisioner().create(NO_TTL)
    assert result.status == "EXISTS"
    assert aws.table(NAME)["Table"]["TableStatus"] == "ACTIVE"
    assert written(aws.journal) == []


def test_somebody_else_creating_it_at_the_same_moment_is_waited_for(aws: World) -> None:
    aws.faults.on("DescribeTable", error=ServiceError(*MISSING))
    aws.somebody().create_table(**create_table_input(NO_TTL))
    result = aws.provisioner().create(NO_TTL)
    assert [call.error for call in aws.journal.of("CreateTable") if call.actor == "us"] == ["ResourceInUseException"]
    assert result.status == "EXISTS"


@pytest.mark.parametrize("looks", [1, 2, 5])
def test_not_found_for_the_first_looks_after_the_creation_is_no_error(looks: int) -> None:
    with World(timing=Timing(unseen_looks=looks)) as aws:
        assert aws.provisioner().create(APPROVAL).status == "CREATED"
        assert len(aws.journal.of("CreateTable")) == 1


def test_a_table_that_no_call_knows_for_some_seconds_is_created_once() -> None:
    with World(timing=Timing(unseen=20.0)) as aws:
        assert aws.provisioner().create(APPROVAL).status == "CREATED"
        assert len(aws.journal.of("CreateTable")) == 1


def test_a_table_that_is_being_deleted_is_waited_for_and_made_anew(aws: World) -> None:
    aws.somebody().create_table(**create_table_input(NO_TTL))
    aws.clock.sleep(60)
    aws.somebody().delete_table(TableName=NAME)
    assert aws.provisioner().create(APPROVAL).status == "CREATED"
    assert written(aws.journal) == ["CreateTable", "UpdateTimeToLive"]


def test_an_index_that_is_still_building_is_waited_for(aws: World) -> None:
    two = structs.replace(NO_TTL, global_secondary_indexes=NO_TTL.global_secondary_indexes[:2])
    aws.provisioner().create(two)
    assert aws.provisioner().create_as(goal_of(NO_TTL), seconds=3000).status == "UPDATED"
    assert set(aws.indexes(NAME).values()) == {"ACTIVE"}


def goal_of(schema: TableSchema) -> Any:
    return structs.replace(goal(declare(), owner=None), schema=schema)


def test_a_failed_ttl_is_reported_with_the_arn_and_the_next_run_repairs_it(aws: World) -> None:
    fault = aws.faults.always("UpdateTimeToLive", error="validation")
    failed = aws.provisioner().create(APPROVAL)
    assert (failed.status, failed.arn) == ("FAILED", ARN)
    assert failed.error is not None
    assert "UpdateTimeToLive on sentinel-requests: One or more parameter values were invalid" in failed.error
    assert fault.struck == 1
    aws.faults.clear()
    repaired = aws.provisioner().create(APPROVAL)
    assert (repaired.status, repaired.error) == ("UPDATED", None)
    assert aws.table(NAME)["TimeToLive"][1] == "ttl"


def test_waits_double_from_one_second_to_thirty_and_end_after_five_minutes() -> None:
    with World(timing=Timing(creating_indexes=9e9), call_seconds=0.0) as aws:
        sleeps = Sleeps(aws)
        began = aws.clock()
        result = provisioner(aws, sleeps).create(APPROVAL)
        assert sleeps[:7] == [1, 2, 4, 8, 16, 30, 30]
        assert max(sleeps) == 30
        assert aws.clock() - began == pytest.approx(300)
    assert (result.status, result.arn) == ("FAILED", ARN)
    assert result.error is not None
    assert result.error.startswith("TABLE_NOT_READY: sentinel-requests is not ready in time: the table is CREATING.")


def test_the_deadline_is_kept_within_a_wait() -> None:
    with World(timing=Timing(creating_indexes=9e9), call_seconds=0.0) as aws:
        sleeps = Sleeps(aws)
        provisioner(aws, sleeps).create_as(goal_of(APPROVAL), seconds=20)
        assert sleeps == [1, 2, 4, 8, 5]


def test_a_deadline_ends_a_run_between_two_steps_as_well(aws: World) -> None:
    aws.call_seconds = 10.0  # a service that is slow to answer
    began = aws.clock()
    outcome = Run(aws.provisioner(), goal(declare(*[index(f"gsi-a{n}") for n in range(5)]))).until(began + 30)
    assert not outcome.done
    assert aws.clock() - began <= 60  # one round of looks may still be on its way


@pytest.mark.parametrize(
    ("operation", "error", "expected", "code"),
    [
        ("DescribeTable", "denied", AccessDenied, "ACCESS_DENIED"),
        ("CreateTable", "denied", AccessDenied, "ACCESS_DENIED"),
        ("DescribeTable", "expired", AccessDenied, "ACCESS_DENIED"),
        ("DescribeTable", "throttled", Throttled, "THROTTLED"),
        ("CreateTable", "throttled", Throttled, "THROTTLED"),
        ("DescribeTable", "internal", ServiceUnavailable, "SERVICE_UNAVAILABLE"),
        ("DescribeTable", "refused", ServiceUnavailable, "SERVICE_UNAVAILABLE"),
        ("CreateTable", "timeout", ServiceUnavailable, "SERVICE_UNAVAILABLE"),
        ("CreateTable", "validation", OperationRefused, "OPERATION_REFUSED"),
        ("CreateTable", "limit", Throttled, "THROTTLED"),
    ],
)
def test_what_goes_wrong_before_a_table_exists_is_raised(
    aws: World, operation: str, error: str, expected: type[SentinelError], code: str
) -> None:
    aws.faults.always(operation, error=error)
    with pytest.raises(expected) as caught:
        aws.provisioner().create(APPROVAL)
    raised = caught.value
    assert raised.code == code
    assert str(raised).startswith(f"{code}: {operation} on {NAME}: ")
    assert raised.context["operation"] == operation
    assert raised.context["table"] == NAME
    assert raised.suggestion
    assert raised.__cause__ is not None


def test_a_minute_of_faults_is_got_over(aws: World) -> None:
    aws.faults.on("DescribeTable", nth=2, times=5, error="throttled")
    aws.faults.on("UpdateTimeToLive", times=5, error="internal")
    assert aws.provisioner().create(APPROVAL).status == "CREATED"


@pytest.mark.parametrize("operation", ["CreateTable", "UpdateTimeToLive"])
@pytest.mark.parametrize("error", ["timeout", "closed", "internal"])
def test_an_answer_that_is_lost_after_the_effect_changes_nothing(aws: World, operation: str, error: str) -> None:
    aws.faults.on(operation, error=error, before=False)
    result = aws.provisioner().create(APPROVAL)
    assert result.status in ("CREATED", "EXISTS", "UPDATED")
    assert result.error is None
    assert written(aws.journal) == ["CreateTable", "UpdateTimeToLive"]


def test_bad_declarations_are_refused_before_any_call(aws: World) -> None:
    with pytest.raises(InvalidSchema):
        aws.provisioner().create(structs.replace(APPROVAL, table_name="no"))
    with pytest.raises(InvalidSchema):
        aws.provisioner().plan(structs.replace(APPROVAL, table_name="no"))
    assert aws.journal == []


def test_a_table_of_another_key_is_reported_and_left_alone(aws: World) -> None:
    aws.deploy(declare(key=("tenant",)), owner=None)
    seen = len(aws.journal)
    result = aws.provisioner().create_as(goal(declare(key=("id",)), owner=None))
    assert result.status == "FAILED"
    assert "has the key tenant (S), but id (S) is declared" in str(result.error)
    assert written(aws.journal[seen:]) == []


@pytest.mark.parametrize("existing", ["Adopt", "TakeOver"])
def test_a_table_that_a_stack_manages_is_refused_unless_nothing_is_to_be_written(aws: World, existing: str) -> None:
    aws.deploy(declare(index("gsi-team")))
    same = goal(declare(index("gsi-team"), Existing=existing), owner=None)
    assert aws.provisioner().create_as(same).status == "EXISTS"
    more = goal(declare(index("gsi-team"), index("gsi-user"), Existing=existing), owner=None)
    seen = len(aws.journal)
    with pytest.raises(TableConflict, match="orders is managed by stack shop, resource Orders"):
        aws.provisioner().create_as(more)
    assert written(aws.journal[seen:]) == []


def test_existing_fail_refuses_a_table_that_is_there_but_not_the_one_it_makes(aws: World) -> None:
    fail = goal(declare(Existing="Fail"), owner=None)
    assert aws.provisioner().create_as(fail).status == "CREATED"
    again = aws.provisioner().create_as(fail)
    assert again.status == "FAILED"
    assert "orders is there already and Existing is Fail" in str(again.error)


# ------------------------------------------------------------------ table_status


def test_the_status_of_a_missing_table_is_not_found(aws: World) -> None:
    assert aws.provisioner().table_status("nothing-here") == "NOT_FOUND"


def test_the_status_is_what_dynamodb_says(aws: World) -> None:
    aws.somebody().create_table(**create_table_input(APPROVAL))
    assert aws.provisioner().table_status(NAME) == "CREATING"
    aws.clock.sleep(60)
    assert aws.provisioner().table_status(NAME) == "ACTIVE"
    aws.tables.set_status(NAME, "ARCHIVED")
    assert aws.provisioner().table_status(NAME) == "ARCHIVED"


@pytest.mark.parametrize(("error", "expected"), [("denied", AccessDenied), ("throttled", Throttled)])
def test_a_status_that_cannot_be_read_is_raised(aws: World, error: str, expected: type[SentinelError]) -> None:
    aws.faults.always("DescribeTable", error=error)
    with pytest.raises(expected):
        aws.provisioner().table_status(NAME)


# ------------------------------------------------------------------ plan


def test_a_plan_for_a_table_that_is_not_there_shows_the_schema_and_the_steps(aws: World) -> None:
    plan = aws.provisioner().plan(APPROVAL)
    assert (plan.would_create, plan.up_to_date) == (True, False)
    assert plan.global_secondary_indexes == ["gsi-requester", "gsi-status", "gsi-profile"]
    assert (plan.ttl_attribute, plan.billing_mode) == ("ttl", "PAY_PER_REQUEST")
    assert [(step["action"], step["target"]) for step in plan.steps] == [
        ("CreateTable", NAME),
        ("UpdateTimeToLive", "ttl"),
    ]
    assert plan.summary.splitlines() == [
        "+ table sentinel-requests  id (S)  PAY_PER_REQUEST",
        "+ gsi-requester  requester, created_at  ALL",
        "+ gsi-status  status, created_at  ALL",
        "+ gsi-profile  profile, created_at  ALL",
        "+ ttl  ttl",
    ]
    assert written(aws.journal) == []


def test_a_plan_for_a_table_as_declared_is_empty(aws: World) -> None:
    aws.provisioner().create(APPROVAL)
    plan = aws.provisioner().plan(APPROVAL)
    assert (plan.would_create, plan.up_to_date, plan.steps) == (False, True, [])
    assert (plan.global_secondary_indexes, plan.ttl_attribute, plan.billing_mode) == ([], None, None)
    assert plan.summary == "sentinel-requests is as declared"


def test_a_plan_that_cannot_look_is_an_error(aws: World) -> None:
    aws.faults.always("DescribeTable", error="denied")
    with pytest.raises(AccessDenied):
        aws.provisioner().plan(APPROVAL)


def test_a_plan_on_a_table_being_created_or_deleted_says_that_it_waits(aws: World) -> None:
    aws.somebody().create_table(**create_table_input(NO_TTL))
    assert aws.provisioner().plan(NO_TTL).assumes == ["the table is CREATING; the deploy waits for that first"]
    aws.clock.sleep(60)
    aws.somebody().delete_table(TableName=NAME)
    plan = aws.provisioner().plan(NO_TTL)
    assert plan.would_create
    [assumed] = plan.assumes
    assert assumed == "sentinel-requests is being deleted; the deploy waits until it is gone, then creates it again"


def test_a_plan_without_an_owner_assumes_that_of_the_table(aws: World) -> None:
    aws.deploy(declare())
    plan = aws.plan(declare(DeletionProtectionEnabled=True), owner=None)
    assert plan.assumes == ["the deploy is assumed to be by stack shop, resource Orders, which manages the table"]
    assert plan.summary == "~ deletion protection  off → on"


# ------------------------------------------------------------------ endpoints of one's own


def test_an_operation_that_a_local_endpoint_does_not_know_is_skipped_where_undeclared() -> None:
    with World() as aws:
        aws.unknown |= {"ListTagsOfResource", "TagResource", "DescribeContinuousBackups"}
        local = TableProvisioner(
            aws.client(endpoint="http://127.0.0.1:8000"),
            clock=aws.clock,
            sleep=aws.clock.sleep,
            log=lambda *_, **__: None,
        )
        assert Run(local, goal(declare(index("gsi-team")))).until(aws.clock() + 100).status == "CREATED"
        plan = local.plan_for(goal(declare(index("gsi-team"), Tags=[{"Key": "a", "Value": "b"}], **PITR)))
        assert plan.conflicts == [
            "PointInTimeRecoverySpecification: declared, but this endpoint does not know DescribeContinuousBackups;"
            " leave it out here",
            "Tags: declared, but this endpoint does not know ListTagsOfResource; leave it out here",
        ]


PITR: dict[str, Any] = {"PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": True}}


def test_what_a_local_endpoint_calls_done_is_done_though_it_does_not_show() -> None:
    with World() as aws:
        local = TableProvisioner(aws.client(endpoint="http://127.0.0.1:8000"), clock=aws.clock, sleep=aws.clock.sleep)
        already = ServiceError("ValidationException", "TimeToLive is already enabled")
        fault = aws.faults.always("UpdateTimeToLive", error=already)
        assert local.create(APPROVAL).status == "CREATED"
        assert fault.struck == 1


def test_aws_itself_must_know_every_operation() -> None:
    with World() as aws:
        aws.unknown |= {"ListTagsOfResource"}
        aws.somebody().create_table(**create_table_input(NO_TTL))
        aws.clock.sleep(60)
        with pytest.raises(OperationRefused, match="This endpoint does not know the operation"):
            aws.provisioner().create(NO_TTL)


def test_existing_fail_is_no_refusal_of_ones_own_table_where_no_tag_can_tell() -> None:
    with World() as aws:
        aws.unknown |= {"ListTagsOfResource"}
        local = TableProvisioner(aws.client(endpoint="http://127.0.0.1:8000"), clock=aws.clock, sleep=aws.clock.sleep)
        assert Run(local, goal(declare(Existing="Fail"))).until(aws.clock() + 100).done


def test_a_client_is_made_where_none_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    with World() as aws:
        client = aws.client()
        monkeypatch.setattr(clients, "client", lambda service, *_: client if service == "dynamodb" else None)
        assert TableProvisioner().table_status("nothing-here") == "NOT_FOUND"


def test_missing_for_a_minute_is_missing(aws: World) -> None:
    aws.deploy(declare())
    arn = "arn:aws:kinesis:us-east-1:123456789012:stream/none"
    aws.faults.always("EnableKinesisStreamingDestination", error="not found")
    began = aws.clock()
    with pytest.raises(TableNotFound):
        aws.run(declare(KinesisStreamSpecification={"StreamArn": arn}), declare())
    assert 60 <= aws.clock() - began <= 120


def test_log_lines_name_steps_and_never_values(aws: World) -> None:
    aws.deploy(declare(Tags=[{"Key": "secret", "Value": "hunter2"}]))
    aws.deploy(
        declare(Tags=[{"Key": "secret", "Value": "hunter3"}]), declare(Tags=[{"Key": "secret", "Value": "hunter2"}])
    )
    assert "orders: TagResource, tags" in aws.lines
    assert not [line for line in aws.lines if "hunter" in line]


def test_a_run_stops_before_a_write_when_a_later_request_took_over(aws: World) -> None:
    hold = aws.hold(declare(), None, OWNER)
    aws.hold(declare(**PITR), declare(), OWNER)
    with pytest.raises(Fenced, match="superseded"):
        Run(aws.provisioner(), goal(declare()), hold=hold).until(aws.clock() + 100)
    assert written(aws.journal) == []
