"""`sentinel-sam` itself, with the options that name a stack. The commands are in modules by their subject."""

from __future__ import annotations

import click

from sentinel_sam import deploys, records, tables
from sentinel_sam.stack import Stack


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--stack", default="sentinel", envvar="SENTINEL_STACK", show_default=True, show_envvar=True)
@click.option("--profile", help="A profile of your AWS configuration.")
@click.option("--region", help="The stack's region; default: that of your AWS configuration.")
@click.version_option(package_name="sentinel-for-sam")
@click.pass_context
def main(context: click.Context, stack: str, profile: str | None, region: str | None) -> None:
    """Access requests, break-glass events, sessions and tables of a deployed Sentinel stack.

    \b
    Exit codes: 0 done; 1 refused by a function (the message begins with its code); 2 wrong usage;
    3 plan --check or drift --check found something; 4 stack or AWS not reached, try again.
    """
    if context.obj is None:
        context.obj = Stack(stack, profile=profile, region=region)


for command in (*records.COMMANDS, *tables.COMMANDS, *deploys.COMMANDS):
    main.add_command(command)
