"""The named configurations: the ledger's protocol, its parts left out one at a time, and the first version."""

from __future__ import annotations

from dataclasses import replace

from protocol.settings import Parts, Settings

CREATE, UPDATE, DELETE = frozenset({"Create"}), frozenset({"Update"}), frozenset({"Delete"})

_two = Settings()  # two requests, a copy of each, one fault
_deployed = Settings(start="deployed")
_three = Settings(requests=(3, 3))
_deployed_three = Settings(start="deployed", requests=(3, 3))
_updates = replace(_deployed, forward=(UPDATE,))
_moves = replace(_updates, renames=True, tables=2)
_first = Settings(first_version=True, start="deployed", faults=0, copies=0)

# The ledger: no violation in any of them. "one-fault" ones have no copies, or few.
LEDGER: dict[str, Settings] = {
    "create": _two,
    "deployed": _deployed,
    "retain": replace(_deployed, retain=True),
    "detached": replace(_updates, detached=True),
    "auto-scaling": replace(_updates, unreadable=True, auto_scaling=True),
    "stale-labels": replace(_deployed, stale_labels=True, retain=True, forward=(DELETE,)),
    "two-polls-at-once": replace(_updates, polls=2),
    "outsider": replace(_deployed, outsider=True, copies=0, faults=2),
    "two-faults": replace(_two, copies=0, faults=2),
    "two-stacks": Settings(resources=2, requests=(1, 1), cancels=False),
    "two-stacks-unmanaged": Settings(resources=2, requests=(1, 1), cancels=False, start="unmanaged"),
    "take-over": Settings(resources=2, requests=(2, 1), takes_over=frozenset({1}), copies=0, rolls_back=False),
    "unowned-setting": replace(_deployed, unowned_setting=True),
    "three-unowned-setting-one-fault": replace(_deployed_three, copies=0, unowned_setting=True),
    "three-create": replace(_three, faults=0),
    "three-create-one-fault": replace(_three, copies=0),
    "three-deployed": replace(_deployed_three, faults=0),
    "three-deployed-one-fault": replace(_deployed_three, copies=0),
    "three-moves": replace(_moves, requests=(3, 3), faults=0),
    "three-moves-one-fault": replace(_moves, requests=(3, 3), copies=0),
    "delete-create-update": replace(_deployed_three, forward=(DELETE, CREATE, UPDATE), cancels=False, rolls_back=False),
    "two-updates-one-fault": replace(_deployed_three, forward=(UPDATE,), copied=DELETE),
    "three-detached": replace(_deployed_three, copies=0, detached=True),
    "three-retain-one-fault": replace(_three, copies=0, retain=True),
    "three-all": replace(_three, limit=6_000_000),
    "update-delete-all": replace(_deployed_three, forward=(UPDATE, DELETE), deadline=False, limit=6_000_000),
    "four-moves": replace(_moves, requests=(4, 4), faults=0, cancels=False, rolls_back=False),
    "four-moves-one-fault": replace(_moves, requests=(4, 4), copies=0),
    "four-one-fault": replace(_deployed, requests=(4, 4), copies=0),
}

_DELETED = "deletes what a later request made"
_GONE = "the stack says the table is there, and it is gone"
_NOT_AS_DECLARED = "the table is not as declared"
_NO_ANSWER = "CloudFormation waits for an answer that never comes"
_TWO_ANSWERS = "one request got two different answers"
_SUPERSEDED = "a superseded write takes effect after its successor began"
_UNKNOWN = "the ledger does not know the table"
_STAYS = "the table of a removed resource stays"
_NOBODY = "the table belongs to nobody"
_NAME = "a name stays owned by a resource that is gone"
_LABEL = "a table of nobody is labelled as somebody's"
_REFUSED = "a rollback is refused"
_SOMEBODY = "deletes a table that somebody else made"

