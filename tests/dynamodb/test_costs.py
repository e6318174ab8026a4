"""The units that docs/costs.md states are those that DynamoDB counts."""

from __future__ import annotations

from costs import deploys, measure
from engines import ROOT, DynamoDBLocal


def test_the_stated_costs_are_the_measured_ones() -> None:
    lines = (ROOT / "docs/costs.md").read_text().splitlines()
    begin = next(number for number, line in enumerate(lines) if line.startswith("operation "))
    stated = [line.rsplit(maxsplit=3) for line in lines[begin + 1 : lines.index("```", begin)]]
    with DynamoDBLocal() as engine:  # of its own: the stores' tables have their real names
        measured = [*measure(engine.client()), *deploys(engine.client())]
    assert stated == [
        [name, *(f"{spent[unit]:g}" for unit in ("requests", "reads", "writes"))] for name, spent in measured
    ]
    for name, spent in measured:
        if name.startswith("deploy"):
            assert spent["requests"] == 3
            assert spent["reads"] + spent["writes"] <= 65
