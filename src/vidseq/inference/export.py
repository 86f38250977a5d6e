"""A trained model as ONNX: from the CNN's input images, or from features, to probabilities, without PyTorch."""

import shutil
import subprocess
import sys
import warnings
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from vidseq import paths
from vidseq.errors import VidseqError
from vidseq.extraction.encoder import load_encoder
from vidseq.files import atomic_write, write_json
from vidseq.inference.export_modules import Images, Step, WholeClips
from vidseq.inference.export_pipeline import describe
from vidseq.inference.predict import backbone_of
from vidseq.models.layers import pad_left
from vidseq.models.trained_model import TrainedModel, load_model

SELFTEST = Path(__file__).with_name("export_selftest.py")
LENGTHS = (1, 3, 4)  # steps of the clips that the self-test is made of
DYNAMIC = torch.export.Dim.DYNAMIC


def export_model(folder: Path, out: Path) -> str:
    """Write a trained model as ONNX into a new folder, and return what its self-test prints.

    In it are backbone.onnx, head.onnx, of a causal RNN also step.onnx, pipeline.json, which says how they are joined,
    selftest.py with selftest.npz, and the model card as README.md, if the pipeline has written one.

    Raises VidseqError if `folder` holds no model, `out` exists, or something cannot be exported.
    """
    if find_spec("onnxscript") is None or find_spec("onnxruntime") is None:
        raise VidseqError("vidseq export needs onnxscript and onnxruntime: install vidseq[onnx]")
    if out.exists():
        raise VidseqError(f"{out} exists already: remove it, or name another folder")
    model = load_model(folder)
    model.head.eval().cpu()
    backbone, _ = backbone_of(model, paths.cache("models"))
    encoder = Images(load_encoder(backbone.name)[0])
    images = example_images(backbone.transform.size, model.config["features"])
    with atomic_write(out) as tmp:
        tmp.mkdir()
        write_onnx(encoder, images, {name: {0: DYNAMIC} for name in images}, ["features"], tmp / "backbone.onnx")
        with torch.inference_mode():
            features_TD = encoder(**images)
        write_head(model, tmp / "head.onnx")
        if model.causal:
            write_step(model, tmp / "step.onnx")
        write_json(tmp / "pipeline.json", describe(model, folder, backbone))
        shutil.copyfile(SELFTEST, tmp / "selftest.py")
        answers: dict[str, Any] = stored_answers(model, images, features_TD)
        np.savez_compressed(tmp / "selftest.npz", **answers)
        if (card := card_of(folder)).exists():
            shutil.copyfile(card, tmp / "README.md")
        tested = subprocess.run([sys.executable, tmp / "selftest.py"], capture_output=True, text=True)
        if tested.returncode:
            raise VidseqError(f"the exported model answers otherwise here:\n{tested.stdout}{tested.stderr}")
    precision = model.config["features"]["precision"]
    if precision != "fp32":
        return f"note: the model was trained on {precision} features; those of backbone.onnx are fp32\n{tested.stdout}"
    return tested.stdout


def card_of(folder: Path) -> Path:
    """Return where the card of a model is: in the project that its folder belongs to."""
    folder = folder.resolve()
    return folder.parent.parent / paths.MODEL_CARDS / f"{folder.name}.md"


def write_head(model: TrainedModel, path: Path) -> None:
    """Write what maps padded features (B, T, D) and their mask (B, T) to probabilities (B, C)."""
    inputs = {"features": torch.randn(3, 5, model.config["feature_dim"]), "mask": torch.ones(3, 5, dtype=torch.bool)}
    shapes = {name: {0: DYNAMIC, 1: DYNAMIC} for name in inputs}
    write_onnx(WholeClips(model), inputs, shapes, ["probabilities"], path)


def write_step(model: TrainedModel, path: Path) -> None:
    """Write what maps one step (B, D) and the state of a causal RNN to probabilities (B, C) and the next state."""
    step = Step(model)
    state = step.initial_state(2)
    inputs = {"features": torch.randn(2, model.config["feature_dim"]), "state": state}
    shapes = {"features": {0: DYNAMIC}, "state": {name: {0: DYNAMIC} for name in state}}
    write_onnx(step, inputs, shapes, ["probabilities", *(f"next_{name}" for name in state)], path)


def write_onnx(module: nn.Module, inputs: dict[str, Any], shapes: dict, outputs: list[str], path: Path) -> None:
    """Write a module, whose inputs are dynamic as `shapes` has it, as one file without custom operators."""
    from onnxscript import opset20

    def remainder(x: Any, divisor: Any) -> Any:  # the exporter takes a number alone; of integers it is Mod
        return opset20.Mod(x, opset20.CastLike(divisor, x))

    names = [name for key, value in inputs.items() for name in (value if isinstance(value, dict) else [key])]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what it has simplified, and of its own deprecations
        try:
            torch.onnx.export(
                module.eval(),
                kwargs=inputs,
                f=path,
                input_names=names,
                output_names=outputs,
                dynamic_shapes=shapes,
                opset_version=20,
                external_data=False,
                verbose=False,
                custom_translation_table={torch.ops.aten.remainder.Scalar: remainder},
            )
        except torch.onnx.errors.OnnxExporterError as error:
            raise VidseqError(f"{path.name}: PyTorch cannot write this model as ONNX ({_cause(error)})") from error


def example_images(size: int, feature_config: dict) -> dict[str, torch.Tensor]:
    """Return the CNN's inputs at a few steps, drawn at random: by image type, uint8 (T, 3, S, S)."""
    rng, sizes = np.random.default_rng(0), {"rgb": size}
    if feature_config["diff"]:
        sizes["diff"] = feature_config["diff"]["size"]
    patches = {name: rng.integers(0, 256, (LENGTHS[-1], 3, 8, 8), np.uint8) for name in sizes}
    places = {name: np.arange(side) * 8 // side for name, side in sizes.items()}
    return {name: torch.from_numpy(patches[name][:, :, places[name]][..., places[name]].copy()) for name in sizes}


def stored_answers(
    model: TrainedModel, images: dict[str, torch.Tensor], features_TD: torch.Tensor
) -> dict[str, np.ndarray]:
    """Return the input of the self-test, and what PyTorch answers: clips of several lengths, the longest one last."""
    clips = [features_TD[:length].numpy() for length in LENGTHS]
    features_BTD, mask_BT = pad_left([features_TD[:length] for length in LENGTHS])
    answers = {"features": features_BTD.numpy(), "mask": mask_BT.numpy(), "probabilities": model.probabilities(clips)}
    if model.causal:
        prefixes = [features_TD[: step + 1].numpy() for step in range(len(features_TD))]
        answers["step_probabilities"] = model.probabilities(prefixes)
    return answers | {name: of_type.numpy() for name, of_type in images.items()}


def _cause(error: BaseException) -> str:
    """Return the first line of what has led to an error."""
    while error.__cause__ is not None:
        error = error.__cause__
    return (str(error).strip() or type(error).__name__).splitlines()[0]
