"""The provisioner's function under the simulated CloudFormation, as functions/table_provisioner/app.py wires it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Self

from cloudformation import CloudFormation, Stack
from custom_resource import CustomResource
from poll_rule import PollRule
from provisioning import Properties, World, written
from sentinel.ledger import Ledger
from sentinel.switches import Switches
from table_resource import TableResource

if TYPE_CHECKING:
    from cloudformation import Handler, Outcome
    from strict_aws.state import Timing


class Deployment:
    """A region, a CloudFormation and the function; `lines` is the function's log, `facts` what goes with each line,
    `published` what it sent to the event bus."""

    def __init__(
        self, *, timing: Timing | None = None, inline: float = 240.0, seconds: float = 900.0, prefix: str = ""
    ) -> None:
        self.aws = World(timing=timing)
        self.cloudformation = CloudFormation(self.aws, self.start, seconds=seconds)
        self.inline = inline
        self.prefix = prefix
        self.switches = Switches(ledger="ledger")
        self.ledger_client = self.aws.client()
        self.lines: list[str] = []
        self.facts: list[dict[str, Any]] = []
        self.published: list[dict[str, Any]] = []
        self.stack = self.cloudformation.stack("shop")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.aws.clock.close()

    def start(self) -> Handler:
        """A new execution environment."""
        clock = self.aws.clock
        rule = PollRule(lambda: self.aws.client("events"), self.log)
        resource = TableResource(
            self.aws.provisioner(log=self.log),
            Ledger(self.ledger_client, self.switches.ledger, clock=clock, sleep=clock.sleep),
            rule,
            self.switches,
            name_prefix=self.prefix,
            inline_seconds=self.inline,
            clock=clock,
            publish=lambda change, table, **more: self.published.append({"change": change, "table": table, **more}),
        )
        return CustomResource(resource, rule, log=self.log, send=self.cloudformation.receive)

    def log(self, text: str, **facts: Any) -> None:
        self.lines.append(text)
        self.facts.append(facts)
        self.cloudformation.log(text + json.dumps(facts, default=str))

    # -------------------------------------------------------------- deploying

    def deploy(self, properties: Properties | None, *, stack: Stack | None = None, **more: Any) -> Outcome:
        """Deploys a stack of the one resource `Orders`, or, with None, of none."""
        return (stack or self.stack).deploy({} if properties is None else {"Orders": properties}, **more)

    def rest(self) -> None:
        """Lets time pass until nothing is left to do, and checks that no rule is left."""
        assert self.cloudformation.rest(), f"left: {list(self.aws.rules.rules)}"

    def polls(self) -> int:
        return sum(invocation.poll for invocation in self.cloudformation.invocations)

    def writes(self) -> list[str]:
        """Operations of DynamoDB that took effect."""
        return written([call for call in self.aws.journal if call.service == "dynamodb"])
