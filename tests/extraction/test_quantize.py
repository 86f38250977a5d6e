import shutil

import numpy as np

from vidseq.extraction import quantize
from vidseq.extraction.backbone import load_backbone
from vidseq.extraction.encoder import PACKAGED
from vidseq.extraction.engines import choose_runtime
from vidseq.extraction.quantize import calibration_images

SIZE = 64


def test_the_images_are_frames_and_what_moved_in_them_the_same_each_time(monkeypatch):
    monkeypatch.setattr(quantize, "SCENES", 5)
    images_NKSS = np.stack(list(calibration_images(SIZE)))
    assert (images_NKSS.shape, images_NKSS.dtype) == ((10, 3, SIZE, SIZE), np.uint8)
    np.testing.assert_array_equal(images_NKSS, np.stack(list(calibration_images(SIZE))))
    frames, diffs = images_NKSS[::2].astype(float), images_NKSS[1::2].astype(float)
    assert frames.std((1, 2, 3)).min() > 20  # no image is flat
    assert np.median(diffs) < 5  # most of a scene stands still
    assert (diffs > 30).mean((1, 2, 3)).max() > 0.02  # and something moves


def test_int8_features_are_close_to_those_of_fp32(converted, tmp_path, monkeypatch):
    monkeypatch.setattr(quantize, "SCENES", 12)
    frames, diffs = (list(calibration_images(SIZE))[kind::2] for kind in (0, 1))
    monkeypatch.setattr(quantize, "SCENES", 8)  # the last four are new to it
    shutil.copytree(converted, tmp_path / "models")
    backbone = load_backbone(PACKAGED, tmp_path / "models")
    for images in (frames[8:], diffs[8:]):
        fp32, int8 = (
            dict(backbone.engine(choose_runtime("openvino", precision), 1)(enumerate(images)))
            for precision in ("fp32", "int8")
        )
        for index in range(4):
            a_D, b_D = fp32[index].astype(float), int8[index].astype(float)
            assert 0.97 < a_D @ b_D / np.linalg.norm(a_D) / np.linalg.norm(b_D) < 0.99999
