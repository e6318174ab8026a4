"""What AWS's errors mean: one table for each service, of which the first row that matches holds.

Code and message decide together, because one code alone is ambiguous: ResourceInUseException means "wait" for an index
that is being built, and "already there" for a table that is being created.
"""

from __future__ import annotations

import re
from enum import Enum
from typing import TYPE_CHECKING, NamedTuple

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError,
    HTTPClientError,
    NoCredentialsError,
    NoRegionError,
    PartialCredentialsError,
)

from sentinel.errors import (
    AccessDenied,
    OperationRefused,
    SentinelError,
    ServiceUnavailable,
    TableNotFound,
    Throttled,
)

if TYPE_CHECKING:
    from collections.abc import Mapping


class Verdict(Enum):
    """What a failed table operation means for the reconciler's next look."""

    RETRY = "retry"  # with backoff: throttled, or a fault on the service's side
    WAIT = "wait"  # something else has to finish first: look again
    DONE = "done"  # it is so already: the next look confirms it
    NOT_SHOWN = "not shown"  # the endpoint does not know the operation (local engines)
    REFUSE = "refuse"  # will be possible later, but not within this deploy
    FATAL = "fatal"


class Rule(NamedTuple):
    """A row of a table: what matches (regular expressions, any case), and what it means."""

    code: str
    message: str
    verdict: Verdict
    error: type[SentinelError]
    suggestion: str


BAD_CREDENTIALS = Rule(
    "UnrecognizedClientException|InvalidClientTokenId|InvalidSignatureException|ExpiredToken.*|"
    "MissingAuthenticationToken.*|IncompleteSignature.*|SignatureDoesNotMatch",
    "",
    Verdict.FATAL,
    AccessDenied,
    "Check the credentials: they are missing, expired or for another account.",
)
THROTTLING = (
    "Throttling.*|ThrottledException|RequestLimitExceeded|TooManyRequests.*|"
    "ProvisionedThroughputExceeded.*|RequestThrottled.*|SlowDown"
)
OWN_SIDE = "InternalServerError|InternalFailure|ServiceUnavailable.*|ServerError|InternalError|5\\d\\d"
ANYTHING_ELSE = Rule("", "", Verdict.FATAL, OperationRefused, "Correct what the service names, then deploy again.")

