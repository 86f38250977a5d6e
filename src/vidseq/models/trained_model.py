"""A trained model is one folder with all that prediction needs: model.safetensors and model.json."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from vidseq.errors import VidseqError
from vidseq.files import read_json, write_json
from vidseq.models import build_head
from vidseq.models.config import check_config
from vidseq.models.ensemble import Ensemble
from vidseq.models.layers import one_thread, pad_left
from vidseq.models.pooling import PoolingHead
from vidseq.models.preprocessing import Preprocessing, to_tensor
from vidseq.models.stream import CausalStream, SlidingWindow, Stream
from vidseq.models.thresholds import probabilities

FORMAT = 5  # of the folder; raised when what is in it changes
BATCH_SIZE = 256  # clips in memory at a time


@dataclass(frozen=True)
class TrainedModel:
    """Preprocessing and a head with their weights, and `config`.

    Its keys are head, ensemble (its members), classes, feature_dim, median_steps (of the training clips), settings (of
    preprocessing, head and training), frames, features (what they were computed by: `Backbone.feature_config`) and
    versions.
    """

    preprocessing: nn.Module
    head: nn.Module
    config: dict

    @property
    def classes(self) -> list[str]:
        """The names of the classes, in the order of the logits."""
        return self.config["classes"]

    def probabilities(self, features: Iterable[np.ndarray]) -> np.ndarray:
        """Return the class probabilities, float64 (N, C), of clips' features, float16 or float32 (T_i, D)."""
        return probabilities(self.logits(features))

    @one_thread()
    @torch.inference_mode()
    def logits(self, features: Iterable[np.ndarray]) -> np.ndarray:
        """Return the logits, float32 (N, C), of clips' features (T_i, D), which are read a batch at a time."""
        head, logits = self.head.eval().cpu(), [torch.zeros(0, len(self.classes))]
        logits += [head(*pad_left(batch)) for batch in self.batches_of_inputs(features)]
        return torch.cat(logits).numpy()

    def batches_of_inputs(self, features: Iterable[np.ndarray]) -> Iterator[list[torch.Tensor]]:
        """Yield the inputs of the head (T_i, dim) for clips' features (T_i, D), at most BATCH_SIZE clips at a time."""
        inputs = (self.preprocessing(to_tensor(x_TD)) for x_TD in features)
        while batch := list(islice(inputs, BATCH_SIZE)):
            yield batch

    @property
    def causal(self) -> bool:
        """Whether what it says of the first part of a clip is found on the way to what it says of the whole."""
        return getattr(self.head, "causal", False)

    def stream(self, window: int | None = None) -> Stream:
        """Begin a stream, which answers step by step, of at most the last `window` steps.

        A causal model carries its state, and an answer is of half to the whole of its window; any other reads the
        window anew. By default it is as long as the median clip of training. Raises ValueError for a window without
        steps, and for one that is not even, if the model is causal.
        """
        window = self.window if window is None else window
        if self.causal:
            return CausalStream(self.preprocessing, self.head, window)
        return SlidingWindow(self.probabilities, window)

    @property
    def window(self) -> int:
        """The length of the median clip of training, in steps, rounded up to an even number."""
        return self.config["median_steps"] + self.config["median_steps"] % 2

    def save(self, folder: Path) -> None:
        """Write the model into an existing empty folder."""
        modules = nn.ModuleDict({"preprocessing": self.preprocessing, "head": self.head})
        save_file(
            {name: tensor.contiguous() for name, tensor in modules.state_dict().items()}, folder / "model.safetensors"
        )
        write_json(folder / "model.json", {"format": FORMAT} | self.config)


def read_config(folder: Path) -> dict:
    """Read a trained model's config, without its weights. Raises VidseqError if the folder holds no model to read."""
    try:
        config = read_json(folder / "model.json")
    except FileNotFoundError as error:
        raise VidseqError(f"{folder} holds no trained model (model.json is missing)") from error
    except OSError as error:
        raise VidseqError(f"{folder} holds no trained model (model.json: {error.strerror})") from error
    except (ValueError, RecursionError) as error:
        raise VidseqError(f"{folder / 'model.json'} is not valid JSON: {error}") from error
    found = config.get("format") if isinstance(config, dict) else None
    if found != FORMAT:
        raise VidseqError(
            f"{folder} holds a model of format {found}, but this version reads format {FORMAT}: train it again"
        )
    try:
        check_config(config)
    except VidseqError as error:
        raise VidseqError(f"{folder / 'model.json'} describes no model: {error}") from error
    return config


def load_model(folder: Path) -> TrainedModel:
    """Read a trained model. Raises VidseqError if the folder does not hold one."""
    config = read_config(folder)
    try:
        state = load_file(folder / "model.safetensors")
    except FileNotFoundError as error:
        raise VidseqError(f"{folder} holds no trained model (model.safetensors is missing)") from error
    except (SafetensorError, OSError) as error:
        raise VidseqError(f"{folder / 'model.safetensors'} cannot be read: {error}") from error
    try:
        preprocessing, head = build_modules(config)
        nn.ModuleDict({"preprocessing": preprocessing, "head": head}).load_state_dict(state)
    except RuntimeError as error:  # torch lists every tensor, or has no memory for sizes that no weights have
        raise VidseqError(f"{folder}: model.safetensors is not of the model that model.json describes") from error
    return TrainedModel(preprocessing, head, config)


def build_modules(config: dict) -> tuple[nn.Module, nn.Module]:
    """Build the preprocessing and the head, not trained yet, that a model's config asks for."""
    classes, settings = len(config["classes"]), config["settings"]
    if config["head"] == "pooling":
        return nn.Identity(), PoolingHead(config["feature_dim"], classes, **settings["pooling"])
    preprocessing = build_preprocessing(config)
    members = (build_head(config["head"], preprocessing.dim, classes, settings) for _ in range(config["ensemble"]))
    return preprocessing, Ensemble(members)


def build_preprocessing(config: dict) -> Preprocessing:
    """Build the preprocessing of an RNN or Transformer, not fitted yet, that a model's config asks for."""
    return Preprocessing(
        config["feature_dim"], config["features"]["image_types"], **config["settings"]["preprocessing"]
    )
