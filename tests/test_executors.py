import sys
from pathlib import Path

import pytest

from vidseq.cache import FeatureCache
from vidseq.engines import Runtime
from vidseq.errors import VidseqError
from vidseq.executors import EXECUTORS
from vidseq.extraction import Job
from vidseq.frozen import FrozenCnn


def test_without_ray_its_executor_ends_in_one_line(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    frozen = FrozenCnn("any", 1, tmp_path, {})
    jobs = [Job("a", Path("a.avi"), [0.0], "00")]
    with pytest.raises(VidseqError, match=r"needs Ray: install vidseq\[ray\], or set local"):
        list(EXECUTORS["ray"](jobs, frozen, Runtime("openvino", "fp32", "cpu"), 1, FeatureCache(tmp_path)))
