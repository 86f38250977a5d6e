"""pipeline.json: how the exported models are joined, from a video to probabilities."""

from pathlib import Path
from typing import Any

import torch

from vidseq.extraction.backbone import Backbone
from vidseq.inference.export_modules import Step
from vidseq.models.thresholds import FILE, OutOfFold, choose_known_threshold, choose_threshold
from vidseq.models.trained_model import TrainedModel
from vidseq.params import REFUSED

FORMAT = 1
RECALL = 0.9
PIXELS = {
    "rotation": "turned upright first, as the display matrix of the file says",
    "pixel_aspect": "square: where the pixels are not, the transform resizes to the shape on display",
    "crop": "frames.crop is cut from the upright frame before resizing: [x, y, width, height], fractions of its sides",
    "colour": "full-range RGB, planes (3, size, size), uint8; the normalisation is in backbone.onnx",
}
STRATEGIES = {
    "fps": "the frames on display at 1/2, 3/2, 5/2, ... of 1/fps seconds, at least one, the first max_frames of them",
    "uniform": "the frame on display at the middle of each of max_frames equal parts",
    "first": "the first max_frames frames",
}
TRANSFORM = "the short side is resized to `short` pixels by Pillow's interpolation, then the centre `size` x `size` cut"
DIFF = (
    "|frame - the frame on display `seconds` before it, or the clip's first|, of images as backbone.onnx takes them, "
    "then resized to `size` x `size` by Pillow's bilinear interpolation"
)


def describe(model: TrainedModel, folder: Path, backbone: Backbone) -> dict[str, Any]:
    """Return pipeline.json of a trained model, which was read from `folder`."""
    config, transform = model.config, backbone.transform
    trained_on, diff = config["features"], config["features"]["diff"]
    sizes = {"rgb": transform.size} | ({"diff": diff["size"]} if diff else {})
    pipeline = {
        "format": FORMAT,
        "model": folder.name,
        "classes": model.classes,
        "frames": config["frames"] | {"sampling": STRATEGIES[config["frames"]["strategy"]]},
        "pixels": PIXELS,
        "transform": vars(transform) | {"how": TRANSFORM},
        "diff": diff and diff | {"how": DIFF},
        "backbone": {
            "name": backbone.name,
            "weights": trained_on["weights"],
            "precision": "fp32",
            "trained_with": {key: trained_on[key] for key in ("engine", "precision", "device", "kernel")},
            "inputs": {name: ["batch", 3, size, size] for name, size in sizes.items()},
            "outputs": {"features": ["batch", config["feature_dim"]]},
            "rounding": "features are rounded to float16 in backbone.onnx, and given as float32",
        },
        "head": {
            "inputs": {"features": ["batch", "time", config["feature_dim"]], "mask": ["batch", "time"]},
            "outputs": {"probabilities": ["batch", len(model.classes)]},
            "padding": "at the first steps, where mask is false",
            "preprocessing": "in head.onnx",
            "members": config["ensemble"],
            "temperature": _temperature(model),
        },
        "thresholds": _thresholds(folder, model.classes),
        "versions": config["versions"],
    }
    if model.causal:
        state = {
            name: {"shape": list(zeros.shape[1:]), "dtype": str(zeros.dtype).removeprefix("torch.")}
            for name, zeros in Step(model).initial_state(1).items()
        }
        pipeline["step"] = {
            "inputs": ["features", *state],
            "outputs": ["probabilities", *(f"next_{name}" for name in state)],
            "state": state,
            "beginning": "a state of zeros; before the axes of each, axis 0 is the batch",
        }
    return pipeline


def _temperature(model: TrainedModel) -> float | str:
    buffers: dict[str, torch.Tensor] = dict(model.head.named_buffers())
    return buffers["temperature"].item() if "temperature" in buffers else "in the weights"


def _thresholds(folder: Path, classes: list[str]) -> dict[str, Any] | None:
    """Return what was chosen on the out-of-fold probabilities of the training clips; None where they are not kept."""
    if not (folder / FILE).exists():
        return None
    out_of_fold = OutOfFold.load(folder, len(classes))
    return {
        "unknown": {"refused": REFUSED, "below": choose_known_threshold(out_of_fold, REFUSED)},
        "alarm": {
            "min_recall": RECALL,
            "from": {label: choose_threshold(out_of_fold, index, RECALL) for index, label in enumerate(classes)},
        },
    }
