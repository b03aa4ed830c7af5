"""The CPU time of a command and of everything that it starts, for example of the tests.

``python -m benchmarks.cpu_time COMMAND`` counts processes that outlive the command too. On a busy
machine, wall time tells little of what a command costs.
"""

import os
import resource
import subprocess
import sys
from contextlib import suppress

from pytest_modelbudget.workers.process_tree import adopt_orphans


def main() -> int:
    """Run the command, and return its exit code."""
    adopt_orphans()
    done = subprocess.run(sys.argv[1:], check=False)
    with suppress(ChildProcessError):  # There are no more children.
        while True:
            os.wait()
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(f"CPU time: {used.ru_utime:.1f} s user, {used.ru_stime:.1f} s system")
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
