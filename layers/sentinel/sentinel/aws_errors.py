"""What AWS's errors mean: one table for each service; the first row that matches applies.

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
    SSLError,
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
    DENIED = "denied"  # final, unless the permission may be too new for IAM to know: RIGHTS_SHOWN_AFTER
    DONE = "done"  # already so; the next look confirms it
    NOT_SHOWN = "not shown"  # the endpoint does not know the operation (local engines)
    REFUSE = "refuse"  # will be possible later, but not within this deploy
    FATAL = "fatal"


# IAM is eventually consistent: a role or policy that this very deploy has made may be unknown for some seconds, seen up
# to half a minute; Terraform's AWS provider waits two minutes. A request retries a denied call until this many seconds
# after its own beginning, which is twice the longest delay seen. A permission that is missing for good therefore fails
# a deploy only after this minute.
RIGHTS_SHOWN_AFTER = 60.0


class Rule(NamedTuple):
    """A row of a table: what matches (regular expressions, any case), and what it means.

    `for_items` is the suggestion for callers that read or write items, where it differs: they do not deploy.
    """

    code: str
    message: str
    verdict: Verdict
    error: type[SentinelError]
    suggestion: str
    for_items: str = ""

    @property
    def items_suggestion(self) -> str:
        """The suggestion for callers that read or write items; it never says to deploy."""
        if self.for_items or not re.search(r"\bdeploy\b", self.suggestion, re.IGNORECASE):
            return self.for_items or self.suggestion
        return ANYTHING_ELSE.for_items


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
ACCESS_DENIED = "AccessDenied.*|UnauthorizedOperation|NotAuthorized|KMSAccessDeniedException"
SERVER_FAULT = "InternalServerError|InternalFailure|ServiceUnavailable.*|ServerError|InternalError|5\\d\\d"
ANYTHING_ELSE = Rule(
    "",
    "",
    Verdict.FATAL,
    OperationRefused,
    "Correct what the service names, then deploy again.",
    "DynamoDB does not accept this call; its message says why. Check that the table is the one this function is for.",
)

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
        "AccessDenied.*",
        "new resource policy will not allow you",
        Verdict.FATAL,
        OperationRefused,
        "The policy would lock its owner out: let it allow dynamodb:PutResourcePolicy to this account, then deploy"
        " again.",
    ),
    Rule(
        ACCESS_DENIED,
        "explicit deny",
        Verdict.FATAL,
        AccessDenied,
        "Something forbids it explicitly: look for a Deny in the policy that the message names. A Deny that was just"
        " taken out of a table's policy still holds for about four minutes.",
    ),
    Rule(
        ACCESS_DENIED,
        "",
        Verdict.DENIED,
        AccessDenied,
        "Allow the function's role this operation on the table: its name must begin with TableNamePrefix,"
        " and a customer key must allow the role too.",
        "Allow the function's role this operation on the table and its indexes; a customer key must allow the role"
        " too.",
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
        "InternalServerError",
        "KMS internal error.*Status Code: 4\\d\\d(?!.*Throttl)",
        Verdict.FATAL,
        OperationRefused,
        "The key is of the wrong kind: a table takes a symmetric key for encrypting and decrypting. Name another in"
        " KMSMasterKeyId, then deploy again.",
        "The table's key does not work: the owner of the table has to check it in KMS.",
    ),
    Rule(
        "InternalFailure",
        r"^\s*$",
        Verdict.FATAL,
        OperationRefused,
        "DynamoDB fails on this request without saying why, as it does on an empty WarmThroughput or"
        " OnDemandThroughput: leave out what is empty, then deploy again.",
        "DynamoDB fails on this request without saying why; repeating the call does not help.",
    ),
    Rule(
        SERVER_FAULT,
        "",
        Verdict.RETRY,
        ServiceUnavailable,
        "DynamoDB failed on its side; try again in a moment.",
    ),
    Rule(
        "TransactionConflictException|TransactionInProgressException|ReplicatedWriteConflictException",
        "",
        Verdict.RETRY,
        Throttled,
        "Another writer, perhaps in another Region, holds the item: try the same call again in a moment.",
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
        "tags are being updated|Only \\d+ online index|restore operations",
        Verdict.WAIT,
        Throttled,
        "Another change (the table's tags or indexes, a restore) has to end first; the provisioner waits for that.",
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
        "exceeds|per-table limit|limit of \\d+ tables|per subscriber",
        Verdict.FATAL,
        OperationRefused,
        "A quota of the account or the table is used up: raise it or remove what is not needed.",
    ),
    Rule(
        "LimitExceededException",
        "simultaneous|concurrent|at once|at the same time|only .* can be (created|updated|deleted)|"
        "Too many operations|control plane",
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
        "The table or the setting is being changed; the provisioner waits for that.",
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
        "Cannot read from backfilling",
        Verdict.WAIT,
        ServiceUnavailable,
        "The index is being built; the provisioner waits for that.",
        "The index is still being built, which takes 8 to 17 minutes or more: list by another field, or try again"
        " later.",
    ),
    Rule(
        "ValidationException",
        "replicas? (is|are) being (added|changed|created|updated|removed|deleted)",
        Verdict.WAIT,
        OperationRefused,
        "A replica of the table is being added or changed elsewhere; the provisioner waits for that.",
    ),
    Rule(
        "ValidationException",
        "Invalid principal",
        Verdict.DENIED,
        OperationRefused,
        "The policy names a principal that IAM does not know: check its ARN. It was deleted, or it is"
        " made after the table (DependsOn orders them); then deploy again.",
    ),
    Rule(
        "ValidationException",
        "KMS key disabled error|KMSInvalidStateException|pending deletion",
        Verdict.FATAL,
        OperationRefused,
        "Enable the table's key in KMS, or name another in KMSMasterKeyId, then deploy again.",
        "The table's key is disabled or about to be deleted: enable it in KMS. The items can be read again minutes"
        " later, whatever the table's status says.",
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
        "The table or one of its indexes is being changed; the provisioner waits for that.",
    ),
    Rule(
        "ResourceNotFoundException",
        "kinesis|kds",
        Verdict.FATAL,
        OperationRefused,
        "There is no such Kinesis stream: check KinesisStreamSpecification.StreamArn, and that the stream is made"
        " before the table; then deploy again.",
    ),
    Rule(
        "ResourceNotFoundException|TableNotFoundException",
        "",
        Verdict.RETRY,  # a new table does not show everywhere at once; after a minute it counts as missing
        TableNotFound,
        "Check the table's name and the region, and that its stack is deployed.",
    ),
    ANYTHING_ELSE,
)

# The API references of EventBridge and KMS: the errors of the calls that the provisioner makes there.
EVENTS_RULES: tuple[Rule, ...] = (
    Rule(
        ACCESS_DENIED,
        "",
        Verdict.DENIED,
        AccessDenied,
        "Allow the provisioner's role this operation on the rules sentinel-poll-*. Its own policy does; look for a"
        " permissions boundary or an organization's policy that forbids it.",
    ),
    BAD_CREDENTIALS,
    Rule(THROTTLING, "", Verdict.RETRY, Throttled, "EventBridge limits the calls a second: deploy again."),
    Rule(
        "ConcurrentModificationException",
        "",
        Verdict.RETRY,
        Throttled,
        "Something else is changing the same rule: deploy again.",
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
        "The rule is gone. Deploy again to create it.",
    ),
    Rule(
        f"InternalException|{SERVER_FAULT}",
        "",
        Verdict.RETRY,
        ServiceUnavailable,
        "EventBridge failed on its side; deploy again in a moment.",
    ),
    ANYTHING_ELSE,
)
KMS_RULES: tuple[Rule, ...] = (
    Rule(
        ACCESS_DENIED,
        "",
        Verdict.DENIED,
        AccessDenied,
        "Allow the function's role kms:DescribeKey on the key (the parameter KmsKeyArn does) and in the key's own"
        " policy; or declare the key by its ARN, which needs no lookup.",
    ),
    BAD_CREDENTIALS,
    Rule(THROTTLING, "", Verdict.RETRY, Throttled, "KMS limits the calls a second: deploy again."),
    Rule(
        "NotFoundException|InvalidArnException",
        "",
        Verdict.FATAL,
        OperationRefused,
        "Check KMSMasterKeyId and the region: KMS has no such key or alias there.",
    ),
    Rule(
        f"KMSInternalException|DependencyTimeoutException|{SERVER_FAULT}",
        "",
        Verdict.RETRY,
        ServiceUnavailable,
        "KMS failed on its side; deploy again in a moment.",
    ),
    ANYTHING_ELSE,
)

SCALING_RULES: tuple[Rule, ...] = (
    Rule(
        ACCESS_DENIED,
        "",
        Verdict.DENIED,
        AccessDenied,
        "Allow the function's role application-autoscaling:DescribeScalableTargets. Its own policy does; look for a"
        " permissions boundary or an organization's policy that forbids it.",
    ),
    BAD_CREDENTIALS,
    Rule(THROTTLING, "", Verdict.RETRY, Throttled, "Application Auto Scaling limits the calls a second: deploy again."),
    Rule(
        f"ConcurrentUpdateException|InternalServiceException|{SERVER_FAULT}",
        "",
        Verdict.RETRY,
        ServiceUnavailable,
        "Application Auto Scaling failed on its side; deploy again in a moment.",
    ),
    ANYTHING_ELSE,
)


# The calls that read or write items; whoever makes them cannot deploy anything.
ITEM_OPERATIONS = {
    "BatchGetItem",
    "BatchWriteItem",
    "DeleteItem",
    "GetItem",
    "PutItem",
    "Query",
    "Scan",
    "TransactGetItems",
    "TransactWriteItems",
    "UpdateItem",
}


class Service(NamedTuple):
    """What is particular to a service: its name, its table of errors, and how it is reached from within a VPC."""

    name: str
    rules: tuple[Rule, ...]
    reached: str


# By the prefix of IAM's actions.
SERVICES = {
    "application-autoscaling": Service(
        "Application Auto Scaling",
        SCALING_RULES,
        "(a VPC needs Application Auto Scaling's interface endpoint) and the region",
    ),
    "dynamodb": Service(
        "DynamoDB", RULES, "(a VPC needs DynamoDB's gateway endpoint), the region and DynamoDBEndpointUrl"
    ),
    "events": Service("EventBridge", EVENTS_RULES, "(a VPC needs EventBridge's interface endpoint) and the region"),
    "kms": Service("KMS", KMS_RULES, "(a VPC needs KMS's interface endpoint) and the region"),
}


# What botocore raises where no service answered: its class, its text, and what that means. The first match applies.
UNANSWERED: tuple[tuple[tuple[type[BaseException], ...], str, Verdict, type[SentinelError], str], ...] = (
    (
        (NoCredentialsError, PartialCredentialsError),
        "",
        Verdict.FATAL,
        AccessDenied,
        "Give the process AWS credentials.",
    ),
    ((NoRegionError,), "", Verdict.FATAL, ServiceUnavailable, "Set AWS_REGION."),
    (
        (SSLError,),
        "No such file|CERTIFICATE_VERIFY_FAILED|certificate verify failed",
        Verdict.FATAL,
        ServiceUnavailable,
        "AWS_CA_BUNDLE must name an existing file with the certificate authority of the endpoint or the proxy. Without"
        " it, AWS's own authorities are trusted.",
    ),
    (
        (HTTPClientError, ConnectionError),
        "",
        Verdict.RETRY,
        ServiceUnavailable,
        "The endpoint cannot be reached: check the network {reached}.",
    ),
)


def aws_code(error: BaseException) -> str:
    """The service's error code, or the exception's class name where no service answered."""
    if isinstance(error, ClientError):
        return str(error.response.get("Error", {}).get("Code", "") or "Unknown")
    return type(error).__name__


def classify(
    error: BaseException, service: str = "dynamodb", *, of_items: bool = False
) -> tuple[Verdict, type[SentinelError], str]:
    """(verdict, this package's error, suggestion) for what boto3 raised; `service` is one of `SERVICES`, `of_items`
    says that the call reads or writes items.

    An error that is not boto3's is FATAL and OperationRefused: an internal error must not be
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
                return rule.verdict, rule.error, rule.items_suggestion if of_items else rule.suggestion
    for kinds, text, verdict, kind, suggestion in UNANSWERED:
        if isinstance(error, kinds) and re.search(text, str(error)):
            return verdict, kind, suggestion.format(reached=asked.reached)
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
    service = prefix if prefix in SERVICES else "dynamodb"
    _, kind, suggestion = classify(error, service, of_items=operation in ITEM_OPERATIONS)
    if isinstance(error, ClientError):
        message = str(error.response.get("Error", {}).get("Message") or aws_code(error))
    elif isinstance(error, BotoCoreError):
        message = str(error)
    else:
        message = f"{type(error).__name__}: {error}"
    message = message.strip().rstrip(".")
    return kind(
        f"{operation} on {table}: {message}.", suggestion, operation=operation, table=table, aws_code=aws_code(error)
    )
