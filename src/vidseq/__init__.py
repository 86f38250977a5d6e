"""vidseq: a video becomes a sequence of frame features, the sequence becomes a label."""

import sys

# OpenVINO reports each import and conversion by network and writes an id into the home folder, unless its reporter
# cannot be imported. Here, it cannot in any stage, command, benchmark or Ray worker.
sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]
