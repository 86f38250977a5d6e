"""vidseq: a video becomes a sequence of frame features, the sequence becomes a label."""

import importlib
import sys
from typing import Any

# OpenVINO reports each import and conversion by network and writes an id into the home folder, unless its reporter
# cannot be imported. Here, it cannot in any stage, command, benchmark or Ray worker.
sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]

__all__ = ["load_model"]
_ELSEWHERE = {"load_model": ("vidseq.inference.video_model", "VideoModel")}


def __getattr__(name: str) -> Any:
    """Import what is asked for when it is asked for: `import vidseq` stays fast, and no stage depends on inference."""
    if name not in _ELSEWHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, attribute = _ELSEWHERE[name]
    return getattr(importlib.import_module(module), attribute)
