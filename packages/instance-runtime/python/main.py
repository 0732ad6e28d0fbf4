"""The bootstrap of a Python instance: started with the link on descriptor 3.

It is silent until it is spoken to and ends with its link. The interpreter runs isolated (`-I`), so
the runtime's own folder has to be put on the path; user code never sees it there.
"""

import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from skerry_runtime.bootstrap import run  # noqa: E402 -- the path above comes first

if __name__ == "__main__":
    run(sys.argv[1:])
