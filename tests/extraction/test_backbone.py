import subprocess
import sys
from pathlib import Path

import pytest

from vidseq.errors import VidseqError
from vidseq.extraction import backbone as backbones
from vidseq.extraction import encoder
from vidseq.extraction.backbone import Backbone, load_backbone
from vidseq.extraction.encode import Diff
from vidseq.extraction.encoder import PACKAGED
from vidseq.extraction.engines import Runtime

OPENVINO = Runtime("openvino", "fp32", "cpu")


@pytest.fixture(scope="module")
def backbone(converted) -> Backbone:
    return load_backbone(PACKAGED, converted)


def test_the_second_time_needs_no_torch(converted):
    code = f"""
import sys
from pathlib import Path
import numpy as np
from vidseq.extraction.backbone import load_backbone
from vidseq.extraction.engines import Runtime
backbone = load_backbone({PACKAGED!r}, Path({str(converted)!r}))
engine = backbone.engine(Runtime("openvino", "fp32", "cpu"), 4)
((tag, feature_D),) = engine([("a", np.zeros((3, 224, 224), np.uint8))])
print(tag, len(feature_D), "torch" in sys.modules)
"""
    assert subprocess.check_output([sys.executable, "-c", code], text=True).split() == ["a", "1280", "False"]


def test_the_feature_config_says_what_computes(backbone):
    assert backbone.dim == 1280
    config = backbone.feature_config(OPENVINO, Diff(0.25, 160))
    assert (config["engine"], config["precision"], config["device"]) == ("openvino", "fp32", "cpu")
    assert config["name"] == PACKAGED
    assert (config["diff"], config["image_types"]) == ({"seconds": 0.25, "size": 160}, ["rgb", "diff"])
    assert len(config["weights"]) == 64
    assert config != backbone.feature_config(Runtime("openvino", "bf16", "cpu"), Diff(0.25, 160))
    assert config != backbone.feature_config(OPENVINO, None)


def test_the_transform_is_that_of_the_data_config(backbone):
    assert (backbone.transform.short, backbone.transform.size) == (256, 224)
    assert backbone.transform.interpolation == "bicubic"


def test_each_name_and_code_has_a_folder_of_its_own(tmp_path, monkeypatch):
    monkeypatch.setattr(encoder, "load_encoder", lambda name: (None, {"dim": 7}))
    folders = [load_backbone(name, tmp_path).folder for name in ("a/b", "c")]
    monkeypatch.setattr(backbones, "fingerprint", lambda *modules: {"code": "another", "torch": "0"})
    folders.append(load_backbone("a/b", tmp_path).folder)
    assert len(set(folders)) == 3
    assert sorted(tmp_path.iterdir()) == sorted(folders)
    assert all(path.is_absolute() for path in folders)


def test_a_backbone_is_prepared_once(tmp_path, monkeypatch):
    loaded = []
    monkeypatch.setattr(encoder, "load_encoder", lambda *arguments: loaded.append(arguments) or (None, {"dim": 7}))
    assert [load_backbone("any", tmp_path).dim for _ in range(2)] == [7, 7]
    assert loaded == [("any",)]


def test_what_cannot_be_prepared_leaves_nothing_behind(tmp_path, monkeypatch):
    def fail(*_):
        raise RuntimeError

    monkeypatch.setattr(encoder, "load_encoder", fail)
    with pytest.raises(RuntimeError):
        load_backbone(PACKAGED, tmp_path)
    with pytest.raises(RuntimeError):
        Backbone(PACKAGED, tmp_path, {}).convert(224, "fp32")
    assert not list(tmp_path.iterdir())


def test_an_unknown_backbone_leaves_nothing_behind(tmp_path):
    with pytest.raises(VidseqError, match="timm has no model"):
        load_backbone("efficientnet_lit0", Path(tmp_path))
    assert not list(tmp_path.iterdir())
