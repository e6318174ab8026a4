"""What a configuration explores, and the parts of the ledger's protocol that can be left out of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class Parts:
    """The parts of the ledger's protocol. One that is False is left out."""

    seen: bool = True  # the ids of earlier requests are remembered
    signing: bool = True  # the moments of signing order requests that were never seen
    wait: bool = True  # a new holder begins when the former holder's call cannot take effect any more
    fence: bool = True  # the write before each table write checks the token
    record: bool = True  # the answer is recorded before it is sent
    transaction: bool = True  # request and name are claimed in one transaction
    table_id: bool = True  # TableId is compared
    label: bool = True  # the label is the witness of a create whose answer was lost
    rule_per_request: bool = True  # one rule a request, else one a resource and table
    take_token: bool = True  # a second delivery takes the token over, else it ends while the first one runs
    tombstone: bool = True  # the record of a finished Delete stays
    own_call: bool = True  # no answer while a call of one's own may still take effect
    holder: bool = True  # only the holder of the token records an answer
    before: bool = True  # a rollback to what was applied before the last is recognised
    traces: bool = True  # "former" includes what failed requests have declared since the last applied declaration
    confirm: bool = True  # an answer with work left is confirmed as sent before the work goes on


@dataclass(frozen=True, kw_only=True)
class Settings:
    """One configuration: who takes part, what may go wrong, and how far it goes."""

    first_version: bool = False  # the workers of the first version, without a ledger
    resources: int = 1
    tables: int = 1  # names
    start: Literal["empty", "deployed", "unmanaged"] = "empty"  # deployed: version 1; unmanaged: a table of nobody's
    requests: tuple[int, ...] = (2, 2)  # at most, by resource
    copies: int = 1  # deliveries of an event on top of the first one
    copied: frozenset[str] = frozenset({"Create", "Update", "Delete"})  # the requests that come more than once
    faults: int = 1  # deaths, time-outs, moves of auto scaling, outsiders: in all
    cancels: bool = True
    rolls_back: bool = True
    forward: tuple[frozenset[str], ...] = ()  # what CloudFormation's first requests may be; later ones: anything
    retain: bool = False  # RemovalPolicy: Retain
    renames: bool = False  # versions of odd and even number have different table names: replacements
    unreadable: bool = False  # an Update may declare what cannot be read
    stale_labels: bool = False  # a look may show the label that was there before
    auto_scaling: bool = False
    detached: bool = False  # WaitForIndexes: Detached
    outsider: bool = False  # somebody makes the table anew
    deadline: bool = True  # the deadline may come while an index is being built
    hands_over: bool = True  # a worker may leave an index build to polls
    takes_over: frozenset[int] = frozenset()  # resources that declare Existing: TakeOver
    polls: int = 1  # of one rule, at once
    unordered: bool = False  # the moments of signing say nothing
    unowned_setting: bool = False  # the index stands for a setting without an owner, such as a tag
    parts: Parts = field(default_factory=Parts)
    limit: int = 4_000_000  # states
