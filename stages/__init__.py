"""One file a DVC stage: read params, call vidseq, write the outs. Run as `python -m stages.<name>`."""

import sys
from collections.abc import Callable
from pathlib import Path
from time import perf_counter

# a queued experiment runs in a copy of the project: its stages must import that copy's library, not the installed one
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

from vidseq import paths
from vidseq.errors import VidseqError
from vidseq.files import write_json
from vidseq.params import Params, load_params


def run(stage: Callable[[Params], None]) -> None:
    """Run a stage with the checked params; an error that the user can mend ends in one line and exit status 1."""
    sys.stdout.reconfigure(line_buffering=True)  # so that a log keeps the order of what was said
    start = perf_counter()
    try:
        stage(load_params(paths.PARAMS))
    except VidseqError as error:
        sys.exit(f"error: {error}")
    # for the report; not among the outs, which are the same bytes each time
    name = "_".join([Path(sys.argv[0]).stem, *sys.argv[1:]]).replace("train_head", "train")
    write_json(paths.cache("times") / "stages" / f"{name}.json", {"seconds": perf_counter() - start})
