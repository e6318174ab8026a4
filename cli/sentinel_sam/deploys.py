"""The command about deploys: how the last one of each table ran."""

from __future__ import annotations

import shutil
import time
from typing import TYPE_CHECKING, Any

import click

from sentinel_sam import picture, show
from sentinel_sam.options import DURATION

if TYPE_CHECKING:
    from sentinel_sam.stack import Stack


@click.command("picture")
@click.argument("log", type=click.File(encoding="utf-8", errors="replace"), required=False)
@click.option("--since", type=DURATION, default="1h", show_default=True, help="How far to read back without LOG.")
@click.option("--table", "tables", multiple=True, help="Only this table; may be given again.")
@click.option("--svg", type=click.File("w", encoding="utf-8"), help="Write an SVG there instead of text.")
@click.option("--mermaid", is_flag=True, help="Print a Gantt chart in Mermaid's language instead of text.")
@click.pass_obj
def show_picture(stack: Stack, log: Any, since: int, tables: tuple[str, ...], svg: Any, mermaid: bool) -> None:
    """How the last deploy of each table ran, over time.

    From the provisioner's log in CloudWatch, or from LOG, a file that it was saved to; - reads standard input.
    """
    found = picture.read_log(log or stack.provisioner_log(time.time() - since), tables)
    if not found:
        further = "" if log else f" in the last {show.duration(since)}; --since reads further back"
        about = " or ".join(tables) or "a table"
        raise click.UsageError(f"The log has no line of the provisioner about {about}{further}")
    if svg:
        svg.write(picture.as_svg(found))
    if mermaid:
        click.echo(picture.as_mermaid(found), nl=False)
    if not (svg or mermaid):
        click.echo(picture.as_text(found, shutil.get_terminal_size((100, 24)).columns), nl=False)


COMMANDS = (show_picture,)