# The first version, and the faults that it is known for: each must be found.
FIRST_VERSION: dict[str, tuple[Settings, set[str]]] = {
    "delete-twice": (replace(_first, copies=1, forward=(DELETE,), deadline=False), {_DELETED, _GONE}),
    "delete-dies": (replace(_first, faults=1, forward=(DELETE,), deadline=False), {_DELETED, _GONE}),
    "update-late": (
        replace(
            _first,
            copies=1,
            forward=(UPDATE, UPDATE),
            deadline=False,
            hands_over=False,
            rolls_back=False,
            cancels=False,
        ),
        {_NOT_AS_DECLARED},
    ),
    "cancelled-update": (replace(_first, forward=(UPDATE,), rolls_back=False), {_NOT_AS_DECLARED}),
    "cancelled-create": (replace(_first, start="empty", forward=(CREATE,), rolls_back=False, retain=True), {_LABEL}),
    "auto-scaling": (
        replace(_first, faults=1, unreadable=True, auto_scaling=True, cancels=False, deadline=False),
        {"an auto-scaled capacity is set back", _DELETED, _GONE, _NOT_AS_DECLARED},
    ),
    "stale-label": (
        replace(_first, forward=(DELETE,), retain=True, stale_labels=True, deadline=False),
        {_NOBODY},
    ),
    "two-stacks": (
        replace(_first, start="unmanaged", resources=2, requests=(1, 1), cancels=False),
        {_NOT_AS_DECLARED},
    ),
    "outsider": (replace(_first, faults=1, forward=(DELETE,), outsider=True), {_DELETED, _GONE}),
}

# One part of the protocol left out at a time, and what goes wrong then. Only `take_token` does no harm: the second
# delivery could as well end. It is kept because an invocation that has died need not be told from one that runs.
LEFT_OUT: dict[str, tuple[Settings, set[str]]] = {
    "before": (replace(_deployed, copies=0, parts=Parts(before=False)), {"a rollback is not recognised"}),
    "traces": (replace(_deployed, copies=0, unowned_setting=True, parts=Parts(traces=False)), {_NOT_AS_DECLARED}),
    "confirm": (replace(_updates, copies=0, detached=True, parts=Parts(confirm=False)), {_NO_ANSWER}),
    "wait": (
        replace(_deployed, parts=Parts(wait=False)),
        {_SUPERSEDED, _DELETED, _NOT_AS_DECLARED, _GONE, _UNKNOWN},
    ),
    "fence": (
        replace(_deployed, parts=Parts(fence=False)),
        {_SUPERSEDED, _DELETED, _NOT_AS_DECLARED, _GONE, _UNKNOWN, _STAYS, _NOBODY},
    ),
    "seen": (replace(_deployed, parts=Parts(seen=False)), {_TWO_ANSWERS}),
    "signing": (replace(_deployed, parts=Parts(signing=False)), {_REFUSED, _NOT_AS_DECLARED, _NO_ANSWER}),
    "record": (replace(_deployed, parts=Parts(record=False)), {_TWO_ANSWERS}),
    "own_call": (replace(_deployed, parts=Parts(own_call=False)), {_DELETED, _GONE}),
    "holder": (replace(_deployed, parts=Parts(holder=False)), {_DELETED, _GONE}),
    "tombstone": (replace(_two, parts=Parts(tombstone=False)), {_TWO_ANSWERS, _NAME, _STAYS}),
    "label": (replace(_two, outsider=True, faults=2, copies=0, parts=Parts(label=False)), {_SOMEBODY}),
    "table_id": (replace(_deployed, outsider=True, copies=0, parts=Parts(table_id=False)), {_SOMEBODY}),
    "rule_per_request": (replace(_deployed_three, copies=0, parts=Parts(rule_per_request=False)), {_NO_ANSWER}),
    "take_token": (replace(_deployed, requests=(1, 1), parts=Parts(take_token=False)), set()),
    "transaction": (
        replace(_two, retain=True, parts=Parts(transaction=False)),
        {_NAME, _SUPERSEDED, _LABEL, _NO_ANSWER, _NOT_AS_DECLARED},
    ),
    "seen-and-signing": (
        replace(_deployed, unordered=True, parts=Parts(seen=False)),
        {_REFUSED, _TWO_ANSWERS, _DELETED, "a Delete is refused", _NOT_AS_DECLARED, _GONE, _NAME, _STAYS},
    ),
    "unordered": (replace(_deployed, unordered=True), {_REFUSED, _NOT_AS_DECLARED, _NO_ANSWER}),
}

# Those that take minutes: for `make soak`.
LARGE = {
    "deployed",
    "retain",
    "detached",
    "auto-scaling",
    "two-polls-at-once",
    "unowned-setting",
    "three-create",
    "three-deployed",
    "three-moves",
    "delete-create-update",
    "three-detached",
    "three-all",
    "update-delete-all",
    "four-moves",
    "four-one-fault",
}
