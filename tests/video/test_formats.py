"""Files of many kinds, read frame by frame as ffmpeg itself shows them."""

import hashlib
import re
from pathlib import Path

import av
import numpy as np
import pytest
from ffmpeg import ffmpeg, show

from vidseq.video.packets import shown_frames
from vidseq.video.read import SUFFIXES, decode_frames, frame_timestamps, read_frames, stream_frames

PICTURE = "-f lavfi -i testsrc2=s=96x64:r=25 -frames:v 40 -threads 1"
H264 = "-pix_fmt yuv420p -c:v libx264 -preset veryfast -g 12 -bf 3"
X264 = "-c:v libx264 -preset veryfast"
H265 = "-c:v libx265 -x265-params log-level=0:keyint=12"
AV1 = "-pix_fmt yuv420p -c:v libsvtav1 -preset 12 -svtav1-params keyint=12"
VP8 = "-pix_fmt yuv420p -c:v libvpx -auto-alt-ref 1 -lag-in-frames 10 -deadline realtime -cpu-used 8 -g 12"
VP9 = "-c:v libvpx-vp9 -auto-alt-ref 1 -lag-in-frames 10 -deadline realtime -cpu-used 8 -g 12"
MPEG4 = "-pix_fmt yuv420p -c:v mpeg4 -g 12"
MPEG2 = "-pix_fmt yuv420p -c:v mpeg2video -g 12 -bf 2"
FFV1 = "-c:v ffv1"
OWN_TIMES = "-fps_mode passthrough -enc_time_base 1/1000"
SLOWER = f"-vf settb=1/1000,setpts=(N+N*N/20)*20 {OWN_TIMES}"  # each frame is shown longer than the one before
BURSTS = f"-vf settb=1/1000,setpts=floor(N/8)*2000+mod(N\\,8)*3 {OWN_TIMES}"  # 8 frames in 21 ms, then none for 2 s
DROPS = "-vf select=not(mod(n\\,3))+lt(n\\,10) -fps_mode vfr"

