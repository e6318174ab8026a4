"""What each of AWS's errors means, in the service's own words; sources beside `sentinel.aws_errors.RULES`."""

from __future__ import annotations

import re

import pytest
from botocore.exceptions import (
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    NoCredentialsError,
    NoRegionError,
    ParamValidationError,
    PartialCredentialsError,
    ReadTimeoutError,
    SSLError,
)
from sentinel.aws_errors import (
    EVENTS_RULES,
    ITEM_OPERATIONS,
    KMS_RULES,
    RULES,
    SERVICES,
    Rule,
    Verdict,
    aws_code,
    classify,
    from_aws,
)
from sentinel.errors import (
    AccessDenied,
    OperationRefused,
    RequestNotFound,
    SentinelError,
    ServiceUnavailable,
    TableNotFound,
    Throttled,
)

IN_USE = "ResourceInUseException", "Attempt to change a resource which is still in use: "
LIMIT = "LimitExceededException", "Subscriber limit exceeded: "
INVALID = "ValidationException", "One or more parameter values were invalid: "
RETRY, WAIT, DONE, REFUSE, FATAL = Verdict.RETRY, Verdict.WAIT, Verdict.DONE, Verdict.REFUSE, Verdict.FATAL
DENIED = Verdict.DENIED

# (code, message, verdict, error)
SAID: list[tuple[str, str, Verdict, type[SentinelError]]] = [
    ("UnknownOperationException", "", Verdict.NOT_SHOWN, OperationRefused),
    ("AccessDeniedException", "User: u is not authorized to perform: dynamodb:CreateTable", DENIED, AccessDenied),
    ("KMSAccessDeniedException", "The ciphertext refers to a key that you may not use", DENIED, AccessDenied),
    (
        "AccessDeniedException",
        "User: u is not authorized to perform: dynamodb:DeleteTable on resource: arn with an explicit deny in a"
        " resource-based policy",
        FATAL,
        AccessDenied,
    ),
    (
        "AccessDeniedException",
        "The new resource policy will not allow you to update the resource policy in the future.",
        FATAL,
        OperationRefused,
    ),
    (
        "ValidationException",
        'One or more parameter values were invalid: Invalid policy document: Invalid principal in policy: "AWS":"x"',
        DENIED,
        OperationRefused,
    ),
    (
        "InternalServerError",
        "KMS internal error: com.amazonaws.services.kms.model.AWSKMSException: EncryptionContext is supported only when"
        " creating a grant for a symmetric encryption KMS key. (Service: AWSKMS; Status Code: 400; Error Code:"
        " ValidationException; Request ID: X; Proxy: null)",
        FATAL,
        OperationRefused,
    ),
    (
        "InternalServerError",
        "KMS internal error: com.amazonaws.services.kms.model.KMSInternalException: x (Service: AWSKMS; Status Code:"
        " 500; Error Code: KMSInternalException; Request ID: X; Proxy: null)",
        RETRY,
        ServiceUnavailable,
    ),
    ("InternalFailure", "", FATAL, OperationRefused),
    (
        "ResourceNotFoundException",
        "Requested resource not found: Kinesis stream: arn:aws:kinesis:us-east-1:1:stream/s not found",
        FATAL,
        OperationRefused,
    ),
    ("InternalFailure", "The request processing has failed because of an unknown error", RETRY, ServiceUnavailable),
    (
        "LimitExceededException",
        "Subscriber limit exceeded: There is a limit of 2500 tables per subscriber",
        FATAL,
        OperationRefused,
    ),
    ("ValidationException", "Cannot read from backfilling global secondary index: gsi-x", WAIT, ServiceUnavailable),
    (
        "ReplicatedWriteConflictException",
        "One or more items in this request are being modified by a request in another Region.",
        RETRY,
        Throttled,
    ),
    (
        "ValidationException",
        "Create/Update/Delete of replica is not allowed while the replica is being added to table"
        " with name: T in region: us-east-1.",
        WAIT,
        OperationRefused,
    ),
    (
        "ValidationException",
        "KMS key disabled error: com.amazonaws.services.kms.model.DisabledException: k disabled.",
        FATAL,
        OperationRefused,
    ),
    ("UnrecognizedClientException", "The security token included in the request is invalid.", FATAL, AccessDenied),
    ("ExpiredTokenException", "The security token included in the request is expired", FATAL, AccessDenied),
    ("InvalidSignatureException", "Signature expired", FATAL, AccessDenied),
    ("ThrottlingException", "Rate exceeded", RETRY, Throttled),
    (
        "ThrottlingException",
        "Deletion protection setting for table T modified within the previous 15000 milliseconds. Please try again"
        " after 2026-11-21T02:08:00.123",
        WAIT,
        Throttled,
    ),
    (
        "ThrottlingException",
        "Resource-based policy for table T modified within the previous 15000 milliseconds. Please try again after x.",
        WAIT,
        Throttled,
    ),
    ("RequestLimitExceeded", "Throughput exceeds the current throughput limit for your account.", RETRY, Throttled),
    ("ProvisionedThroughputExceededException", "The level of configured …", RETRY, Throttled),
    ("TransactionConflictException", "Transaction is ongoing for the item", RETRY, Throttled),
    ("InternalServerError", "Internal server error", RETRY, ServiceUnavailable),
    ("ServiceUnavailable", "Service is unavailable", RETRY, ServiceUnavailable),
    ("500", "", RETRY, ServiceUnavailable),
    (
        "ContinuousBackupsUnavailableException",
        "Backups are being enabled for the table: T. Please retry later",
        WAIT,
        ServiceUnavailable,
    ),
    (
        "PolicyNotFoundException",
        "Resource-based policy not found for the provided ResourceArn: a",
        DONE,
        OperationRefused,
    ),
    (LIMIT[0], LIMIT[1] + "Table tags are being updated: T", WAIT, Throttled),
    (
        LIMIT[0],
        LIMIT[1] + "Only 1 online index can be created or deleted simultaneously per table",
        WAIT,
        Throttled,
    ),
    (
        LIMIT[0],
        LIMIT[1] + "Update to PayPerRequest mode are limited to once in 1 day(s). Last update at x. Next update can be"
        " made at y",
        REFUSE,
        OperationRefused,
    ),
    (
        LIMIT[0],
        LIMIT[1] + "Update to PayPerRequest mode are limited to 4 times in 1 day(s). Last update at x.",
        REFUSE,
        OperationRefused,
    ),
    (
        LIMIT[0],
        LIMIT[1] + "Provisioned throughput decreases are limited within a given UTC day. After the first 4 decreases,"
        " each subsequent decrease in the same UTC day can be performed at most once every 3600 seconds.",
        REFUSE,
        OperationRefused,
    ),
    (
        LIMIT[0],
        LIMIT[1] + "Encryption mode changes are limited in the 24h window ending at x. After the first 4 change, …",
        REFUSE,
        OperationRefused,
    ),
    (LIMIT[0], LIMIT[1] + "Updates to TableClass are limited to 2 times in 30 day(s).", REFUSE, OperationRefused),
    (
        LIMIT[0],
        LIMIT[1] + "Number of global secondary indexes exceeds per-table limit of 20",
        FATAL,
        OperationRefused,
    ),
    (
        LIMIT[0],
        LIMIT[1] + "There are too many operations that run simultaneously on control plane APIs",
        RETRY,
        Throttled,
    ),
    (LIMIT[0], "Too many tables", FATAL, OperationRefused),
    ("ValidationException", "TimeToLive is already enabled", DONE, OperationRefused),
    ("ValidationException", "TimeToLive is already disabled", DONE, OperationRefused),
    (
        "ValidationException",
        "Time to live has been modified multiple times within a fixed interval",
        REFUSE,
        OperationRefused,
    ),
    (
        "ValidationException",
        "TimeToLive is active on a different AttributeName: current AttributeName is x",
        FATAL,
        OperationRefused,
    ),
    (
        "ValidationException",
        "Cannot describe time to live while table is in CREATING state: Current table state is CREATING",
        WAIT,
        OperationRefused,
    ),
    (
        "ValidationException",
        "Table or Index is not in a valid state to update Key Access Insights: IndexStatus must be ACTIVE to enable"
        " ContributorInsights.",
        WAIT,
        OperationRefused,
    ),
    (
        "ValidationException",
        "Table is not in a valid state to enable Kinesis Streaming Destination: KinesisStreamingDestination must be"
        " ACTIVE to perform DISABLE operation.",
        WAIT,
        OperationRefused,
    ),
    (
        "ValidationException",
        "Invalid Request: Precision is already set to the desired value of MICROSECOND for tableId: 1, kdsArn: a",
        DONE,
        OperationRefused,
    ),
    (
        "ValidationException",
        "The provisioned throughput for the table will not change. The requested value equals the current value.",
        DONE,
        OperationRefused,
    ),
    (INVALID[0], INVALID[1] + "Table is already encrypted by default", DONE, OperationRefused),
    (INVALID[0], INVALID[1] + "Table is already encrypted with given KMSMasterKeyId. Use …", DONE, OperationRefused),
    ("ValidationException", "Table already has an enabled stream: TableName: T", DONE, OperationRefused),
    ("ValidationException", "Table has no stream to disable: TableName: T", DONE, OperationRefused),
    ("ValidationException", "Attempting to create an index which already exists", DONE, OperationRefused),
    ("ValidationException", "Nothing to update", DONE, OperationRefused),
    (
        "ValidationException",
        "Resource cannot be deleted as it is currently protected against deletion. Disable deletion protection first.",
        FATAL,
        OperationRefused,
    ),
    (INVALID[0], INVALID[1] + "Some AttributeDefinitions are not used.", FATAL, OperationRefused),
    (
        INVALID[0],
        INVALID[1] + "Requested ReadUnitsPerSecond for WarmThroughput for table is lower than current WarmThroughput,"
        " decreasing WarmThroughput is not supported",
        FATAL,
        OperationRefused,
    ),
    (IN_USE[0], IN_USE[1] + "Table is being created: T", WAIT, OperationRefused),
    (IN_USE[0], IN_USE[1] + "Index creation is in resource allocation phase.", WAIT, OperationRefused),
    (IN_USE[0], "Table already exists: T", WAIT, OperationRefused),
    ("TableInUseException", "Table is being updated", WAIT, OperationRefused),
    ("ResourceNotFoundException", "Requested resource not found: Table: T not found", RETRY, TableNotFound),
    ("TableNotFoundException", "Table not found: T", RETRY, TableNotFound),
    ("SomethingNew", "never heard of", FATAL, OperationRefused),
]


