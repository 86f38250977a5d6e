"""Check that this exported model answers here as it did where it was exported: `python selftest.py`.

Needs onnxruntime and numpy alone. Exit status 1 if an answer differs.
"""

import json
import sys
from pathlib import Path

import numpy as np
import onnxruntime

FOLDER = Path(__file__).resolve().parent
FROM_FEATURES, FROM_FRAMES = 1e-4, 1e-3  # how far a probability may be from the stored one


def main() -> int:
    """Print how far each answer is from the stored one; return the exit status."""
    pipeline = json.loads((FOLDER / "pipeline.json").read_text(encoding="utf-8"))
    stored = dict(np.load(FOLDER / "selftest.npz"))
    head, backbone = session("head.onnx"), session("backbone.onnx")

    [features_TD] = backbone.run(None, {name: stored[name] for name in pipeline["backbone"]["inputs"]})
    one = np.ones((1, len(features_TD)), bool)
    found = {
        "backbone.onnx and head.onnx": (head.run(None, {"features": features_TD[None], "mask": one})[0][0], -1),
        "head.onnx": (head.run(None, {"features": stored["features"], "mask": stored["mask"]})[0], slice(None)),
    }
    if "step" in pipeline:
        found["step.onnx"] = (by_step(pipeline["step"], stored["features"][-1]), slice(None))
    failed = 0
    for name, (p, rows) in found.items():
        expected = stored["step_probabilities" if name == "step.onnx" else "probabilities"][rows]
        difference, allowed = float(np.abs(p - expected).max()), FROM_FRAMES if "backbone" in name else FROM_FEATURES
        good = difference <= allowed
        failed += not good
        print(f"{name}: {'ok' if good else 'FAILED'}, largest difference {difference:.1e} (at most {allowed:g})")
    return int(failed > 0)


def session(name: str) -> onnxruntime.InferenceSession:
    """Load one of the models."""
    return onnxruntime.InferenceSession(FOLDER / name, providers=["CPUExecutionProvider"])


def by_step(step: dict, features_TD: np.ndarray) -> np.ndarray:
    """Return the probabilities after each step of one sequence, (T, C)."""
    model = session("step.onnx")
    state = {name: np.zeros((1, *of["shape"]), of["dtype"]) for name, of in step["state"].items()}
    answers = []
    for features_D in features_TD:
        p_1C, *values = model.run(None, {"features": features_D[None], **state})
        state = dict(zip(state, values, strict=True))
        answers.append(p_1C[0])
    return np.stack(answers)


if __name__ == "__main__":
    sys.exit(main())