FILES = {  # name: what ffmpeg makes it of, from the picture or from other files of the table
    **{f"h264.{suffix}": H264 for suffix in ("mp4", "mov", "m4v", "mkv", "ts", "flv")},
    "h264.avi": f"{H264} -bf 0",
    "b_frames.avi": H264,
    "open.mp4": f"{H264} -x264-params open-gop=1",
    "open.ts": f"{H264} -x264-params open-gop=1",
    "fragments.mp4": f"{H264} -movflags frag_keyframe+empty_moov",
    "interlaced.mp4": f"{H264} -flags +ildct+ilme",
    "h265.mp4": f"-pix_fmt yuv420p {H265}:open-gop=1",
    "av1.mp4": AV1,
    "av1.webm": AV1,
    "vp8.webm": VP8,
    "vp9.webm": f"-pix_fmt yuv420p {VP9}",
    "mpeg1.mpg": "-pix_fmt yuv420p -c:v mpeg1video -g 12 -bf 2",
    "mpeg2.mpg": MPEG2,
    "mpeg2.ts": MPEG2,
    "interlaced.mpeg": f"{MPEG2} -flags +ildct+ilme",
    "stream.mpg": f"{MPEG2} -f mpeg2video",
    "stream.m4v": f"{MPEG4} -f m4v",
    "mpeg4.avi": MPEG4,
    "mpeg4_b.avi": f"{MPEG4} -bf 2",
    "mpeg4_b.mp4": f"{MPEG4} -bf 2",
    "mpeg4.ts": MPEG4,  # this one does not tell its rate
    "mjpeg.avi": "-pix_fmt yuvj420p -c:v mjpeg",
    "mjpeg.mov": "-pix_fmt yuvj422p -c:v mjpeg",
    "wmv2.wmv": "-pix_fmt yuv420p -c:v wmv2",
    "flv1.flv": "-pix_fmt yuv420p -c:v flv",
    "theora.ogv": "-pix_fmt yuv420p -c:v libtheora -g 12",
    "slower.mkv": f"{SLOWER} {H264}",
    "slower.mp4": f"{SLOWER} {H264}",
    "slower.ts": f"{SLOWER} {H264}",
    "slower.wmv": f"{SLOWER} -pix_fmt yuv420p -c:v wmv2",
    "drops.ogv": f"{DROPS} -pix_fmt yuv420p -c:v libtheora",
    "drops.avi": f"{DROPS} {MPEG4}",
    "bursts.mkv": f"{BURSTS} {H264}",
    "bursts.mp4": f"{BURSTS} {H264}",
    "bursts.flv": f"{BURSTS} {H264}",
    "negative.mp4": f"{H264} -output_ts_offset -0.5 -avoid_negative_ts disabled",
    "late.ts": f"{H264} -output_ts_offset 3",
    "one.mp4": f"-frames:v 1 {H264}",
    "one.avi": f"-frames:v 1 {MPEG4}",
    "minutes.mp4": f"-frames:v 4 -vf settb=1,setpts=N*240 -r 1/240 {H264}",
    "minutes.avi": f"-frames:v 4 -vf settb=1,setpts=N*240 -r 1/240 {MPEG4}",
    "odd.mkv": f"-vf scale=97:63,setsar=1 -pix_fmt yuv420p {FFV1}",
    "odd.mp4": f"-vf scale=97:63,setsar=1 -pix_fmt yuv444p {X264}",
    "ten.mp4": f"-pix_fmt yuv420p10le {H265}",
    "ten.mov": "-pix_fmt yuv422p10le -c:v prores_ks",
    "twelve.mkv": f"-pix_fmt yuv444p12le {H265}",
    "yuv411.mkv": f"-pix_fmt yuv411p {FFV1}",
    "yuv422.mp4": f"-pix_fmt yuv422p {X264}",
    "yuv440.mp4": f"-pix_fmt yuv440p {H265}",
    "grey.mp4": f"-pix_fmt gray {X264}",
    "grey10.mkv": f"-pix_fmt gray10le {FFV1}",
    "alpha.webm": f"-pix_fmt yuva420p {VP9} -auto-alt-ref 0",
    "alpha.mov": "-pix_fmt argb -c:v qtrle",
    "rgb.mkv": "-pix_fmt rgb24 -c:v libx264rgb -preset veryfast",
    "bgr.avi": "-pix_fmt bgr24 -c:v rawvideo",
    "full.mp4": f"-vf scale=out_range=full -color_range pc {H264}",
    "bt601.mp4": f"-vf scale=out_color_matrix=bt601 -colorspace smpte170m {H264}",
    "bt709.mp4": f"-vf scale=out_color_matrix=bt709 -colorspace bt709 {H264}",
    "bt2020.mp4": f"-vf scale=out_color_matrix=bt2020 -colorspace bt2020nc -pix_fmt yuv420p10le {H265}",
    "wide.mp4": f"-aspect 3:1 {H264}",
    "tall.mkv": f"-aspect 1:2 {H264}",
    "aspect.mpg": f"-aspect 16:9 {MPEG2}",
    "cut.mp4": "-ss 0.9 -i h264.mp4 -t 0.4 -c copy",
    "long.mp4": f"-frames:v 250 -pix_fmt yuv420p {X264}",  # one keyframe in 10 s
    "cut_long.mp4": "-ss 4 -i long.mp4 -t 4 -c copy",
    "cut_again.mp4": "-ss 0.2 -i cut.mp4 -c copy",
    "cut_open.mp4": "-ss 0.9 -i open.mp4 -t 0.4 -c copy",
    "cut.mov": "-ss 0.6 -i h265.mp4 -c copy",
    "cut_mpeg4.mp4": "-ss 0.9 -i mpeg4_b.mp4 -c copy",
    "cut.mkv": "-ss 0.9 -i h264.mkv -t 0.4 -c copy",
    "cut.ts": "-ss 0.9 -i open.ts -t 0.4 -c copy",
    "cut.avi": "-ss 0.9 -i mpeg4.avi -c copy",
    "delayed.mp4": "-itsoffset 1 -i h264.mp4 -f lavfi -i sine=d=2 -map 0 -map 1 -c:v copy",
    "small.ts": f"-s 64x48 {H264}",
    "changes.ts": "-i concat:h264.ts|small.ts -c copy",
    "song.mkv": "-i h264.mkv -c copy -attach cover.png -metadata:s:t mimetype=image/png",
    "song.mp4": "-i cover.png -i h264.mp4 -map 0 -map 1 -c copy -disposition:v:0 attached_pic",
    "several.mkv": "-i small.ts -i h264.mkv -map 0 -map 1 -c copy",
    "second.mp4": "-i small.ts -i h264.mp4 -map 0 -map 1 -c copy -disposition:v:0 0 -disposition:v:1 default",
    **{
        f"turned{angle}{flip[11:12]}.mp4": f"-display_rotation:v {angle} {flip} -i h264.mp4 -c copy"
        for angle in (0, 90, 180, 270)
        for flip in ("", "-display_hflip:v", "-display_vflip:v")
        if angle or flip
    },
    "turned45.mp4": "-display_rotation:v 45 -i h264.mp4 -c copy",
    "turned.mkv": "-display_rotation:v 90 -i h264.mkv -c copy",
    "turned422.mov": "-display_rotation:v 90 -i yuv422.mp4 -c copy",
    "turned_wide.mp4": "-display_rotation:v 90 -i wide.mp4 -c copy",
}
NOT_SQUARE = {"wide.mp4", "tall.mkv", "aspect.mpg", "turned_wide.mp4", "small.ts", "several.mkv"}


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    """Write a file of the table, and those that it is made of."""
    folder = tmp_path_factory.mktemp("formats")
    ffmpeg(folder, f"{PICTURE} -frames:v 1 cover.png")

    def make(name: str) -> Path:
        path, arguments = folder / name, FILES[name]
        if not path.exists():
            sources = [source for source in re.findall(r"[\w.]+", arguments) if source in FILES]
            for source in sources:
                make(source)
            ffmpeg(folder, f"{'' if sources else PICTURE} -bitexact {arguments} -bitexact {name}")
        return path

    return make


