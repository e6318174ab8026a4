"""The features of a table, a module each. `FEATURES` lists them; a new one is a module and a line here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sentinel.features.backups import BackupsFeature
from sentinel.features.billing import BillingFeature
from sentinel.features.encryption import EncryptionFeature
from sentinel.features.indexes import IndexesFeature
from sentinel.features.insights import InsightsFeature
from sentinel.features.keys import KeysFeature
from sentinel.features.kinesis import KinesisFeature
from sentinel.features.label import LabelFeature
from sentinel.features.policy import PolicyFeature
from sentinel.features.protection import ProtectionFeature
from sentinel.features.replicas import ReplicasFeature
from sentinel.features.stream import StreamFeature, StreamPolicyFeature, StreamTagsFeature
from sentinel.features.table_class import TableClassFeature
from sentinel.features.tags import TagsFeature
from sentinel.features.ttl import TimeToLiveFeature
from sentinel.features.warm import WarmFeature

if TYPE_CHECKING:
    from sentinel.feature import Feature

# In this order within a phase.
FEATURES: tuple[Feature[Any, Any], ...] = (
    LabelFeature(),
    KeysFeature(),
    IndexesFeature(),
    ProtectionFeature(),
    BackupsFeature(),
    TimeToLiveFeature(),
    TableClassFeature(),
    BillingFeature(),
    WarmFeature(),
    StreamFeature(),
    EncryptionFeature(),
    TagsFeature(),
    StreamTagsFeature(),
    PolicyFeature(),
    StreamPolicyFeature(),
    InsightsFeature(),
    KinesisFeature(),
    ReplicasFeature(),
)
