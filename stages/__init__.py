"""One file per DVC stage: read params, call vidseq, write the outs. Run as `python -m stages.<name>`."""

import sys
from collections.abc import Callable
from io import TextIOWrapper
from pathlib import Path

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
