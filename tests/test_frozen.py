import subprocess
import sys
from pathlib import Path

import pytest

from vidseq import backbones
from vidseq.engines import Runtime
from vidseq.frozen import load_frozen

OPENVINO = Runtime("openvino", "fp32", "cpu")


@pytest.fixture(scope="module")
def kept(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    load_frozen(backbones.PACKAGED, 1, folder).convert()
    return folder


def test_the_second_time_needs_no_torch(kept):
    code = f"""
import sys
from pathlib import Path
import numpy as np
from vidseq.engines import Runtime
from vidseq.frozen import load_frozen
frozen = load_frozen({backbones.PACKAGED!r}, 1, Path({str(kept)!r}))
engine = frozen.engine(Runtime("openvino", "fp32", "cpu"), 4)
((tag, feature_D),) = engine([("a", np.zeros((3, 224, 224), np.uint8))])
print(tag, len(feature_D), "torch" in sys.modules)
"""
    assert subprocess.check_output([sys.executable, "-c", code], text=True).split() == ["a", "1280", "False"]


def test_identity_says_what_computes(kept):
    frozen = load_frozen(backbones.PACKAGED, 1, kept)
    assert frozen.dim == 1280
    identity = frozen.identity(OPENVINO, 0.25)
    assert identity["engine"] == "openvino"
    assert identity["precision"] == "fp32"
    assert len(identity["weights"]) == 64
    assert identity != frozen.identity(Runtime("openvino", "bf16", "cpu"), 0.25)
    assert identity != frozen.identity(OPENVINO, None)


def test_each_grid_and_version_is_kept_for_itself(kept, monkeypatch):
    one = load_frozen(backbones.PACKAGED, 1, kept)
    assert load_frozen(backbones.PACKAGED, 2, kept).folder != one.folder
    monkeypatch.setattr("vidseq.frozen.version", lambda package: "0")
    assert load_frozen(backbones.PACKAGED, 1, kept).folder != one.folder


def test_what_cannot_be_made_ready_leaves_nothing_behind(tmp_path, monkeypatch):
    def fail(*_):
        raise RuntimeError

    monkeypatch.setattr(backbones, "load_encoder", fail)
    with pytest.raises(RuntimeError):
        load_frozen(backbones.PACKAGED, 1, tmp_path)
    assert not list(tmp_path.iterdir())
