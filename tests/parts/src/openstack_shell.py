"""The `openstack` command line, many commands in one process: Python and its modules are loaded once, not each time.

Reads commands from standard input, one a line: a JSON list of arguments, as they would stand behind `openstack`. Answers
each by a line on standard output: {"status": exit status, "stdout": ..., "stderr": ...}.
"""

import contextlib
import io
import json
import logging
import sys

# The program's name in what it prints.
sys.argv[0] = "openstack"

from openstackclient import shell  # noqa: E402: it reads the name when it is loaded
from openstackclient.common import clientmanager  # noqa: E402
from osc_lib.clientmanager import ClientCache  # noqa: E402


def run(arguments):
    printed, complained = io.StringIO(), io.StringIO()
    # Each run of the program adds handlers for its own standard error.
    logging.getLogger().handlers.clear()
    # A process has one client of each service, with the flags of its one command: the next command gets a new one.
    for kind in clientmanager.ClientManager.__mro__:
        for cache in vars(kind).values():
            if isinstance(cache, ClientCache):
                cache._handle = None
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(complained):
        try:
            status = shell.OpenStackShell().run(arguments)
        except SystemExit as end:
            status = end.code
    if not isinstance(status, int):
        status = 0 if status is None else 1
    return {"status": status, "stdout": printed.getvalue(), "stderr": complained.getvalue()}


for line in sys.stdin:
    print(json.dumps(run(json.loads(line))), flush=True)