# First match wins. Sources: the DynamoDB API reference's error lists, the developer
# guide's quota pages, and the messages that DynamoDB really sends (the tests quote them).
RULES: tuple[Rule, ...] = (
    Rule(
        "UnknownOperationException",
        "",
        Verdict.NOT_SHOWN,
        OperationRefused,
        "This endpoint does not know the operation; use DynamoDB itself, or leave the property out.",
    ),
    Rule(
        "AccessDenied.*|UnauthorizedOperation|NotAuthorized|KMSAccessDeniedException",
        "",
        Verdict.FATAL,
        AccessDenied,
        "Allow the function's role this operation on the table: its name must begin with TableNamePrefix,"
        " and a customer key must allow the role too.",
    ),
    BAD_CREDENTIALS,
    Rule(
        "ThrottlingException",
        "modified within the previous \\d+ milliseconds",
        Verdict.WAIT,
        Throttled,
        "DynamoDB takes the next change of this setting after some seconds; try again then.",
    ),
    Rule(
        THROTTLING,
        "",
        Verdict.RETRY,
        Throttled,
        "Try again in a moment; if it lasts, raise the table's capacity or the account's limits.",
    ),
    Rule(
        OWN_SIDE,
        "",
        Verdict.RETRY,
        ServiceUnavailable,
        "DynamoDB failed on its side; try again in a moment.",
    ),
    Rule(
        "TransactionConflictException|TransactionInProgressException",
        "",
        Verdict.RETRY,
        Throttled,
        "A transaction of another writer holds the item: the same call again in a moment.",
    ),
    Rule(
        "ContinuousBackupsUnavailableException",
        "",
        Verdict.WAIT,
        ServiceUnavailable,
        "Backups are being made ready for a new table; this takes minutes.",
    ),
    Rule(
        "PolicyNotFoundException",
        "",
        Verdict.DONE,
        OperationRefused,
        "",
    ),
    Rule(
        "LimitExceededException",
        "tags are being updated|Only \\d+ online index",
        Verdict.WAIT,
        Throttled,
        "Another change of the table's tags or indexes has to end first; it is waited for.",
    ),
    Rule(
        "LimitExceededException",
        "limited to|are limited|in a 24|per day|24[- ]hour|30[- ]day|more than .* (times|updates)",
        Verdict.REFUSE,
        OperationRefused,
        "DynamoDB allows this change only a few times a day (table class: twice in 30 days); deploy again later.",
    ),
    Rule(
        "LimitExceededException",
        "exceeds|per-table limit",
        Verdict.FATAL,
        OperationRefused,
        "A quota of the account or the table is used up: raise it or remove what is not needed.",
    ),
    Rule(
        "LimitExceededException",
        "simultaneous|concurrent|at once|at the same time|only .* can be (created|updated|deleted)|"
        "Too many operations|Subscriber limit|control plane",
        Verdict.RETRY,
        Throttled,
        "Too many table operations run at once in this account.",
    ),
    Rule(
        "LimitExceededException",
        "",
        Verdict.FATAL,
        OperationRefused,
        "A quota of the account or the table is used up: raise it or remove what is not needed.",
    ),
    Rule(
        "ValidationException",
        "(TimeToLive|TTL|Time ?To ?Live).*already (enabled|disabled)",
        Verdict.DONE,
        OperationRefused,
        "",
    ),
    Rule(
        "ValidationException",
        "(TimeToLive|Time to live).*(modified multiple times|fixed interval)",
        Verdict.REFUSE,
        OperationRefused,
        "DynamoDB takes one TTL change an hour: deploy again in an hour.",
    ),
    Rule(
        "ValidationException",
        "(TimeToLive|Time to live|TTL).*(being|enabling|disabling|in progress|is in \\w+ state)|"
        "not in a valid state to (update|enable|disable)",
        Verdict.WAIT,
        OperationRefused,
        "The table or the setting is being changed; it is waited for.",
    ),
    Rule(
        "ValidationException",
        "will not change|would not change|has not changed|already (set|enabled|disabled) |already exists|"
        "Nothing to update|"
        "is already (enabled|disabled|an? )|already has an enabled stream|has no stream to disable|"
        "already encrypted (by|with)",
        Verdict.DONE,
        OperationRefused,
        "",
    ),
    Rule(
        "ValidationException",
        "protected against deletion|deletion protection",
        Verdict.FATAL,
        OperationRefused,
        "Deploy once with DeletionProtectionEnabled: false, then remove the resource.",
    ),
    Rule(
        "ResourceInUseException|TableInUseException|TableAlreadyExistsException",
        "",
        Verdict.WAIT,
        OperationRefused,
        "The table or one of its indexes is being changed; it is waited for.",
    ),
    Rule(
        "ResourceNotFoundException|TableNotFoundException",
        "",
        Verdict.RETRY,  # a new table does not show everywhere at once; what is missing for a minute is missing
        TableNotFound,
        "Check the table's name and the region, and that its stack is deployed.",
    ),
    ANYTHING_ELSE,
)

# The API references of EventBridge and KMS: the errors of the calls that the provisioner makes there.
EVENTS_RULES: tuple[Rule, ...] = (
    Rule(
        "AccessDenied.*|UnauthorizedOperation|NotAuthorized",
        "",
        Verdict.FATAL,
        AccessDenied,
        "Allow the provisioner's role this operation on the rules sentinel-poll-*: its own policy does, a permissions"
        " boundary or an organization's policy must not forbid it.",
    ),
    BAD_CREDENTIALS,
    Rule(THROTTLING, "", Verdict.RETRY, Throttled, "EventBridge takes only so many calls a second: deploy again."),
    Rule(
        "ConcurrentModificationException",
        "",
        Verdict.RETRY,
        Throttled,
        "Something else changes the same rule at this moment: deploy again.",
    ),
    Rule(
        "LimitExceededException",
        "",
        Verdict.FATAL,
        OperationRefused,
        "A quota of EventBridge is used up, mostly the rules of the default event bus: raise it or remove rules that"
        " are not needed, then deploy again.",
    ),
    Rule(
        "ResourceNotFoundException",
        "",
        Verdict.RETRY,
        OperationRefused,
        "The rule is gone: deploy again, and it is made anew.",
    ),
    Rule(
        f"InternalException|{OWN_SIDE}",
        "",
        Verdict.RETRY,
        ServiceUnavailable,
        "EventBridge failed on its side; deploy again in a moment.",
    ),
    ANYTHING_ELSE,
)
KMS_RULES: tuple[Rule, ...] = (
    Rule(
        "AccessDenied.*|UnauthorizedOperation|NotAuthorized",
        "",
        Verdict.FATAL,
        AccessDenied,
        "Allow the function's role kms:DescribeKey on the key (KmsKeyArn does), in the key's own policy too; or declare"
        " the key by its ARN, which needs no look.",
    ),
    BAD_CREDENTIALS,
    Rule(THROTTLING, "", Verdict.RETRY, Throttled, "KMS takes only so many calls a second: deploy again."),
    Rule(
        "NotFoundException|InvalidArnException",
        "",
        Verdict.FATAL,
        OperationRefused,
        "Check KMSMasterKeyId and the region: KMS has no such key or alias there.",
    ),
    Rule(
        f"KMSInternalException|DependencyTimeoutException|{OWN_SIDE}",
        "",
        Verdict.RETRY,
        ServiceUnavailable,
        "KMS failed on its side; deploy again in a moment.",
    ),
    ANYTHING_ELSE,
)


