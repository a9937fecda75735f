"""A supervisor in a process of its own, as it demands: `supervise.py SPECIFICATION EVENTS`."""

import json
import signal
import sys
from pathlib import Path

from orchestrator.cli.supervisor import Child, ChildDied, Stopped, Supervisor

specification = json.loads(Path(sys.argv[1]).read_text())
events = Path(sys.argv[2])


def tell(event: str) -> None:
    with events.open("a") as file:
        file.write(event + "\n")


try:
    with Supervisor() as supervisor:
        for each in specification["children"]:
            orphaned = signal.Signals(each.pop("orphaned", signal.SIGKILL))
            supervisor.start(Child(**each, orphaned=orphaned))
        tell("started")
        if patience := specification.get("await"):
            supervisor.await_ready("the child", lambda: False, patience)
        supervisor.watch()
except Stopped as stopped:
    tell(f"stopped {stopped}")
except ChildDied as death:
    tell(f"died: {death}")
