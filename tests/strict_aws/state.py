"""The state of the table model: what is true of a table at a moment, and how long its changes take."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple, Self

if TYPE_CHECKING:
    from collections.abc import Callable

HOUR, DAY = 3600.0, 86400.0
IN_USE = "Attempt to change a resource which is still in use: "


@dataclass(frozen=True, kw_only=True)
class Timing:
    """How long things take, in seconds. The defaults are what has been measured on small tables, unless noted."""

    unseen: float = 0.0  # after CreateTable, in which no other call knows the table
    unseen_backups: float = 2.6  # after CreateTable, in which backups and time to live know no table
    unseen_policy: float = 1.5  # the same, of policies
    unseen_looks: int = 0  # the first looks (DescribeTable) after CreateTable that do not find it
    late: float = 0.0  # by which DescribeTable lags behind a write
    creating: float = 7.0
    creating_indexes: float = 16.0  # creating, with indexes
    allocating: float = 40.0  # an added index, before it backfills
    backfilling: float = 460.0  # an empty table's too; `slow_builds` for the other time that has been measured
    index_updating: float = 3.0
    index_deleting: float = 5.0
    capacity: float = 2.0
    billing: float = 90.0
    stream: float = 5.0
    table_class: float = 5.0
    encryption: float = 22.0
    key_shown: float = 9.0  # of a change of encryption, until the new key is shown
    key_lost: float = 300.0  # after a key is disabled, until the items cannot be read
    key_noticed: float = 3000.0  # and from then on until the table's status says so
    key_back: float = 2400.0  # after a key is enabled, until the status is ACTIVE again; items can be read at once
    key_healed: float = 30.0  # after another key is set instead of one whose grants were revoked
    creating_without_key: float = 3540.0  # of a table whose key was disabled meanwhile, until it is gone
    maxima: float = 1.0  # an on-demand maximum that was taken away, until it is left out
    warming: float = 450.0
    deleting: float = 6.0
    time_to_live: float = 300.0  # ENABLING or DISABLING: up to an hour by the API reference, never seen (`measured`)
    time_to_live_again: float = HOUR  # until another change is taken, by the API reference
    backups: float = 10.0  # after CreateTable, until point-in-time recovery can be changed; minutes have been reported
    tags: float = 2.0  # until ListTagsOfResource shows a change, and no other change is taken
    policy: float = 2.0  # until GetResourcePolicy shows a change
    policy_again: float = 15.0
    policy_denies: float = 226.0  # what a policy denied, after it is gone
    protection_again: float = 15.0
    insights: float = 5.0
    kinesis: float = 6.0
    kinesis_update: float = 130.0
    tags_per_page: int = 10

    @classmethod
    def none(cls) -> Self:
        """Everything at once."""
        seconds: dict[str, Any] = {each.name: 0.0 for each in fields(cls) if each.type == "float"}
        return cls(**seconds)

    @classmethod
    def slow_builds(cls) -> Self:
        """An added index takes 995 s in all, the longer of the two times that have been measured."""
        return replace(cls(), backfilling=955.0)

    @classmethod
    def measured(cls) -> Self:
        """Where the API reference is stricter than what was measured: a change of time to live shows at once, and
        the next is taken after 31 minutes."""
        return replace(cls(), time_to_live=0.0, time_to_live_again=1860.0)

    @classmethod
    def dynamodb_local(cls) -> Self:
        """DynamoDB Local with -delayTransientStatuses."""
        return replace(cls.none(), allocating=15.0, backfilling=15.0, index_deleting=15.0)


class Units(NamedTuple):
    read: int
    write: int

    @classmethod
    def of(cls, throughput: dict[str, Any] | None) -> Units:
        return cls(throughput["ReadCapacityUnits"], throughput["WriteCapacityUnits"]) if throughput else cls(0, 0)


@dataclass
class Throughput:
    """Capacities and limits of the table or of an index; `decreased` holds the times of decreases."""

    units: Units
    warm: Units
    maxima: dict[str, int] = field(default_factory=dict)
    warming_until: float = 0.0
    decreased: list[float] = field(default_factory=list)


@dataclass
class Insights:
    status: str = "DISABLED"
    mode: str = ""
    changed_at: float = 0.0
    failure: dict[str, str] = field(default_factory=dict)


@dataclass
class Index:
    name: str
    keys: list[dict[str, str]]
    projection: dict[str, Any]
    throughput: Throughput
    status: str = "CREATING"
    backfilling: bool | None = None
    insights: Insights = field(default_factory=Insights)

    @property
    def allocating(self) -> bool:
        return self.status == "CREATING" and not self.backfilling


@dataclass
class Policy:
    """A resource policy; `shown` is what a look still gives until `shown_at`."""

    document: str = ""
    sent: str = ""
    revision: str = ""
    changed_at: float = -DAY
    shown: tuple[str, str] = ("", "")
    shown_at: float = 0.0


@dataclass
class Table:
    """A table's truth. `jobs` are what will happen to it, `before` what a late look still shows of it."""

    name: str
    arn: str
    number: str
    made_at: float
    keys: list[dict[str, str]]
    attributes: dict[str, str]
    mode: str
    throughput: Throughput
    indexes: dict[str, Index]
    local_indexes: list[dict[str, Any]]
    status: str = "CREATING"
    stuck: str = ""
    changing: dict[str, str] = field(default_factory=dict)
    on_demand_since: float | None = None
    switched: list[float] = field(default_factory=list)
    key: str = ""
    encrypting: str | None = None
    grants_revoked: bool = False
    encrypted: list[float] = field(default_factory=list)
    view_type: str = ""
    stream_label: str = ""
    streams: list[str] = field(default_factory=list)
    table_class: str = ""
    class_changed: list[float] = field(default_factory=list)
    protected: bool = False
    protection_changed: float = -DAY
    ttl: str = ""
    ttl_status: str = "DISABLED"
    ttl_changed: float = -DAY
    backups_at: float = 0.0
    recovery_days: int = 0
    recovery_since: float = 0.0
    tags: dict[str, str] = field(default_factory=dict)
    tags_shown: dict[str, str] = field(default_factory=dict)
    tags_changed: float = -DAY
    tags_pending: dict[str, str] | None = None
    stream_tags: dict[str, dict[str, str]] = field(default_factory=dict)  # by stream ARN; independent of the table's
    policies: dict[str, Policy] = field(default_factory=dict)
    denied: list[tuple[str, float]] = field(default_factory=list)  # actions that a former policy denied, until when
    insights: Insights = field(default_factory=Insights)
    destinations: dict[str, dict[str, str]] = field(default_factory=dict)
    looks: int = 0
    before: dict[str, Any] = field(default_factory=dict)
    before_until: float = 0.0
    jobs: list[tuple[float, int, Callable[[], None]]] = field(default_factory=list)

    @property
    def provisioned(self) -> bool:
        return self.mode == "PROVISIONED"

    @property
    def shown_status(self) -> str:
        """TableStatus: a table is ACTIVE while an index backfills, or while its encryption changes."""
        if self.stuck or self.status != "ACTIVE":
            return self.stuck or self.status
        busy = self.changing or any(i.allocating or i.status == "DELETING" for i in self.indexes.values())
        return "UPDATING" if busy else "ACTIVE"


def stamp(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%a %b %d %H:%M:%S UTC %Y")


def iso(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
