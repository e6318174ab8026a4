"""An AWS on this machine, to walk the pages of the documentation without an account; `make aws`.

Prints the one line that a shell needs to use it, and runs until Ctrl-C, which removes everything in it.
"""

from __future__ import annotations

import shlex
import signal
import sys
from pathlib import Path

from engines import ROOT, EngineFailed, MiniStack, forget_caller

SETTINGS = ROOT / ".cache" / "aws.env"
# The tools that the pages call, with the environment that has each. A reader with an account installs these.
TOOLS = {"sam": "sam", "cfn-lint": "sam", "python": "docs"}

# The AWS command line looks at a stack twice a minute; this AWS is done in a second.
_IMPATIENT_AWS = """
import sys, time
sleep = time.sleep
time.sleep = lambda seconds: sleep(min(seconds, 1))
from awscli.clidriver import main
sys.exit(main())
"""


def main() -> int:
    forget_caller()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        with MiniStack() as engine:
            tools = write_tools(engine.folder / "tools")
            write_settings(engine, tools)
            print(f"An AWS for this machine alone listens on {engine.endpoint}. In another terminal, in this folder:")
            print(f"\n    . {SETTINGS.relative_to(ROOT)}\n")
            print("Then follow any page: sam, aws, cfn-lint, python and sentinel-sam are on the PATH of that terminal.")
            print("Ctrl-C here stops it and removes everything in it.", flush=True)
            signal.pause()
    except KeyboardInterrupt:
        print()
    except EngineFailed as error:
        print(f"make aws: {error}", file=sys.stderr)
        return 1
    finally:
        SETTINGS.unlink(missing_ok=True)
    return 0


def write_settings(engine: MiniStack, tools: Path) -> None:
    lines = [f"export {name}={shlex.quote(value)}" for name, value in engine.environment.items()]
    lines += ["unset AWS_PROFILE AWS_SESSION_TOKEN AWS_REGION"]
    lines += ["export SAM_CLI_TELEMETRY=0 SAM_CLI_POLL_DELAY=1 NO_PROXY=localhost no_proxy=localhost"]
    lines += ['export NODE_EXTRA_CA_CERTS="$AWS_CA_BUNDLE"']  # for the CDK
    lines += [f'export PATH={shlex.quote(str(tools))}:"$PATH"']
    SETTINGS.parent.mkdir(exist_ok=True)
    SETTINGS.write_text("".join(f"{line}\n" for line in lines))


def write_tools(folder: Path) -> Path:
    """A folder for PATH with the tools that the pages use."""
    folder.mkdir()
    for tool, home in TOOLS.items():
        write_script(folder / tool, f"exec {quoted(f'.venvs/{home}/bin/{tool}')}")
    write_script(folder / "aws", f"exec {quoted('.venvs/docs/bin/python')} -c {shlex.quote(_IMPATIENT_AWS)}")
    command = f"PYTHONPATH={quoted('cli')} exec {quoted('.venv/bin/python')} -m sentinel_sam"
    write_script(folder / "sentinel-sam", command)
    return folder


def quoted(path: str) -> str:
    return shlex.quote(str(ROOT / path))


def write_script(path: Path, command: str) -> None:
    path.write_text(f'#!/bin/sh\n{command} "$@"\n')
    path.chmod(0o755)


if __name__ == "__main__":
    sys.exit(main())
