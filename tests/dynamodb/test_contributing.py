"""The steps of CONTRIBUTING.md, taken."""

from __future__ import annotations

import shutil
import subprocess
import sys
import types
from typing import TYPE_CHECKING, Any

import pytest
from engines import ROOT
from pages import apply, blocks
from sentinel.errors import InvalidStateTransition
from sentinel.schema import GlobalSecondaryIndex, KeyAttribute, TableSchema, TimeToLive, create_table_input

if TYPE_CHECKING:
    from pathlib import Path

    from mypy_boto3_dynamodb import DynamoDBClient

PAGE = ROOT / "CONTRIBUTING.md"
PACKAGE = ROOT / "layers/sentinel/sentinel"


def test_a_named_schema_is_added_as_the_page_says(tmp_path: Path) -> None:
    shutil.copytree(PACKAGE, tmp_path / "layers/sentinel/sentinel")
    [diff] = [block.text for block in blocks(PAGE) if block.language == "diff" and "waiver" in block.text]
    apply(diff, tmp_path)
    program = """
from sentinel.properties import read_properties
schema = read_properties({"Schema": "waiver"}).schema
print(schema.table_name, [index.name for index in schema.global_secondary_indexes])
"""
    done = subprocess.run(  # noqa: S603 - our own Python
        [sys.executable, "-c", program],
        env={"PYTHONPATH": str(tmp_path / "layers/sentinel")},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "sentinel-waivers ['gsi-owner', 'gsi-status']\n"


def test_a_record_type_is_added_as_the_page_says(dynamodb: DynamoDBClient) -> None:
    [code] = [block.text for block in blocks(PAGE) if block.file.endswith("waivers.py")]
    module: Any = types.ModuleType("waivers")
    sys.modules["waivers"] = module
    exec(compile(code, "waivers.py", "exec"), module.__dict__)  # noqa: S102 - the page's own code
    created = KeyAttribute("created_at")
    schema = TableSchema(
        table_name="contributed-waivers",
        partition_key=KeyAttribute("id"),
        global_secondary_indexes=tuple(
            GlobalSecondaryIndex(f"gsi-{name}", (KeyAttribute(name),), (created,)) for name in ("owner", "status")
        ),
        billing_mode="PAY_PER_REQUEST",
        time_to_live=TimeToLive(True, "ttl"),
    )
    dynamodb.create_table(**create_table_input(schema))
    store = module.WaiverStore("contributed-waivers", dynamodb)
    waiver = store.create(module.Waiver(owner="ann", rule="two-approvers"))
    assert store.get(waiver.id) == waiver
    assert store.list_by("owner", "ann").waivers == [waiver]
    assert store.withdraw(waiver.id, "bob").withdrawn_by == "bob"
    with pytest.raises(InvalidStateTransition):
        store.withdraw(waiver.id, "eve")
