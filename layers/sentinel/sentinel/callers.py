"""Who acts: in a direct invocation whom the event names, over a Function URL the signed caller.

A person may use several roles: with two permission sets of IAM Identity Center, one person has two ARNs, and the rule
against self-approval would see two persons. So the roles whose session name names the person can be listed.
"""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, NamedTuple

from sentinel.errors import AccessDenied
from sentinel.values import short

if TYPE_CHECKING:
    from collections.abc import Iterable

_ROLE = r"arn:[^:]+:sts::(\d{12}):assumed-role/([^/]+)/([^/]+)"
_USER = r"arn:[^:]+:iam::\d{12}:user/.+"


class Persons(NamedTuple):
    """The roles whose session name is the person: patterns of `account/role` with `*` and `?`, as in file names.
    Without any, every caller is known by the ARN."""

    roles: tuple[str, ...] = ()

    @classmethod
    def of(cls, patterns: str, account: str) -> Persons:
        """From patterns with commas between them; those without an account are of `account`."""
        return cls(tuple(_with_account(pattern, account) for pattern in patterns.split(",") if pattern))

    def actor(self, arn: str) -> str:
        """The name of who acts as the signed caller `arn`; raises `AccessDenied` where it names nobody."""
        if not self.roles or re.fullmatch(_USER, arn):
            return arn
        if found := re.fullmatch(_ROLE, arn):
            account, role, session = found.groups()
            if _matches(f"{account}/{role}", self.roles):
                return session
        raise AccessDenied(
            f"{short(arn)} is neither an IAM user nor a session of a role that names a person.",
            "Call as one of these, or have the role listed in the stack's parameter PersonRoles.",
        )


def signed_by(event: Any) -> str:
    """The ARN of who signed a Function URL's request; raises `AccessDenied` where nobody did."""
    try:
        arn = event["requestContext"]["authorizer"]["iam"]["userArn"]
    except (KeyError, TypeError):
        arn = None
    if not isinstance(arn, str) or not arn:
        raise AccessDenied("The request is not signed.", "Use a Function URL whose AuthType is AWS_IAM.")
    return arn


def acting(event: dict[str, Any], field: str, actor: str) -> dict[str, Any]:
    """The event with the signed actor in `field`; raises `AccessDenied` where it claims somebody else."""
    claimed = event.get(field, actor)
    if claimed != actor:
        raise AccessDenied(
            f"{field}: {short(claimed)} is not the caller {actor!r}.", "Leave it out, or give the caller's name."
        )
    return {**event, field: actor}


def _with_account(pattern: str, account: str) -> str:
    return pattern if "/" in pattern else f"{account}/{pattern}"


def _matches(name: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)
