"""All benchmarks, or some by name, one after the other.

    python -m benchmarks [NAME …] [--quick | --write]

One that fails does not keep the others from being taken; the exit status then is 1.
"""

from __future__ import annotations

import argparse
import sys
import time
import traceback
from collections.abc import Callable, Sequence

from benchmarks import against_peers, creating, growth, reading, recording, soak, waiting
from benchmarks.kit.figures import progress

Main = Callable[[Sequence[str]], None]

ALL: dict[str, Main] = {
    "recording": recording.main,
    "peers": against_peers.main,
    "creating": creating.main,
    "reading": reading.main,
    "waiting": waiting.main,
    "growth": growth.main,
}
#: What takes long, or fills the disk, and is run when asked for by name.
LONG: dict[str, tuple[Main, list[str]]] = {"growth-full": (growth.main, ["--full"]), "soak": (soak.main, [])}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "name", nargs="*", help=f"{', '.join([*ALL, *LONG])}; without a name all but the last two"
    )
    parser.add_argument("--quick", action="store_true", help="one small round of each")
    parser.add_argument("--write", action="store_true", help="write the pages of docs/benchmarks")
    given = parser.parse_args()
    if unknown := set(given.name) - {*ALL, *LONG}:
        parser.error(f"no such benchmark: {', '.join(sorted(unknown))}")
    flags = [f"--{flag}" for flag in ("quick", "write") if getattr(given, flag)]
    failed = []
    for name in given.name or ALL:
        run, extra = LONG[name] if name in LONG else (ALL[name], [])
        began = time.monotonic()
        try:
            run([*flags, *extra])
        except (Exception, SystemExit):  # noqa: BLE001 - the others are to be taken
            traceback.print_exc()
            failed.append(name)
        progress(f"{name}: {time.monotonic() - began:.0f} s")
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
