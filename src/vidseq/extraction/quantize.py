"""The CNN in int8: NNCF calibrates it on images drawn here, so that no clip's features depend on another clip."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from vidseq.extraction.encode import difference_image

if TYPE_CHECKING:
    import openvino

SCENES = 60  # each with a frame and a difference image
LEAVES = 60  # per scene
FLOAT_LAYERS = 3  # the first convolutions: in int8, theirs is most of the error


def quantize(fp32: Path, size: int) -> "openvino.Model":
    """Return a converted CNN, whose file is `fp32`, in int8, for images of `size`.

    One range per tensor: a range per channel would need images that excite each channel, which takes real clips.
    """
    import logging

    import nncf
    import openvino
    from nncf.quantization.advanced_parameters import QuantizationParameters

    nncf.set_log_level(logging.ERROR)
    model = openvino.Core().read_model(fp32)
    convolutions = [op.get_friendly_name() for op in model.get_ordered_ops() if "Convolution" in op.get_type_name()]
    images = [image_3SS[None] for image_3SS in calibration_images(size)]
    return nncf.quantize(
        model,
        nncf.Dataset(images),
        subset_size=len(images),
        ignored_scope=nncf.IgnoredScope(names=convolutions[:FLOAT_LAYERS]),
        advanced_parameters=nncf.AdvancedQuantizationParameters(
            activations_quantization_params=QuantizationParameters(per_channel=False)
        ),
    )


def calibration_images(size: int) -> Iterator[np.ndarray]:
    """Yield RGB uint8 images (3, size, size), the same everywhere: drawn frames, and difference images of them."""
    rng = np.random.default_rng(0)
    for _ in range(SCENES):
        now_3SS, before_3SS = _scene(rng, size)
        yield now_3SS
        yield difference_image(now_3SS, before_3SS, size)


def _scene(rng: np.random.Generator, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw one scene twice, some of its parts moved in between.

    The dead leaves of Lee, Mumford and Huang (2001), which have the statistics of photographs: discs that cover one
    another, with radii of density r^-3 and random colours, here with 1/f noise on them.
    """
    noise_3SS = _pink_noise(rng, size)
    brightness, contrast = rng.uniform(60, 190), rng.uniform(20, 60)
    now_3SS = brightness + contrast * noise_3SS
    before_3SS = now_3SS.copy()
    y_SS, x_SS = np.mgrid[:size, :size]
    for radius in 0.03 * size * rng.uniform(size=LEAVES) ** -0.5:
        leaf_3SS = rng.normal(brightness, 45, (3, 1, 1)) + rng.uniform(0, 30) * noise_3SS
        y, x = rng.uniform(0, size, 2)
        moved_y, moved_x = (y, x) + rng.normal(0, 0.03 * size, 2) * (rng.random() < 0.2)
        for image_3SS, top, left in ((now_3SS, y, x), (before_3SS, moved_y, moved_x)):
            np.copyto(image_3SS, leaf_3SS, where=(y_SS - top) ** 2 + (x_SS - left) ** 2 < radius**2)
    now_3SS += rng.normal(0, 1.5, now_3SS.shape)
    before_3SS += rng.normal(0, 1.5, before_3SS.shape)
    return now_3SS.clip(0, 255).astype(np.uint8), before_3SS.clip(0, 255).astype(np.uint8)


def _pink_noise(rng: np.random.Generator, size: int) -> np.ndarray:
    """Draw 1/f noise (3, size, size) of unit deviation, its colours correlated as in photographs."""
    frequency_SF = np.hypot(np.fft.fftfreq(size)[:, None], np.fft.rfftfreq(size))
    frequency_SF[0, 0] = np.inf
    spectrum_3SF = np.fft.rfft2(rng.normal(size=(3, size, size))) / frequency_SF ** rng.uniform(0.8, 1.6)
    noise_3SS = np.fft.irfft2(spectrum_3SF, (size, size))
    mixed_3SS = np.tensordot(rng.normal(0.6, 0.35, (3, 3)), noise_3SS / noise_3SS.std((1, 2), keepdims=True), 1)
    return mixed_3SS / mixed_3SS.std()
