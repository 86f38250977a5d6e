"""What runs the frozen CNN: torch on an accelerator or the CPU, or OpenVINO, which is several times faster on a CPU.

An engine maps tagged images, uint8 (3, S, S) of any sizes S, to tagged features, float16 (D,), in any order and without
a pause between clips. An image's features do not depend on the images around it.
"""

import ctypes
import os
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from vidseq.errors import VidseqError

if TYPE_CHECKING:
    import openvino
    import torch

    from vidseq.extraction.encoder import FrameEncoder

Tagged = tuple[Any, np.ndarray]
Engine = Callable[[Iterable[Tagged]], Iterator[Tagged]]


@dataclass(frozen=True)
class Runtime:
    """What computes the features, as recorded with all that is made of them."""

    engine: str  # torch | openvino
    precision: str  # fp32 | bf16 | int8
    device: str  # cuda | cpu
    kernel: str | None = None  # of int8 convolutions, which names the instruction set: other ones, other results

    def __str__(self) -> str:
        return f"{self.engine}, {self.precision}, {self.device}" + (f" ({self.kernel})" if self.kernel else "")


def choose_runtime(engine: str, precision: str) -> Runtime:
    """Resolve "auto": torch where there is an accelerator, else openvino. Needs no torch.

    Raises VidseqError if the precision is not to be had here, rather than compute something else in silence.
    """
    cuda = has_cuda()
    if engine == "auto":
        engine = "torch" if cuda else "openvino"
    runtime = Runtime(engine, precision, "cuda" if engine == "torch" and cuda else "cpu")
    if precision == "bf16" and runtime.device == "cpu":
        if engine == "torch":
            raise VidseqError("features.precision=bf16: torch on a CPU is slower in bf16 than in fp32: use fp32")
        if "BF16" not in (able := _core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")):
            raise VidseqError(f"features.precision=bf16: this processor cannot ({', '.join(able)}): use fp32")
    if precision == "int8":
        if engine == "torch":
            raise VidseqError("features.precision=int8: torch cannot: set features.engine=openvino, or use fp32")
        if find_spec("nncf") is None:
            raise VidseqError("features.precision=int8 needs NNCF: install vidseq[int8], or use fp32")
        return replace(runtime, kernel=int8_kernel())
    return runtime


def int8_kernel() -> str:
    """Return what runs an int8 convolution here, as OpenVINO names it, such as brgconv_avx512_amx_I8.

    Without VNNI the instructions saturate: that shows in a result, not in the name, and is added to it.
    """
    from openvino import Model, opset13

    image = opset13.parameter([1, 64, 16, 16], np.float32)
    low, high = np.float32(0), np.float32(255)
    uint8 = opset13.fake_quantize(image, low, high, low, high, 256)
    weight = opset13.convert(opset13.constant(np.full((64, 64, 3, 3), 127, np.int8)), "f32")
    scaled = opset13.multiply(weight, np.float32(1))
    convolution = opset13.convolution(uint8, scaled, [1, 1], [0, 0], [0, 0], [1, 1])
    compiled = _core().compile_model(Model([convolution], [image]), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    infos = [operation.get_rt_info() for operation in compiled.get_runtime_model().get_ops()]
    (kernel,) = (info["primitiveType"].astype(str) for info in infos if info["layerType"].astype(str) == "Convolution")
    largest = compiled(np.full((1, 64, 16, 16), 255, np.float32))[0].max()
    return kernel if largest > 0.99 * 255 * 127 * 64 * 9 else f"{kernel}, saturating"


def has_cuda() -> bool:
    """Ask NVIDIA's driver, without importing torch, for a device, and look whether torch was built to use one."""
    spec = find_spec("torch")
    assert spec is not None and spec.origin is not None  # noqa: PT018 (torch is a dependency)
    torch_libraries = Path(spec.origin).parent / "lib"
    if not any(torch_libraries.glob("*torch_cuda.*")):
        return False
    try:
        driver = ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
    except OSError:
        return False
    count = ctypes.c_int()
    return driver.cuInit(0) == 0 and driver.cuDeviceGetCount(ctypes.byref(count)) == 0 and count.value > 0


def _core() -> "openvino.Core":
    import openvino  # takes a while to import, and not every command needs it

    return openvino.Core()


def batches_by_size(images: Iterable[Tagged], batch_size: int) -> Iterator[list[Tagged]]:
    """Yield the images in batches of equal size; the last ones may hold fewer than `batch_size`."""
    waiting: dict[int, list[Tagged]] = {}
    for tag, image_3SS in images:
        batch = waiting.setdefault(image_3SS.shape[1], [])
        batch.append((tag, image_3SS))
        if len(batch) == batch_size:
            yield waiting.pop(image_3SS.shape[1])
    yield from waiting.values()


class TorchEngine:
    """Eager torch. On CUDA the copies to and fro and the next batch's decoding run beside the CNN."""

    def __init__(self, encoder: "FrameEncoder", runtime: Runtime, batch_size: int):
        import torch

        torch.backends.cudnn.allow_tf32 = False  # fp32 is to mean fp32; bf16 is the fast choice
        self.torch, self.runtime, self.batch_size = torch, runtime, batch_size
        self.cuda = runtime.device == "cuda"
        if not self.cuda:
            torch.set_num_threads(os.cpu_count() or 1)  # a CNN is large enough to share; stages set one thread
        self.encoder = encoder.to(runtime.device).to(memory_format=torch.channels_last)

    def __call__(self, frames: Iterable[Tagged]) -> Iterator[Tagged]:
        """Run the images in batches of one size, one batch ahead of what is yielded."""
        running = None
        for batch in batches_by_size(frames, self.batch_size):
            started = self._start(batch)
            if running:
                yield from self._finish(*running)
            running = started
        if running:
            yield from self._finish(*running)

    def _start(self, batch: list[Tagged]) -> tuple[list, "torch.Tensor", "torch.cuda.Event | None"]:
        torch, tags = self.torch, [tag for tag, _ in batch]
        # always a full batch: another size may choose another kernel, with other last bits
        frames_N3SS = torch.zeros(self.batch_size, *batch[0][1].shape, dtype=torch.uint8, pin_memory=self.cuda)
        np.stack([frame for _, frame in batch], out=frames_N3SS.numpy()[: len(batch)])
        bf16 = self.runtime.precision == "bf16"
        with torch.inference_mode(), torch.autocast(self.runtime.device, torch.bfloat16, enabled=bf16):
            x = frames_N3SS.to(self.runtime.device, non_blocking=True).contiguous(memory_format=torch.channels_last)
            features_ND = self.encoder(x).half()
        if not self.cuda:
            return tags, features_ND, None
        on_host = torch.empty(features_ND.shape, dtype=torch.float16, pin_memory=True)
        on_host.copy_(features_ND, non_blocking=True)
        copied = torch.cuda.Event()
        copied.record()
        return tags, on_host, copied

    @staticmethod
    def _finish(tags: list, features_ND: "torch.Tensor", copied: "torch.cuda.Event | None") -> Iterator[Tagged]:
        if copied:
            copied.synchronize()
        yield from zip(tags, features_ND.numpy(), strict=False)  # what fills up the last batch has no tag


class OpenVinoEngine:
    """The CPU, one image per request, with enough requests waiting that no core is idle.

    `convert` returns the file of the CNN for images of a size in a precision: with a fixed size, OpenVINO is faster.
    """

    def __init__(self, convert: Callable[[int, str], Path], runtime: Runtime):
        self.convert, self.runtime = convert, runtime
        self.queues: dict[int, openvino.AsyncInferQueue] = {}  # by size of the images

    def __call__(self, frames: Iterable[Tagged]) -> Iterator[Tagged]:
        """Run the images; those that are done first are yielded first."""
        done: deque[Tagged] = deque()  # of this call alone: what another one left running is not its own
        try:
            for tag, image_3SS in frames:
                self._queue(image_3SS.shape[1]).start_async({0: image_3SS[None]}, (done, tag))
                while done:
                    yield done.popleft()
        finally:
            for queue in self.queues.values():
                queue.wait_all()
        while done:
            yield done.popleft()

    def _queue(self, size: int) -> "openvino.AsyncInferQueue":
        if size not in self.queues:
            import openvino

            in_float = "bf16" if self.runtime.precision == "bf16" else "f32"  # of int8, the layers left in float
            hints = {"PERFORMANCE_HINT": "THROUGHPUT", "INFERENCE_PRECISION_HINT": in_float}
            compiled = _core().compile_model(self.convert(size, self.runtime.precision), "CPU", hints)
            queue = openvino.AsyncInferQueue(compiled, 2 * compiled.get_property("OPTIMAL_NUMBER_OF_INFER_REQUESTS"))
            queue.set_callback(_keep)
            self.queues[size] = queue
        return self.queues[size]


def _keep(request: "openvino.InferRequest", asked: tuple[deque[Tagged], Any]) -> None:
    """Put a request's features where the call that asked for them looks."""
    done, tag = asked
    done.append((tag, request.get_output_tensor(0).data[0].astype(np.float16)))
