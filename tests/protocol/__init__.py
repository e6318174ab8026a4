"""A model of the provisioner's protocol, explored exhaustively: every order in which things can happen.

    python -m protocol list                 the configurations
    python -m protocol run PATTERN ...      explore them, breadth first
    python -m protocol trace PATTERN ...    the same, with the shortest way to each kind of violation

Each step is atomic at one shared thing: a ledger transaction, a look at the table, a rule, an answer. Every step that
is possible in a state is taken: an event is delivered (late, more than once), a worker makes its next access, a write
that was sent takes effect or is lost, a call times out, an index is built, a worker dies (Lambda delivers its event
again), auto scaling or an outsider changes the table, CloudFormation goes on, cancels or rolls back.

Two reductions, both exact. Reading an item of the ledger and then writing it, on condition that it is as it was read,
is one step: a lost condition reads again. The fence before a write and the sending of that write are one step: from
then on the write may take effect at any later moment, or never.

What is in which module:

    settings.py          what a configuration explores, and the parts of the protocol that can be left out
    states.py            everything that a step can change
    cloudformation.py    what CloudFormation sends, and makes of an answer
    table.py             how a write changes the table
    ledger.py            the workers under the ledger's protocol
    first_version.py     the workers of the first version, which had no ledger
    steps.py             every step that is possible in a state
    invariants.py        what must hold where everything has come to rest
    explorer.py          the search
    configurations.py    the named configurations
"""
