import subprocess
import sys
import threading
from dataclasses import replace

import numpy as np
import pytest

from vidseq.errors import VideoError, VidseqError
from vidseq.extraction import encode as extraction
from vidseq.extraction.encode import Diff, Job, check_content, encode_clips, image_types
from vidseq.files import sha256
from vidseq.video.transform import FrameTransform
from vidseq.video.write import write_video

TRANSFORM = FrameTransform(48, 48, "bicubic")


def engine(frames):
    """Three numbers per frame, its mean colour; the last frame first, as an engine may have it."""
    for tag, frame_3SS in reversed(list(frames)):
        yield tag, frame_3SS.mean((1, 2)).astype(np.float16)


@pytest.fixture
def jobs(make_video):
    steps = {"A": 5, "B": 1, "C": 12, "D": 3, "E": 7}
    paths = {clip: make_video(f"{clip}.avi", 50) for clip in steps}
    return [
        Job(clip, paths[clip], [0.04 * (i + n) for i in range(steps[clip])], f"{n:02d}{clip}")
        for n, clip in enumerate(steps)
    ]


def grey(job: Job) -> np.ndarray:
    return np.array(job.times) / 0.04 * 4


def test_each_clip_gets_its_frames_in_order_whichever_is_encoded_first(jobs):
    encoded = {job.clip: result for job, result in encode_clips(jobs, TRANSFORM, engine)}
    assert len(encoded) == len(jobs)
    for job in jobs:
        assert encoded[job.clip].dtype == np.float16
        np.testing.assert_allclose(encoded[job.clip], np.repeat(grey(job)[:, None], 3, 1), atol=2)


def test_a_difference_image_looks_no_further_back_than_the_start_of_the_clip(jobs):
    part = replace(jobs[2], times=[0.4, 0.48, 0.8], diff=Diff(0.4, 32), start=0.4)  # grey levels 40, 48, 80
    _, first, _, second, _, third = list(extraction.images(part, TRANSFORM))
    np.testing.assert_allclose([image_3SS.mean() for image_3SS in (first, second, third)], [0, 8, 40], atol=2)


def test_a_difference_image_is_what_changed_since_then(jobs):
    later = replace(jobs[2], times=[0.04, 0.4, 0.48, 1.6], diff=Diff(0.4, 32))  # grey levels 4, 40, 48, 160
    images = list(extraction.images(later, TRANSFORM))
    assert [image.shape for image in images] == 4 * [(3, 48, 48), (3, 32, 32)]
    np.testing.assert_allclose([image.mean() for image in images[::2]], [4, 40, 48, 160], atol=2)
    np.testing.assert_allclose([image.mean() for image in images[1::2]], [4, 40, 40, 40], atol=3)
    (_, features_TD), *_ = encode_clips([later], TRANSFORM, engine)
    np.testing.assert_allclose(features_TD[:, 0], [4, 40, 48, 160], atol=2)
    np.testing.assert_allclose(features_TD[:, 3], [4, 40, 40, 40], atol=3)


def test_frames_between_are_decoded_for_the_difference_alone(jobs):
    sparse = replace(jobs[2], times=[1.0, 1.0, 1.8], diff=Diff(0.2, 48))  # a short clip repeats a frame
    plain = replace(sparse, diff=None)
    images = list(extraction.images(sparse, TRANSFORM))
    for image, frame in zip(images[::2], extraction.images(plain, TRANSFORM), strict=True):
        np.testing.assert_array_equal(image, frame)
    np.testing.assert_allclose([image.mean() for image in images[1::2]], [20] * 3, atol=3)


def test_equal_images_are_encoded_once(jobs):
    encoded = []

    def count(frames):
        for (index, position), image_3SS in frames:
            encoded.append((index, position))
            yield (index, position), image_3SS.mean((1, 2)).astype(np.float16)

    # each frame is a shade of grey, and all differences are the same shade
    still = replace(jobs[2], times=[0.04, 0.04, 0.04, 0.04, 0.48, 0.48], diff=Diff(0.04, 32))
    result = {job.clip: x_TD for job, x_TD in encode_clips([jobs[0], still], TRANSFORM, count)}
    assert sorted(position for index, position in encoded if index == 1) == [0, 1, 8]
    np.testing.assert_allclose(result["C"][:, 0], [4, 4, 4, 4, 48, 48], atol=2)
    np.testing.assert_allclose(result["C"][:, 3], 6 * [4], atol=2)
    assert len(result["A"]) == 5


def test_a_bad_clip_is_reported_and_affects_no_other(jobs):
    jobs[1].path.write_bytes(b"no video")
    broken = Job("F", jobs[0].path, [0.0, 0.04, 99.0], "05F")  # breaks off when two of its frames are on their way
    encoded = {job.clip: result for job, result in encode_clips([broken, *jobs], TRANSFORM, engine)}
    assert isinstance(encoded["B"], VideoError)
    assert "breaks off" in str(encoded["F"])
    for job in (jobs[0], *jobs[2:]):
        np.testing.assert_allclose(encoded[job.clip][:, 0], grey(job), atol=2)


