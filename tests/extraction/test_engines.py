import ctypes
import os
import platform
import re
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from vidseq.errors import VidseqError
from vidseq.extraction import engines
from vidseq.extraction.backbone import Backbone, load_backbone
from vidseq.extraction.engines import Runtime, choose_runtime


@pytest.fixture(scope="module")
def backbone(converted) -> Backbone:
    return load_backbone("tf_efficientnet_lite0", converted)


@pytest.fixture(scope="module")
def frames() -> np.ndarray:
    blocks_N3SS = np.random.default_rng(0).integers(0, 256, (9, 3, 8, 7))
    return blocks_N3SS.repeat(28, 2).repeat(32, 3).astype(np.uint8)


def test_engines_agree_and_a_frame_does_not_depend_on_the_frames_around_it(backbone, frames):
    features = {}
    for name in ("torch", "openvino"):
        engine = backbone.engine(Runtime(name, "fp32", "cpu"), batch_size=4)
        done = dict(engine(enumerate(frames)))
        assert sorted(done) == list(range(9))
        features[name] = np.stack([done[index] for index in range(9)])
        assert features[name].shape == (9, backbone.dim)
        assert features[name].dtype == np.float16
        for index, feature_D in engine((index, frames[index]) for index in (5, 2, 3)):
            np.testing.assert_array_equal(feature_D, features[name][index])
    a, b = (features[name].astype(np.float64) for name in ("torch", "openvino"))
    cosine = (a * b).sum(1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)
    assert cosine.min() > 0.9999


def test_images_of_two_sizes_take_turns(backbone, frames):
    small = frames[:, :, ::7, ::7].repeat(5, 2).repeat(5, 3)
    for name in ("torch", "openvino"):
        engine = backbone.engine(Runtime(name, "fp32", "cpu"), batch_size=4)
        mixed = dict(engine(item for n in range(9) for item in (((n, "rgb"), frames[n]), ((n, "diff"), small[n]))))
        assert len(mixed) == 18
        alone = {kind: dict(engine(enumerate(images))) for kind, images in (("rgb", frames), ("diff", small))}
        for (n, kind), feature_D in mixed.items():
            np.testing.assert_array_equal(feature_D, alone[kind][n])


def test_features_are_yielded_before_all_frames_are_read(backbone, frames):
    for name in ("torch", "openvino"):
        taken = []
        stream = backbone.engine(Runtime(name, "fp32", "cpu"), batch_size=2)(
            taken.append(n) or (n, frames[n % 9]) for n in range(60)
        )
        next(stream)
        assert len(taken) < 40, name
        stream.close()


@pytest.mark.parametrize("name", ["torch", "openvino"])
def test_calls_that_end_early_or_take_turns_get_their_own_features_alone(backbone, frames, name):
    engine = backbone.engine(Runtime(name, "fp32", "cpu"), batch_size=2)
    expected = dict(engine(enumerate(frames)))
    stopped = engine((0, frames[n % 9]) for n in range(60))
    next(stopped)
    stopped.close()
    first, second = (engine((index, frames[index]) for index in indices) for indices in ((1, 2, 3, 4), (5, 6, 7, 8)))
    turns = [next(call) for _ in range(4) for call in (first, second)]
    assert sorted(index for index, _ in turns[::2]) == [1, 2, 3, 4]
    assert sorted(index for index, _ in turns[1::2]) == [5, 6, 7, 8]
    for index, feature_D in turns:
        np.testing.assert_array_equal(feature_D, expected[index])


def test_auto_takes_openvino_where_there_is_no_accelerator(monkeypatch):
    monkeypatch.setattr(engines, "has_cuda", lambda: False)
    assert choose_runtime("auto", "fp32") == Runtime("openvino", "fp32", "cpu")
    assert choose_runtime("torch", "fp32") == Runtime("torch", "fp32", "cpu")
    monkeypatch.setattr(engines, "has_cuda", lambda: True)
    assert choose_runtime("auto", "bf16") == Runtime("torch", "bf16", "cuda")
    assert choose_runtime("openvino", "fp32") == Runtime("openvino", "fp32", "cpu")


def test_bf16_is_refused_where_it_would_be_something_else(monkeypatch):
    monkeypatch.setattr(engines, "has_cuda", lambda: False)
    able = ["FP32", "INT8"]
    monkeypatch.setattr(engines, "_core", lambda: SimpleNamespace(get_property=lambda *_: able))
    with pytest.raises(VidseqError, match=r"this processor cannot \(FP32, INT8\): use fp32"):
        choose_runtime("auto", "bf16")
    with pytest.raises(VidseqError, match="slower in bf16"):
        choose_runtime("torch", "bf16")
    able.append("BF16")
    assert choose_runtime("auto", "bf16") == Runtime("openvino", "bf16", "cpu")


def test_int8_is_refused_where_it_cannot_be_had(monkeypatch):
    monkeypatch.setattr(engines, "has_cuda", lambda: True)
    with pytest.raises(VidseqError, match="torch cannot: set"):
        choose_runtime("auto", "int8")
    monkeypatch.setattr(engines, "find_spec", lambda name: None)
    with pytest.raises(VidseqError, match=r"needs NNCF: install vidseq\[int8\], or use fp32"):
        choose_runtime("openvino", "int8")


def test_int8_names_the_instruction_set(monkeypatch):
    monkeypatch.setattr(engines, "has_cuda", lambda: False)
    monkeypatch.setattr(engines, "find_spec", lambda name: object())
    runtime = choose_runtime("openvino", "int8")
    assert re.search(r"_I8(, saturating)?$", runtime.kernel)
    assert str(runtime) == f"openvino, int8, cpu ({runtime.kernel})"
    assert choose_runtime("openvino", "fp32").kernel is None


@pytest.mark.skipif(platform.machine() != "x86_64", reason="these are instruction sets of x86")
def test_an_older_instruction_set_is_named_and_that_it_saturates():
    code = "from vidseq.extraction.engines import int8_kernel; print(int8_kernel())"
    env = os.environ | {"ONEDNN_MAX_CPU_ISA": "AVX2"}
    kernel = subprocess.check_output([sys.executable, "-c", code], env=env, text=True).strip()
    assert kernel == "jit_avx2_I8, saturating"


@pytest.mark.parametrize(("devices", "expected"), [(0, False), (2, True)])
def test_the_driver_is_asked_for_devices(monkeypatch, tmp_path, devices, expected):
    (tmp_path / "lib").mkdir()
    monkeypatch.setattr(engines, "find_spec", lambda _: SimpleNamespace(origin=str(tmp_path / "__init__.py")))

    def count(pointer):
        pointer._obj.value = devices
        return 0

    driver = SimpleNamespace(cuInit=lambda _: 0, cuDeviceGetCount=count)
    monkeypatch.setattr(ctypes, "CDLL", lambda _: driver)
    assert not engines.has_cuda()  # a torch without CUDA
    (tmp_path / "lib" / "libtorch_cuda.so").touch()
    assert engines.has_cuda() is expected


def test_the_choice_needs_no_torch():
    code = """
import sys
from vidseq.extraction.engines import choose_runtime
choose_runtime("auto", "fp32")
sys.exit("torch" in sys.modules)
"""
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
