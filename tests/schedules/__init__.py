"""The real code of the provisioner's function under every schedule: who runs next is chosen at each call to AWS.

    scenarios.py    two requests of CloudFormation, and how it must end
    invocations.py  the function as it is deployed, each invocation in a thread that stops at each of its calls
    monitor.py      the invariants: what must never happen, and what must hold at the end
    scheduler.py    one run under one schedule, and the exploration of all of them

A schedule names what happens at numbered points of a run and is otherwise the simplest one: who runs goes on, what is
free to begin begins. Runs are deterministic, so a schedule that ended wrong can be run again.
"""