def digest(frame: av.VideoFrame) -> str:
    """Return the MD5 of the planes, without what fills up their lines."""
    found = hashlib.md5()
    for index, plane in enumerate(frame.planes):
        bits = [component.bits for component in frame.format.components if component.plane == index]
        width = plane.width * len(bits) * (2 if max(bits) > 8 else 1)
        found.update(np.frombuffer(plane, np.uint8).reshape(plane.height, plane.line_size)[:, :width].tobytes())
    return found.hexdigest()


@pytest.mark.parametrize("name", FILES)
def test_a_file_is_read_as_ffmpeg_shows_it(file, name):
    path = file(name)
    shown = show(path, name in NOT_SQUARE)
    timestamps = frame_timestamps(path)
    np.testing.assert_allclose(timestamps, shown.times, atol=2e-6)
    np.testing.assert_allclose([begin for begin, _ in stream_frames(path)], shown.times, atol=2e-6)

    images = list(read_frames(path, timestamps))
    pixels = np.concatenate([image.ravel() for image in images])
    assert len(pixels) == len(shown.pixels)
    assert np.abs(pixels.astype(int) - shown.pixels).max() <= 1

    for chosen in (timestamps, timestamps[::7], timestamps[-1:]):  # with and without frames to skip
        expected = np.array(shown.hashes)[np.isin(timestamps, chosen)].tolist()
        if not name.startswith("turned"):  # ffmpeg's hashes are of planes that are turned already
            assert [digest(frame) for frame, count in decode_frames(path, chosen) for _ in range(count)] == expected

    times = np.linspace(0, shown.times[-1], 24)  # what is on display at any time, not only when a frame begins
    indices = np.array([np.flatnonzero(shown.times <= time + 2e-6)[-1] for time in times])
    np.testing.assert_array_equal(shown_frames(timestamps, times), indices)
    for image, index in zip(read_frames(path, times), indices, strict=True):
        np.testing.assert_array_equal(image, images[index])


def test_the_table_has_every_suffix():
    assert {Path(name).suffix for name in FILES} == SUFFIXES
