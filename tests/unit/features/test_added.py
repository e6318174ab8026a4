"""CONTRIBUTING.md's "Add a property", carried out on a copy of the package and tried on the strict model of AWS."""

from __future__ import annotations

import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

from engines import ROOT
from pages import apply, blocks

if TYPE_CHECKING:
    from pathlib import Path

PAGE = ROOT / "CONTRIBUTING.md"
PACKAGE = "layers/sentinel/sentinel"
LIFE = """
from provisioning import World, declare

with World() as aws:
    plain = declare(DeletionProtectionEnabled=False)
    till, shop = declare(CostCentre="till") | plain, declare(CostCentre="shop") | plain
    assert aws.deploy(till) == ["CreateTable", "TagResource"]  # and twice is done once, and the plan shows the writes
    assert aws.tags() == {"cost-centre": "till"}
    print(aws.plan(shop, till).summary)
    assert aws.deploy(shop, till) == ["TagResource"]
    assert aws.deploy(till, shop) == ["TagResource"]  # the rollback
    assert aws.tags() == {"cost-centre": "till"}
    assert aws.deploy(plain, till) == ["UntagResource"]
    assert aws.tags() == {}
    arn = aws.table()["Table"]["TableArn"]
    aws.somebody().tag_resource(ResourceArn=arn, Tags=[{"Key": "cost-centre", "Value": "x"}])
    aws.clock.sleep(60)
    print([line for line in aws.plan(plain, plain).unmanaged if "cost" in line])
    try:
        aws.run(declare(CostCentre="x" * 21))
    except Exception as error:
        print(error.context["faults"])
"""


def test_a_property_is_a_module_a_field_and_a_line(tmp_path: Path) -> None:
    shutil.copytree(ROOT / PACKAGE, tmp_path / PACKAGE)
    [module] = [block for block in blocks(PAGE) if block.file.endswith("cost_centre.py")]
    (tmp_path / module.file).write_text(module.text)
    [diff] = [block.text for block in blocks(PAGE) if block.language == "diff" and "CostCentre" in block.text]
    assert apply(diff, tmp_path) == [f"{PACKAGE}/schema.py", f"{PACKAGE}/features/__init__.py"]

    def run(program: str) -> list[str]:
        path = f"{tmp_path / 'layers/sentinel'}:{ROOT / 'tests'}:{ROOT / 'schemas'}"
        environment = {"PYTHONPATH": path, "AWS_DEFAULT_REGION": "us-east-1"}
        done = subprocess.run(  # noqa: S603 - our own Python
            [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=False
        )
        assert not done.returncode, done.stderr
        return done.stdout.splitlines()

    assert run(LIFE) == [
        "~ cost centre  till → shop",
        "['the cost centre is x; left alone', 'tag cost-centre is not declared; left alone']",
        f"[\"CostCentre: '{'x' * 21}' is not 1 to 20 characters\"]",
    ]
    assert run("import generate; print(generate.properties_schema()['properties']['CostCentre'])") == [
        "{'description': '1 to 20 characters', 'type': 'string', 'minLength': 1, 'maxLength': 20}"
    ]
