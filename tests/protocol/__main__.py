"""The command: `python -m protocol list`, `run` or `trace`, and names or prefixes with a star."""

from __future__ import annotations

import sys
from fnmatch import fnmatchcase

from protocol.configurations import FIRST_VERSION, LEDGER, LEFT_OUT
from protocol.explorer import Explorer


def main(command: str, *patterns: str) -> None:
    """Explores each configuration that fits a pattern, such as `ledger/*` or `without/fence`."""
    everything = {f"ledger/{name}": settings for name, settings in LEDGER.items()}
    everything |= {f"without/{name}": settings for name, (settings, _) in LEFT_OUT.items()}
    everything |= {f"first/{name}": settings for name, (settings, _) in FIRST_VERSION.items()}
    for name, settings in everything.items():
        if command == "list":
            print(name)
        elif any(fnmatchcase(name, pattern) for pattern in patterns):
            result = Explorer(settings).run()
            print(f"{name}: {result}", flush=True)
            for what, way in result.violations.items() if command == "trace" else ():
                print(f"  {what}:", *way, sep="\n    ")


if __name__ == "__main__":
    if len(sys.argv) < 2 or sys.argv[1] not in ("list", "run", "trace"):
        sys.exit("python -m protocol list | run PATTERN ... | trace PATTERN ...")
    main(*sys.argv[1:])
