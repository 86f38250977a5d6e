"""One file per DVC stage: read params, call vidseq, write the outs. Run as `python -m stages.<name>`."""

import os
import sys
from collections.abc import Callable
from io import TextIOWrapper
from pathlib import Path

# heads are too small to share: a second thread spins while it waits, and beside a busy process it waits long. Before
# numpy and torch are imported; what the user has set stays. The CNN has threads of its own.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# a queued experiment runs in a copy of the project: its stages must import that copy's library, not the installed one
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

from vidseq import paths
from vidseq.errors import one_line
from vidseq.params import Params, load_params


def run(stage: Callable[[Params], None]) -> None:
    """Run a stage with the checked params; an error that the user can fix ends in one line and exit status 1."""
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(line_buffering=True)  # so that a log keeps the order of what was printed
    with one_line():
        stage(load_params(paths.PARAMS))
