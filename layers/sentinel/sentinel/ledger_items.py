"""What the ledger stores: an item for each resource and one for each table name, and their form in DynamoDB.

Each item has an `etag`. It is random and new with every write, not a counter, so an item restored from a backup never
matches what a running worker has read. Declarations are stored packed (JSON, compressed). Moments are seconds since the
epoch.
"""

import hashlib
import json
import secrets
import zlib
from typing import Any, Literal

import msgspec
from msgspec import Struct, field

RequestType = Literal["Create", "Update", "Delete"]
# Instead of an answer's status, where the request was superseded before it was answered.
SUPERSEDED = "-"
MAX_UNPACKED = 4_000_000  # bytes; CloudFormation's own limit for a template is 1 MB


class Declaration(Struct, frozen=True, omit_defaults=True):
    """Properties that were declared for a table."""

    digest: str
    properties: bytes
    table: str
    at: float = 0.0


class Request(Struct, omit_defaults=True):
    """A request in hand.

    `signed` orders requests (0: not known); `url` is CloudFormation's ResponseURL, kept while a poll may need it;
    `physical` is the id that CloudFormation gave; `former` are OldResourceProperties, kept only where the ledger knows
    nothing else. `answer` is the body, once decided, at `ended`; `left` says that work goes on after the answer, which
    is `unsent` or `sent`. `waiting` says what a poll waits for, and since when.
    """

    id: str
    type: RequestType
    table: str
    digest: str
    began: float
    signed: int = 0
    url: str = ""
    physical: str = ""
    properties: bytes = b""
    former: bytes = b""
    answer: str = ""
    ended: float = 0.0
    left: Literal["", "unsent", "sent"] = ""
    waiting: str = ""
    since: float = 0.0


class Earlier(Struct, frozen=True):
    """A request that a later one replaced; `answer` is SUCCESS, FAILED or `SUPERSEDED`."""

    id: str
    type: RequestType
    signed: int
    at: float
    answer: str


class Resource(Struct, omit_defaults=True):
    """A resource of a stack.

    `slot` is the request in hand. `side` is the Delete of another table, the clean-up after a replacement, which runs
    beside it. `applied` was last answered with SUCCESS, `before` is the digest of the one before that. `traces` are
    the declarations that may have left something on their table: the last applied one, and each that failed since,
    after it had written. `ttl` stands only on what a finished Delete leaves.
    """

    slot: Request | None = None
    side: Request | None = None
    earlier: list[Earlier] = field(default_factory=list)
    newest: int = 0
    applied: Declaration | None = None
    before: str = ""
    traces: list[Declaration] = field(default_factory=list)
    ttl: int = 0
    etag: str = ""


class TableName(Struct, omit_defaults=True):
    """A table's name: which resource owns it, and which worker may write.

    `token` is the worker's, `busy_until` the moment after which its last call cannot take effect any more. `table_id`
    is the table's identity, `created` the request that made it (empty: adopted); `created` without `table_id`: a create
    was begun, and its answer is not known. `built` names the indexes that this resource created, and `rebuilt` those
    that it replaced, which somebody else had created. `last` is the request that wrote last.
    """

    owner: str
    token: str = ""
    busy_until: float = 0.0
    table_id: str = ""
    created: str = ""
    built: list[str] = field(default_factory=list)
    rebuilt: list[str] = field(default_factory=list)
    last: str = ""
    etag: str = ""


def new_token() -> str:
    """16 random hex digits."""
    return secrets.token_hex(8)


def pack(properties: Any) -> bytes:
    """Properties as they are stored. They may be anything that JSON can hold, also text that is no Unicode."""
    text = json.dumps(properties, separators=(",", ":"), sort_keys=True, ensure_ascii=False)
    return zlib.compress(text.encode(errors="surrogatepass"), 9)


def unpack(packed: bytes) -> Any:
    """What was packed; None where nothing was."""
    return json.loads(zlib.decompressobj().decompress(packed, MAX_UNPACKED)) if packed else None


def digest(properties: Any) -> str:
    """The same for the same declaration; ServiceToken and ServiceTimeout are CloudFormation's and declare nothing."""
    if isinstance(properties, dict):
        properties = {k: v for k, v in properties.items() if k not in ("ServiceToken", "ServiceTimeout")}
    text = json.dumps(properties, separators=(",", ":"), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


# ------------------------------------------------------------------ the stored form


def to_item(key: str, value: Resource | TableName) -> dict[str, Any]:
    """The item of a value, with a new etag."""
    fields = msgspec.to_builtins(value, builtin_types=(bytes,))
    return {name: _typed(each) for name, each in {**fields, "pk": key, "etag": new_token()}.items()}


def from_item[T: (Resource, TableName)](item: dict[str, Any], kind: type[T]) -> T:
    """The value of an item; unknown attributes are passed over."""
    return msgspec.convert({name: _plain(each) for name, each in item.items()}, kind)


def _typed(value: Any) -> dict[str, Any]:
    # boto3's TypeSerializer takes no float, and costs ten times as much.
    if isinstance(value, str):
        return {"S": value}
    if isinstance(value, bytes):
        return {"B": value}
    if isinstance(value, int | float):
        return {"N": repr(value)}
    if isinstance(value, dict):
        return {"M": {name: _typed(each) for name, each in value.items() if each is not None}}
    if isinstance(value, list):
        return {"L": [_typed(each) for each in value]}
    return {"NULL": True}


def _plain(value: dict[str, Any]) -> Any:
    ((kind, found),) = value.items()
    if kind == "N":
        return int(found) if found.lstrip("-").isdigit() else float(found)
    if kind == "M":
        return {name: _plain(each) for name, each in found.items()}
    if kind == "L":
        return [_plain(each) for each in found]
    return None if kind == "NULL" else found
