from fractions import Fraction
from math import cos, radians, sin

import av
import numpy as np
import pytest
from ffmpeg import ffmpeg
from PIL import Image

from vidseq.errors import VideoError
from vidseq.video.display import FrameFilters, crop_filter, to_rgb, upright
from vidseq.video.read import decode_frames, read_frames
from vidseq.video.transform import FrameTransform, read_inputs


@pytest.fixture
def corners(tmp_path):
    """Write a video of 96 x 64 with a red, a green, a blue and a white quarter, to be turned as the options say."""
    image = np.zeros((64, 96, 3), np.uint8)
    image[:32, :48], image[:32, 48:] = (255, 0, 0), (0, 255, 0)
    image[32:, :48], image[32:, 48:] = (0, 0, 255), (255, 255, 255)
    Image.fromarray(image).save(tmp_path / "corners.png")
    ffmpeg(tmp_path, "-loop 1 -i corners.png -frames:v 5 -pix_fmt yuv444p -c:v libx264 -qp 0 flat.mp4")

    def make(options: str):
        ffmpeg(tmp_path, f"{options} -i flat.mp4 -c copy turned.mp4")
        return tmp_path / "turned.mp4"

    return make


def colours(image_HW3: np.ndarray) -> str:
    """Name the colours of the four quarters: above left, above right, below left, below right."""
    names = {(True, False, False): "R", (False, True, False): "G", (False, False, True): "B", (True, True, True): "W"}
    high, wide = image_HW3.shape[0] // 4, image_HW3.shape[1] // 4
    return "".join(names[tuple((image_HW3[y * high, x * wide] > 128).tolist())] for y in (1, 3) for x in (1, 3))


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ("-display_rotation:v 0", "RGBW"),
        ("-display_rotation:v 90", "GWRB"),  # against the clock
        ("-display_rotation:v 180", "WBGR"),
        ("-display_rotation:v 270", "BRWG"),
        ("-display_hflip:v", "GRWB"),
        ("-display_vflip:v", "BWRG"),
    ],
)
def test_frames_and_inputs_are_upright(corners, options, expected):
    path = corners(options)
    (image_HW3,) = read_frames(path, [0.0])
    assert image_HW3.shape == ((96, 64, 3) if "90" in options or "270" in options else (64, 96, 3))
    assert colours(image_HW3) == expected
    (input_3SS,) = read_inputs(path, [0.0], FrameTransform(32, 32, "bicubic"))
    assert colours(input_3SS.transpose(1, 2, 0)) == expected


@pytest.mark.parametrize(
    ("crop", "expected"), [([0, 0, 0.5, 0.5], "GGGG"), ([0, 0, 1, 0.5], "GWGW"), ([0.5, 0.5, 0.5, 0.5], "BBBB")]
)
def test_the_crop_is_a_part_of_the_upright_frame(corners, crop, expected):
    path = corners("-display_rotation:v 90")
    (image_HW3,) = read_frames(path, [0.0], crop)
    assert image_HW3.shape == (round(96 * crop[3]), round(64 * crop[2]), 3)
    assert colours(image_HW3) == expected
    (input_3SS,) = read_inputs(path, [0.0], FrameTransform(16, 16, "bicubic"), crop)
    assert colours(input_3SS.transpose(1, 2, 0)) == expected


def test_a_crop_has_at_least_a_pixel_and_stays_inside():
    assert crop_filter(640, 480, None) == ([], 640, 480)
    assert crop_filter(640, 480, [0.25, 0.5, 0.5, 0.5]) == ([("crop", "320:240:160:240")], 320, 240)
    assert crop_filter(7, 5, [0.999, 0.999, 0.001, 0.001]) == ([("crop", "1:1:6:4")], 1, 1)
    for begin in np.linspace(0, 0.9, 50):
        [(_, arguments)], wide, _ = crop_filter(97, 63, [begin, 0, 1 - begin, 1])
        assert wide + int(arguments.split(":")[2]) == 97


@pytest.mark.parametrize(("aspect", "size"), [("2", (192, 64)), ("1/2", (96, 128)), ("10/11", (96, 70))])
@pytest.mark.parametrize("crop", [None, [0.25, 0, 0.5, 1]])
def test_pixels_are_square(tmp_path, aspect, size, crop):
    picture = f"-f lavfi -i testsrc=s=96x64 -frames:v 3 -vf setsar={aspect} -pix_fmt yuv444p -c:v libx264 -qp 0"
    ffmpeg(tmp_path, f"{picture} a.mkv")
    (image_HW3,) = read_frames(tmp_path / "a.mkv", [0.0], crop)
    width, height = (size[0] // 2 if crop else size[0]), size[1]
    assert image_HW3.shape == (height, width, 3)
    (input_3SS,) = read_inputs(tmp_path / "a.mkv", [0.0], FrameTransform(32, 32, "bicubic"), crop)
    ((frame, _),) = decode_frames(tmp_path / "a.mkv", [0.0])
    stored_HW3 = frame.to_ndarray(format="rgb24")[:, slice(24, 72) if crop else slice(None)]
    shape = stored_HW3.shape[1] * Fraction(aspect), Fraction(64)
    wide, high = (int(32 * side / min(shape)) for side in shape)  # resized once, from the frame as it is stored
    left, top = round((wide - 32) / 2), round((high - 32) / 2)
    resized = Image.fromarray(stored_HW3).resize((wide, high), Image.Resampling.BICUBIC)
    expected_SS3 = np.asarray(resized.crop((left, top, left + 32, top + 32)))
    assert np.abs(input_3SS.transpose(1, 2, 0).astype(int) - expected_SS3).mean() < 0.1


def matrix(angle: float, flip: bool = False) -> list[int]:
    """Return the display matrix of a rotation clockwise, of a frame flipped left to right before."""
    cosine, sine = (round(65536 * of(radians(angle))) for of in (cos, sin))
    return [-cosine if flip else cosine, -sine if flip else sine, 0, -sine, cosine, 0, 0, 0, 1 << 30]


def test_angles_are_those_of_ffmpeg():
    assert upright(matrix(0)) == ([], False)
    assert upright(matrix(0.5)) == ([], False)
    assert upright(matrix(359.5)) == ([], False)
    assert upright(matrix(90)) == ([("transpose", "clock")], True)
    assert upright(matrix(-90.5)) == ([("transpose", "cclock")], True)
    assert upright(matrix(180)) == ([("hflip", ""), ("vflip", "")], False)
    [(name, arguments)], sideways = upright(matrix(30))
    assert (name, sideways) == ("rotate", False)
    assert float(arguments.removesuffix("*PI/180")) == pytest.approx(30, abs=0.01)
    assert upright([0] * 9) == ([], False)


def test_a_frame_that_cannot_be_filtered_is_a_bad_clip():
    filters = FrameFilters(lambda *_: [("crop", "999:999")])
    with pytest.raises(VideoError, match="a frame of 64 x 48 cannot be converted"):
        filters(av.VideoFrame(64, 48, "yuv420p"))


def test_a_graph_is_built_once_for_frames_alike():
    filters = FrameFilters(to_rgb)
    for size in ((64, 48), (64, 48), (32, 48)):
        assert filters(av.VideoFrame(*size, "yuv420p")).shape == (size[1], size[0], 3)
    assert len(filters.graphs) == 2