class Service(NamedTuple):
    """What is particular to a service: its name, its table of errors, and how it is reached from within a VPC."""

    name: str
    rules: tuple[Rule, ...]
    reached: str


# By the prefix of IAM's actions.
SERVICES = {
    "dynamodb": Service(
        "DynamoDB", RULES, "(a VPC needs DynamoDB's gateway endpoint), the region and DynamoDBEndpointUrl"
    ),
    "events": Service("EventBridge", EVENTS_RULES, "(a VPC needs EventBridge's interface endpoint) and the region"),
    "kms": Service("KMS", KMS_RULES, "(a VPC needs KMS's interface endpoint) and the region"),
}


def aws_code(error: BaseException) -> str:
    """The service's error code, or the exception's class name where no service answered."""
    if isinstance(error, ClientError):
        return str(error.response.get("Error", {}).get("Code", "") or "Unknown")
    return type(error).__name__


def classify(error: BaseException, service: str = "dynamodb") -> tuple[Verdict, type[SentinelError], str]:
    """(verdict, this package's error, suggestion) for what boto3 raised; `service` is one of `SERVICES`.

    An error that is not boto3's is FATAL and OperationRefused: a fault of ours must not be
    retried for an hour.
    """
    asked = SERVICES[service]
    if isinstance(error, ClientError):
        detail: Mapping[str, object] = error.response.get("Error", {})
        code, message = aws_code(error), str(detail.get("Message") or detail.get("message") or "")
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        for rule in asked.rules:
            if re.fullmatch(rule.code or ".*", code, re.IGNORECASE) and re.search(rule.message, message, re.IGNORECASE):
                if rule is ANYTHING_ELSE and status >= 500:
                    return Verdict.RETRY, ServiceUnavailable, f"{asked.name} failed on its side; try again in a moment."
                return rule.verdict, rule.error, rule.suggestion
    if isinstance(error, NoCredentialsError | PartialCredentialsError):
        return Verdict.FATAL, AccessDenied, "Give the process AWS credentials."
    if isinstance(error, NoRegionError):
        return Verdict.FATAL, ServiceUnavailable, "Set AWS_REGION."
    if isinstance(error, HTTPClientError | ConnectionError):
        return (
            Verdict.RETRY,
            ServiceUnavailable,
            f"The endpoint cannot be reached: check the network {asked.reached}.",
        )
    return Verdict.FATAL, OperationRefused, ""


def from_aws(error: BaseException, operation: str, table: str) -> SentinelError:
    """What boto3 raised, as one of this package's errors; raise it `from` the original.

    `operation` is DynamoDB's (`UpdateTable`), or another service's with the prefix of IAM's actions
    (`events:PutRule`). The service's own message is kept (it names the parameter at fault); `context` gets
    `operation`, `table` and `aws_code`.
    """
    if isinstance(error, SentinelError):
        return error
    prefix = operation.partition(":")[0]
    _, kind, suggestion = classify(error, prefix if prefix in SERVICES else "dynamodb")
    if isinstance(error, ClientError):
        said = str(error.response.get("Error", {}).get("Message") or aws_code(error))
    elif isinstance(error, BotoCoreError):
        said = str(error)
    else:
        said = f"{type(error).__name__}: {error}"
    said = said.strip().rstrip(".")
    return kind(
        f"{operation} on {table}: {said}.", suggestion, operation=operation, table=table, aws_code=aws_code(error)
    )
