"""Side-by-side measurements, each one command: `python -m benchmarks.<name> --help`."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))  # this checkout's library, as the stages do
