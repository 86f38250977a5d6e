"""Lets `dvc plots show` work with no network: `python -m vidseq.offline_plots` writes Vega's JavaScript from a wheel.

.dvc/plots.html, DVC's template, loads it from beside the project's other caches, and from the net only where it is
missing. The JavaScript is third-party code and stays out of the repository.
"""

from pathlib import Path

import vl_convert

from vidseq import paths
from vidseq.files import replacing

VEGA_LITE = "5.20"  # DVC's templates are written for version 5


def write_vega(path: Path) -> None:
    """Write Vega, Vega-Lite and Vega-Embed as one script, if it is not there yet."""
    if not path.is_file():
        with replacing(path) as beside:
            beside.write_text(vl_convert.javascript_bundle(vl_version=VEGA_LITE), encoding="utf-8")


if __name__ == "__main__":
    write_vega(paths.cache("vega.js"))