def test_all_clips_may_be_bad(jobs):
    for job in jobs:
        job.path.write_bytes(b"no video")
    assert all(isinstance(result, VideoError) for _, result in encode_clips(jobs, TRANSFORM, engine))


def test_a_bug_in_a_decoder_is_not_taken_for_a_bad_clip(jobs, monkeypatch):
    monkeypatch.setattr(extraction, "read_inputs", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        list(encode_clips(jobs, TRANSFORM, engine))


def test_a_file_that_was_edited_in_place_stops_with_one_line_and_is_not_a_bad_clip(jobs):
    jobs = [replace(job, sha256=sha256(job.path)) for job in jobs]
    assert not any(isinstance(result, VideoError) for _, result in encode_clips(jobs, TRANSFORM, engine))
    jobs[2].path.write_bytes(jobs[3].path.read_bytes() + b"0")  # still a video
    command = "dvc repro --force --single-item download"
    with pytest.raises(VidseqError, match=rf"^C has changed since download .*C\.avi.*{command}$") as caught:
        list(encode_clips(jobs, TRANSFORM, engine))
    assert not isinstance(caught.value, VideoError)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_gone_is_a_bad_clip(jobs):
    jobs[0].path.unlink()
    with pytest.raises(VideoError, match="No such file"):
        check_content(replace(jobs[0], sha256="00"))
    encoded = {
        job.clip: result for job, result in encode_clips([replace(jobs[0], sha256="00"), jobs[1]], TRANSFORM, engine)
    }
    assert [isinstance(encoded[clip], VideoError) for clip in "AB"] == [True, False]


def test_image_types_name_what_is_encoded_per_step():
    assert image_types(None) == ["rgb"]
    assert image_types(Diff(0.25, 160)) == ["rgb", "diff"]


def test_decoders_stay_a_bounded_number_of_frames_ahead_and_end_with_the_run(make_video, monkeypatch):
    monkeypatch.setattr(extraction, "FRAMES_AHEAD", 8)
    path, read = make_video(frames=5), []
    original = extraction.read_inputs

    def read_inputs(*arguments):
        for frame in original(*arguments):
            read.append(1)
            yield frame

    def one_by_one(frames):
        for tag, frame_3SS in frames:
            yield tag, frame_3SS.mean((1, 2)).astype(np.float16)

    monkeypatch.setattr(extraction, "read_inputs", read_inputs)
    threads = threading.active_count()
    stream = encode_clips([Job(str(n), path, [0.0, 0.04], str(n)) for n in range(200)], TRANSFORM, one_by_one)
    next(stream)
    threading.Event().wait(0.5)
    assert 8 <= len(read) <= 8 + 2 * extraction.DECODERS + 4
    stream.close()
    assert threading.active_count() == threads


def test_memory_is_that_of_a_few_frames_however_long_and_large_the_video(tmp_path, make_video):
    """Held whole, as decoded, the 300 frames are 1.9 GB; one decoder's own are 0.1 GB."""
    room = np.random.default_rng(0).integers(0, 256, (27, 60, 3)).repeat(40, 0).repeat(40, 1).astype(np.uint8)
    write_video(tmp_path / "long.mp4", (np.roll(room, 8 * i, 1)[:, :1920] for i in range(300)), 5)
    code = f"""
import sys, threading, psutil
from pathlib import Path
from vidseq.extraction.encode import Job, encode_clips
from vidseq.video.transform import FrameTransform

def engine(frames):
    for tag, frame_3SS in frames:
        yield tag, frame_3SS.mean((1, 2))

transform, process = FrameTransform(256, 224, "bicubic"), psutil.Process()
short = [Job(str(n), Path({str(make_video())!r}), [0.0, 0.4, 0.8], str(n)) for n in range(50)]
long = Job("long", Path({str(tmp_path / "long.mp4")!r}), [n / 5 for n in range(300)], "long")
assert len(list(encode_clips(short, transform, engine))) == 50
before, seen, ended = process.memory_info().rss, [], threading.Event()

def watch():
    while not ended.wait(0.005):
        seen.append(process.memory_info().rss)

watcher = threading.Thread(target=watch)
watcher.start()
results = {{job.clip: result for job, result in encode_clips([*short[:25], long, *short[25:]], transform, engine)}}
ended.set()
watcher.join()
assert results["long"].shape == (300, 3), results["long"]
print(max(seen) - before)
"""
    assert int(subprocess.check_output([sys.executable, "-c", code], text=True)) < 0.5e9
