"""What runs the frozen CNN: torch on any device, or OpenVINO, which is several times faster on a CPU."""

from collections.abc import Callable

import numpy as np
import openvino
import torch
from torch.nn.functional import pad

from vidseq.backbones import Backbone, FrameEncoder

Engine = Callable[[torch.Tensor], np.ndarray]  # uint8 frames (N, 3, S, S) -> float16 features (N, D), any N


def choose(engine: str) -> str:
    """Resolve "auto": torch where there is an accelerator, else openvino."""
    if engine != "auto":
        return engine
    return "torch" if torch.cuda.is_available() else "openvino"


def build_engine(name: str, backbone: Backbone, batch_size: int) -> Engine:
    """Compile the backbone for an engine. A frame's features do not depend on the frames around it."""
    engine = {"torch": TorchEngine, "openvino": OpenVinoEngine}[name]
    return engine(backbone.encoder, backbone.size, batch_size)


class TorchEngine:
    """Eager float32, on the accelerator if there is one."""

    def __init__(self, encoder: FrameEncoder, size: int, batch_size: int):
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.encoder = encoder.to(self.device, memory_format=torch.channels_last)
        self.batch_size = batch_size

    @torch.inference_mode()
    def __call__(self, frames_N3SS: torch.Tensor) -> np.ndarray:
        """Run the frames in batches of one size: another size may choose another kernel, with other last bits."""
        batches = []
        for batch in frames_N3SS.split(self.batch_size):
            full = pad(batch, (0, 0, 0, 0, 0, 0, 0, self.batch_size - len(batch)))
            batches.append(self.encoder(full.to(self.device))[: len(batch)].to("cpu", torch.float16))
        return torch.cat(batches).numpy()


class OpenVinoEngine:
    """Float32 on the CPU, one frame a request, as many requests at a time as the processor has room for."""

    def __init__(self, encoder: FrameEncoder, size: int, batch_size: int):
        exported = torch.export.export(encoder, (torch.zeros(1, 3, size, size, dtype=torch.uint8),))
        hints = {"PERFORMANCE_HINT": "THROUGHPUT", "INFERENCE_PRECISION_HINT": "f32"}
        compiled = openvino.Core().compile_model(openvino.convert_model(exported), "CPU", hints)
        self.requests = openvino.AsyncInferQueue(compiled)
        self.requests.set_callback(self._store)

    def __call__(self, frames_N3SS: torch.Tensor) -> np.ndarray:
        """Run the frames; the order in which they finish does not matter."""
        features: list[np.ndarray | None] = [None] * len(frames_N3SS)
        for row, frame in enumerate(frames_N3SS.numpy()):
            self.requests.start_async({0: frame[None]}, (features, row))
        self.requests.wait_all()
        return np.stack(features)

    @staticmethod
    def _store(request: openvino.InferRequest, place: tuple[list, int]) -> None:
        features, row = place
        features[row] = request.get_output_tensor(0).data[0].astype(np.float16)
