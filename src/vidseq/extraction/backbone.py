"""The frozen CNN, prepared once and cached on disk: reading its data config, or running it, then needs no torch."""

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from vidseq.extraction.encode import Diff, image_types
from vidseq.extraction.engines import Engine, OpenVinoEngine, Runtime, TorchEngine
from vidseq.extraction.fingerprint import fingerprint
from vidseq.extraction.quantize import quantize
from vidseq.files import read_json, write_json, write_once
from vidseq.video.transform import FrameTransform

if TYPE_CHECKING:
    import openvino


@dataclass(frozen=True)
class Backbone:
    """A backbone's `data_config` (see `encoder.load_encoder`), and the `folder` that holds it and the converted CNN."""

    name: str
    folder: Path
    data_config: dict = field(hash=False)

    @property
    def dim(self) -> int:
        """The width of a feature vector."""
        return self.data_config["dim"]

    @property
    def transform(self) -> FrameTransform:
        """The transform of its frames."""
        return FrameTransform(*(self.data_config[key] for key in ("short", "size", "interpolation")))

    def feature_config(self, runtime: Runtime, diff: Diff | None) -> dict:
        """Return what the features of a step depend on; `diff` is that of a job."""
        images = {"diff": diff and diff._asdict(), "image_types": image_types(diff)}
        return self.data_config["feature_config"] | vars(runtime) | images

    def engine(self, runtime: Runtime, batch_size: int) -> Engine:
        """Build what runs it; `batch_size` is that of torch."""
        if runtime.engine == "openvino":
            return OpenVinoEngine(self.convert, runtime)
        from vidseq.extraction.encoder import load_encoder

        return TorchEngine(load_encoder(self.name)[0], runtime, batch_size)

    def convert(self, size: int, precision: str) -> Path:
        """Return the file of the CNN for images of `size`, as OpenVINO reads it; converted if not there yet.

        Its weights are int8 if that is the `precision`, else float32, which OpenVINO itself turns into bf16.

        Raises VidseqError if the CNN cannot take images of that size.
        """
        int8 = precision == "int8"
        folder = self.folder / f"openvino-{size}{'-int8' if int8 else ''}"
        if not folder.exists():
            import openvino

            model = quantize(self.convert(size, "fp32"), size) if int8 else self._export(size)
            with write_once(folder) as tmp:
                openvino.save_model(model, tmp / "model.xml", compress_to_fp16=False)
        return folder / "model.xml"

    def _export(self, size: int) -> "openvino.Model":
        import openvino
        import torch

        from vidseq.extraction.encoder import load_encoder

        encoder, _ = load_encoder(self.name)
        encoder.check_size(self.name, size)
        image_13SS = torch.zeros(1, 3, size, size, dtype=torch.uint8)
        exported = torch.export.export(encoder, (image_13SS,))
        return openvino.convert_model(exported, input=list(image_13SS.shape))  # else OpenVINO leaves the size open


def load_backbone(name: str, cache_dir: Path) -> Backbone:
    """Return a backbone from `cache_dir`, prepared there if it is not yet. Errors as `encoder.load_encoder`."""
    depends = [name, fingerprint(__name__)]
    digest = hashlib.sha256(json.dumps(depends, sort_keys=True).encode()).hexdigest()
    folder = cache_dir / f"{name.replace('/', '_')}-{digest[:16]}"
    if not folder.exists():
        from vidseq.extraction.encoder import load_encoder

        _, data_config = load_encoder(name)
        with write_once(folder) as tmp:
            write_json(tmp / "data_config.json", data_config)
    return Backbone(name, folder.absolute(), read_json(folder / "data_config.json"))