def client_error(code: str, message: str, status: int = 400) -> ClientError:
    return ClientError(
        {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": status}},  # type: ignore[typeddict-item]
        "UpdateTable",
    )


@pytest.mark.parametrize(("code", "message", "verdict", "kind"), SAID, ids=[f"{c} {m[:60]}" for c, m, *_ in SAID])
def test_what_the_service_says_means(code: str, message: str, verdict: Verdict, kind: type[SentinelError]) -> None:
    assert classify(client_error(code, message))[:2] == (verdict, kind)


def test_every_rule_is_met_by_something_that_the_service_says() -> None:
    suggestions = {classify(client_error(code, message)) for code, message, *_ in SAID}
    assert {(rule.verdict, rule.error, rule.suggestion) for rule in RULES} == suggestions


@pytest.mark.parametrize(("code", "message", "verdict", "kind"), SAID, ids=[f"{c} {m[:60]}" for c, m, *_ in SAID])
def test_what_stops_a_deploy_says_what_to_do(
    code: str, message: str, verdict: Verdict, kind: type[SentinelError]
) -> None:
    if verdict is not DONE:
        assert len(classify(client_error(code, message))[2]) > 20, kind


# (operation, code, message, status, verdict, error, what to do)
ELSEWHERE: list[tuple[str, str, str, int, Verdict, type[SentinelError], str]] = [
    ("events:PutRule", "AccessDeniedException", "not authorized to perform: events:PutRule", 400, DENIED, AccessDenied,
     "sentinel-poll-"),
    ("events:PutRule", "ExpiredTokenException", "The security token … is expired", 400, FATAL, AccessDenied,
     "credentials"),
    ("events:PutTargets", "ThrottlingException", "Rate exceeded", 400, RETRY, Throttled, "EventBridge"),
    ("events:PutRule", "ConcurrentModificationException", "Rule r was modified concurrently", 400, RETRY, Throttled,
     "same rule"),
    ("events:PutRule", "LimitExceededException", "The requested resource exceeds the maximum number allowed.", 400,
     FATAL, OperationRefused, "rules of the default event bus"),
    ("events:PutTargets", "ResourceNotFoundException", "Rule r does not exist on EventBus default.", 400, RETRY,
     OperationRefused, "to create it"),
    ("events:PutRule", "InternalException", "", 500, RETRY, ServiceUnavailable, "EventBridge failed"),
    ("events:PutRule", "InternalFailure", "", 500, RETRY, ServiceUnavailable, "EventBridge failed"),
    ("events:PutRule", "SomethingNew", "", 503, RETRY, ServiceUnavailable, "EventBridge failed"),
    ("events:PutTargets", "ValidationException", "JSON syntax error in input", 400, FATAL, OperationRefused, "names"),
    ("kms:DescribeKey", "AccessDeniedException", "not authorized to perform: kms:DescribeKey", 400, DENIED,
     AccessDenied, "kms:DescribeKey"),
    ("kms:DescribeKey", "UnrecognizedClientException", "… token … is invalid.", 400, FATAL, AccessDenied,
     "credentials"),
    ("kms:DescribeKey", "ThrottlingException", "You have exceeded the rate", 400, RETRY, Throttled, "KMS"),
    ("kms:DescribeKey", "NotFoundException", "Alias a is not found.", 400, FATAL, OperationRefused, "KMSMasterKeyId"),
    ("kms:DescribeKey", "InvalidArnException", "a is not a valid ARN", 400, FATAL, OperationRefused, "KMSMasterKeyId"),
    ("kms:DescribeKey", "KMSInternalException", "", 500, RETRY, ServiceUnavailable, "KMS failed"),
    ("kms:DescribeKey", "DependencyTimeoutException", "", 503, RETRY, ServiceUnavailable, "KMS failed"),
    ("kms:DescribeKey", "SomethingNew", "", 400, FATAL, OperationRefused, "names"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("operation", "code", "message", "status", "verdict", "kind", "way_out"),
    ELSEWHERE,
    ids=[f"{row[0]} {row[1]}" for row in ELSEWHERE],
)
def test_what_eventbridge_and_kms_say_is_reported_in_their_own_terms(
    operation: str, code: str, message: str, status: int, verdict: Verdict, kind: type[SentinelError], way_out: str
) -> None:
    error = client_error(code, message, status)
    raised = from_aws(error, operation, "orders")
    assert type(raised) is kind
    assert way_out in raised.suggestion
    assert "DynamoDB" not in raised.suggestion
    assert not any(word in raised.suggestion for word in ("TableNamePrefix", "table's", "tables"))
    assert raised.context == {"operation": operation, "table": "orders", "aws_code": code}
    assert classify(error, operation.partition(":")[0])[0] == verdict
    if operation.startswith("kms"):  # a deploy's loop sees a key's error among the table's
        assert classify(error)[0] == verdict


@pytest.mark.parametrize(("service", "rules"), [("events", EVENTS_RULES), ("kms", KMS_RULES)])
def test_every_rule_of_another_service_is_met_too(service: str, rules: tuple[Rule, ...]) -> None:
    met = {
        classify(client_error(code, message, status), service)[2]
        for operation, code, message, status, *_ in ELSEWHERE
        if operation.startswith(service)
    }
    assert {rule.suggestion for rule in rules} <= met


@pytest.mark.parametrize("service", SERVICES)
def test_an_endpoint_that_cannot_be_reached_is_reported_with_its_own_way_out(service: str) -> None:
    raised = from_aws(EndpointConnectionError(endpoint_url=ENDPOINT), f"{service}:Any", "orders")
    assert type(raised) is ServiceUnavailable
    assert SERVICES[service].name in raised.suggestion
    assert ("DynamoDBEndpointUrl" in raised.suggestion) == (service == "dynamodb")


ENDPOINT = "http://127.0.0.1:1"
UNANSWERED: list[tuple[BaseException, Verdict, type[SentinelError]]] = [
    (EndpointConnectionError(endpoint_url=ENDPOINT), RETRY, ServiceUnavailable),
    (ConnectTimeoutError(endpoint_url=ENDPOINT), RETRY, ServiceUnavailable),
    (ReadTimeoutError(endpoint_url=ENDPOINT), RETRY, ServiceUnavailable),
    (NoCredentialsError(), FATAL, AccessDenied),
    (PartialCredentialsError(provider="env", cred_var="secret"), FATAL, AccessDenied),
    (NoRegionError(), FATAL, ServiceUnavailable),
    (ParamValidationError(report="no TableName"), FATAL, OperationRefused),
    (client_error("", "", 503), RETRY, ServiceUnavailable),
    (KeyError("a fault of ours"), FATAL, OperationRefused),
]


@pytest.mark.parametrize(("error", "verdict", "kind"), UNANSWERED, ids=[type(row[0]).__name__ for row in UNANSWERED])
def test_where_no_answer_came_the_cause_is_reported(
    error: BaseException, verdict: Verdict, kind: type[SentinelError]
) -> None:
    assert classify(error)[:2] == (verdict, kind)
    assert isinstance(from_aws(error, "CreateTable", "orders"), kind)


def test_an_error_has_code_message_suggestion_and_context() -> None:
    raised = from_aws(client_error("AccessDeniedException", "not authorized."), "CreateTable", "orders")
    assert raised.code == "ACCESS_DENIED"
    assert raised.message == "CreateTable on orders: not authorized."
    assert "TableNamePrefix" in raised.suggestion
    assert raised.context == {"operation": "CreateTable", "table": "orders", "aws_code": "AccessDeniedException"}
    assert str(raised) == f"ACCESS_DENIED: CreateTable on orders: not authorized. {raised.suggestion}"


@pytest.mark.parametrize("operation", sorted(ITEM_OPERATIONS))
@pytest.mark.parametrize("rule", RULES, ids=lambda rule: f"{rule.code} {rule.message}"[:60])
def test_no_advice_about_items_says_deploy(rule: Rule, operation: str) -> None:
    said = next((message for code, message, *_ in SAID if _first(code, message) is rule), None)
    assert said is not None, "a row that nothing meets"
    code = next(code for code, message, *_ in SAID if message == said and _first(code, message) is rule)
    suggestion = from_aws(client_error(code, said), operation, "orders").suggestion
    assert not re.search(r"\bdeploy\b", suggestion, re.IGNORECASE)


def _first(code: str, message: str) -> Rule:
    return next(r for r in RULES if re.fullmatch(r.code or ".*", code, re.I) and re.search(r.message, message, re.I))


def test_a_bundle_of_authorities_that_is_not_there_is_named_and_not_tried_for_ever() -> None:
    missing = SSLError(endpoint_url=ENDPOINT, error=FileNotFoundError(2, "No such file or directory"))
    assert classify(missing)[:2] == (FATAL, ServiceUnavailable)
    assert "AWS_CA_BUNDLE" in from_aws(missing, "DescribeTable", "orders").suggestion
    broken = SSLError(endpoint_url=ENDPOINT, error=OSError("EOF occurred in violation of protocol"))
    assert classify(broken)[0] is RETRY


def test_an_error_of_this_package_is_passed_on() -> None:
    error = RequestNotFound("no such request")
    assert from_aws(error, "GetItem", "requests") is error
    assert aws_code(error) == "RequestNotFound"
