"""How long extraction takes on this machine, measured on a few clips."""

import time

import numpy as np

from vidseq.errors import VideoError
from vidseq.extraction.backbone import Backbone
from vidseq.extraction.encode import Job, encode_clips
from vidseq.extraction.engines import Runtime


def measure_extraction(
    jobs: list[Job], backbone: Backbone, runtime: Runtime, batch_size: int
) -> tuple[float, list[np.ndarray]]:
    """Encode the clips twice, the second time by the clock; returns the s per step and the features (T, D) of each.

    The first time is for what happens once, such as converting the CNN.
    """
    engine = backbone.engine(runtime, batch_size)

    def encode() -> list[np.ndarray]:
        results = [result for _, result in encode_clips(jobs, backbone.transform, engine)]
        return [result for result in results if not isinstance(result, VideoError)]

    encode()
    start = time.perf_counter()
    features = encode()
    return (time.perf_counter() - start) / sum(map(len, features)), features
