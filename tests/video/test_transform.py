import av
import numpy as np
import pytest
from PIL import Image

from vidseq.errors import VidseqError
from vidseq.video.read import read_frames
from vidseq.video.transform import FrameTransform, read_inputs
from vidseq.video.write import write_video


@pytest.mark.parametrize(
    ("size", "transform"),
    [
        ((320, 240), FrameTransform(256, 224, "bicubic")),
        ((240, 426), FrameTransform(256, 224, "bicubic")),
        ((1280, 720), FrameTransform(256, 224, "bicubic")),
        ((64, 48), FrameTransform(48, 48, "bicubic")),
        ((320, 240), FrameTransform(248, 224, "bilinear")),
        ((640, 360), FrameTransform(235, 224, "lanczos")),
    ],
)
def test_inputs_are_resized_and_cropped_as_pillow_does(tmp_path, size, transform):
    blocks = np.random.default_rng(0).integers(0, 256, (size[1] // 8 + 1, size[0] // 8 + 1, 3)).astype(np.uint8)
    image = np.asarray(Image.fromarray(blocks).resize(size, Image.Resampling.BICUBIC))
    write_video(tmp_path / "a.avi", [image] * 3, 25)
    (frame_HW3,) = read_frames(tmp_path / "a.avi", [0.04])
    (ours_3SS,) = read_inputs(tmp_path / "a.avi", [0.04], transform)
    wide, high = (int(transform.short * side / min(size)) for side in size)
    theirs = Image.fromarray(frame_HW3).resize((wide, high), Image.Resampling[transform.interpolation.upper()])
    left, top = round((wide - transform.size) / 2), round((high - transform.size) / 2)
    theirs_SS3 = np.asarray(theirs.crop((left, top, left + transform.size, top + transform.size)))
    assert ours_3SS.shape == (3, transform.size, transform.size)
    difference = np.abs(ours_3SS.transpose(1, 2, 0).astype(int) - theirs_SS3)
    assert difference.max() <= 3
    assert difference.mean() < 0.05


@pytest.mark.parametrize("tags", [(2, 0), (1, 1), (1, 2), (9, 1)])  # colours and range as FFmpeg counts them
def test_inputs_have_the_colours_of_the_frames(tmp_path, tags):
    if "libx264" not in av.codecs_available:
        pytest.skip("no libx264 here")
    blocks = np.random.default_rng(0).integers(0, 256, (16, 16, 3)).repeat(14, 0).repeat(14, 1).astype(np.uint8)
    with av.open(str(tmp_path / "a.mp4"), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 224, 224, "yuv420p"
        stream.codec_context.colorspace, stream.codec_context.color_range = tags
        container.mux(stream.encode(av.VideoFrame.from_ndarray(blocks, format="rgb24")))
        container.mux(stream.encode())
    (frame_HW3,) = read_frames(tmp_path / "a.mp4", [0.0])
    (input_3SS,) = read_inputs(tmp_path / "a.mp4", [0.0], FrameTransform(224, 224, "bicubic"))
    assert np.abs(input_3SS.transpose(1, 2, 0).astype(int) - frame_HW3).max() <= 2


def test_an_input_is_repeated_where_its_frame_is(make_video):
    inputs = list(read_inputs(make_video(), [0.0, 0.4, 0.4, 0.8], FrameTransform(48, 48, "bicubic")))
    assert [round(float(frame.mean()) / 4) for frame in inputs] == [0, 10, 10, 20]


def test_an_unknown_interpolation_is_named(make_video):
    with pytest.raises(VidseqError, match="no resizing by 'random' here, only bicubic"):
        list(read_inputs(make_video(), [0.0], FrameTransform(48, 48, "random")))
