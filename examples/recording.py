"""A recording of the demo as an animated SVG; `make recording` writes docs/demo.svg.

Runs `make demo`'s script and records when each line appeared. In the picture, a wait lasts two seconds at most.
"""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
import time
from pathlib import Path

from rich.console import Console
from rich.text import Text

ROOT = Path(__file__).resolve().parent.parent
PICTURE = ROOT / "docs" / "demo.svg"
COLUMNS, ROWS = 92, 24
LONGEST_WAIT = 2.0
SHORTEST_WAIT = 0.12
LINE_HEIGHT = 24.4  # rich's
WIDTH = COLUMNS * 12.2

# {matrix}, {backgrounds}, {lines}, {styles}, {unique_id} are filled in by rich, the rest by `picture`.
FORMAT = """\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 WIDTH HEIGHT" role="img" aria-label="make demo in a terminal">
<style>
text {{ font-family: ui-monospace, "Cascadia Mono", "DejaVu Sans Mono", Menlo, Consolas, monospace; font-size: 20px; }}
{styles}
@media not (prefers-reduced-motion: reduce) {{
  @keyframes shown {{ from {{ opacity: 0 }} to {{ opacity: 1 }} }}
  text {{ animation: shown 1ms both }}
  @keyframes scrolled {{
SCROLLED
  }}
  .screen {{ animation: scrolled DURATIONs step-end both }}
}}
</style>
<defs><clipPath id="window"><rect x="0" y="0" width="WIDTH" height="INNER"/></clipPath>{lines}</defs>
<rect width="WIDTH" height="HEIGHT" rx="8" fill="#292929"/>
<g transform="translate(16, 16)" clip-path="url(#window)"><g class="screen">{backgrounds}{matrix}</g></g>
</svg>
"""


def record() -> list[tuple[float, str]]:
    """The demo's lines with their colours, each with the seconds at which it came; RuntimeError when it fails."""
    environment = {**os.environ, "FORCE_COLOR": "1", "TERM": "xterm-256color", "COLUMNS": str(COLUMNS)}
    begun = time.monotonic()
    lines: list[tuple[float, str]] = []
    command = [sys.executable, str(ROOT / "examples" / "demo.py")]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE) as process:  # noqa: S603
        assert process.stdout is not None
        for line in process.stdout:
            # What a spinner drew and removed again is not part of the recording.
            if b"\x1b[1A" in line:
                lines.pop()
            shown = re.sub(r"^.*\x1b\[2K|\x1b\[\?25[lh]|\r", "", line.decode().rstrip("\n"))
            lines.append((time.monotonic() - begun, shown))
    if process.returncode:
        raise RuntimeError(f"the demo ended with status {process.returncode}")
    return lines


def picture(lines: list[tuple[float, str]]) -> str:
    """An SVG in which each line appears in its turn, and the screen scrolls as a terminal's does."""
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True, color_system="truecolor")
    moments, now, before = [], 0.5, 0.0
    for at, line in lines:
        now += min(max(at - before, SHORTEST_WAIT), LONGEST_WAIT)
        before = at
        moments.append(now)
        text = Text.from_ansi(line)
        text.rstrip()
        console.print(text, no_wrap=True, crop=True)
    duration = now + 1
    steps = [
        f"    {100 * moment / duration:.2f}% {{ transform: translateY({-row * LINE_HEIGHT:.1f}px) }}"
        for row, moment in enumerate(moments[ROWS:], 1)
    ]
    form = FORMAT.replace("SCROLLED", "\n".join(steps).replace("{", "{{").replace("}", "}}"))
    inner = ROWS * LINE_HEIGHT
    for name, value in (("WIDTH", WIDTH + 32), ("HEIGHT", inner + 32), ("INNER", inner), ("DURATION", duration)):
        form = form.replace(name, f"{value:.1f}")
    svg = console.export_svg(code_format=form, unique_id="demo")

    svg = re.sub(r"<text [^>]*>\n</text>", "", svg)  # the lines' ends

    def delayed(match: re.Match[str]) -> str:
        return f'<text style="animation-delay: {moments[int(match[2])]:.2f}s" {match[1]}#demo-line-{match[2]})">'

    return re.sub(r'<text ([^>]*url\()#demo-line-(\d+)\)">', delayed, svg)


if __name__ == "__main__":
    PICTURE.write_text(picture(record()), encoding="utf-8")
    print(PICTURE.relative_to(ROOT))
