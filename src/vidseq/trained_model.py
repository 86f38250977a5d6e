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


@dataclass(frozen=True)
class TrainedModel:
    """A head with its weights and `card`: head, classes, feature_dim, settings, frames, backbone, versions."""

    head: nn.Module
    card: dict

    @property
    def classes(self) -> list[str]:
        """The names of the classes, in the order of the logits."""
        return self.card["classes"]

    @torch.inference_mode()
    def probabilities(self, sequences: list[torch.Tensor], batch_size: int = 256) -> torch.Tensor:
        """Return the class probabilities (N, C) of series of features (T_i, D), on the CPU."""
        head = self.head.eval().cpu()
        parts = [sequences[start : start + batch_size] for start in range(0, len(sequences), batch_size)]
        return torch.cat([head(*pad_left(part)).softmax(1) for part in parts])

    def save(self, folder: Path) -> None:
        """Write the model into an existing empty folder."""
        state = {name: tensor.contiguous() for name, tensor in self.head.state_dict().items()}
        save_file(state, folder / "model.safetensors")
        write_json(folder / "model.json", self.card)


def load_model(folder: Path) -> TrainedModel:
    """Read a trained model. Raises VidseqError if the folder does not hold one."""
    try:
        card = read_json(folder / "model.json")
        state = load_file(folder / "model.safetensors")
    except FileNotFoundError as error:
        raise VidseqError(f"{folder} holds no trained model ({Path(error.filename or '').name} is missing)") from error
    head = build_head(card["head"], card["feature_dim"], len(card["classes"]), card["settings"])
    head.load_state_dict(state)
    return TrainedModel(head, card)
