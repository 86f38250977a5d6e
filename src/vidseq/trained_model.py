"""A trained model is one folder with all that prediction needs: model.safetensors and model.json."""

from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import nn

from vidseq.errors import VidseqError
from vidseq.files import read_json, write_json
from vidseq.heads import build_head
from vidseq.sequences import pad_left
from vidseq.streams import Streams


@dataclass(frozen=True)
class TrainedModel:
    """Streams and a head with their weights, and `card`: head, classes, feature_dim, settings, frames, backbone."""

    streams: Streams
    head: nn.Module
    card: dict

    @property
    def classes(self) -> list[str]:
        """The names of the classes, in the order of the logits."""
        return self.card["classes"]

    @torch.inference_mode()
    def probabilities(self, sequences: list[torch.Tensor], batch_size: int = 256) -> torch.Tensor:
        """Return the class probabilities (N, C) of series of features (T_i, D), on the CPU."""
        if not sequences:
            return torch.zeros(0, len(self.classes))
        head = self.head.eval().cpu()
        shown = [self.streams(x_TD) for x_TD in sequences]
        parts = [shown[start : start + batch_size] for start in range(0, len(shown), batch_size)]
        return torch.cat([head(*pad_left(part)).softmax(1) for part in parts])

    def save(self, folder: Path) -> None:
        """Write the model into an existing empty folder."""
        modules = nn.ModuleDict({"streams": self.streams, "head": self.head})
        save_file(
            {name: tensor.contiguous() for name, tensor in modules.state_dict().items()}, folder / "model.safetensors"
        )
        write_json(folder / "model.json", self.card)


def load_model(folder: Path) -> TrainedModel:
    """Read a trained model. Raises VidseqError if the folder does not hold one."""
    try:
        card = read_json(folder / "model.json")
        state = load_file(folder / "model.safetensors")
    except FileNotFoundError as error:
        raise VidseqError(f"{folder} holds no trained model ({Path(error.filename or '').name} is missing)") from error
    streams = build_streams(card)
    head = build_head(card["head"], streams.dim, len(card["classes"]), card["settings"])
    nn.ModuleDict({"streams": streams, "head": head}).load_state_dict(state)
    return TrainedModel(streams, head, card)


def build_streams(card: dict) -> Streams:
    """Build the streams, yet to be fitted, that a model card asks for."""
    return Streams(card["feature_dim"], card["backbone"]["images"], **card["settings"]["streams"])
