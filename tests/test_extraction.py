import subprocess
import sys
import threading
from dataclasses import replace

import numpy as np
import pytest

from vidseq import extraction, video
from vidseq.errors import VideoError
from vidseq.extraction import Job, encode_clips
from vidseq.video import Fit

FIT = Fit(48, 48, "bicubic")


def engine(frames):
    """Three numbers a frame, its mean colour; the last frame first, as an engine may have it."""
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


def test_each_clip_gets_its_frames_in_their_order_whatever_comes_first(jobs):
    encoded = {job.clip: result for job, result in encode_clips(jobs, FIT, engine)}
    assert len(encoded) == len(jobs)
    for job in jobs:
        assert encoded[job.clip].dtype == np.float16
        np.testing.assert_allclose(encoded[job.clip], np.repeat(grey(job)[:, None], 3, 1), atol=2)


def test_a_difference_image_is_what_changed_since_then(jobs):
    later = replace(jobs[2], times=[0.04, 0.4, 0.48, 1.6], difference=0.4)  # grey levels 4, 40, 48, 160
    images = list(extraction.images(later, FIT))
    assert len(images) == 8
    np.testing.assert_allclose([image.mean() for image in images[::2]], [4, 40, 48, 160], atol=2)
    np.testing.assert_allclose([image.mean() for image in images[1::2]], [4, 40, 40, 40], atol=3)
    (_, features_TD), *_ = encode_clips([later], FIT, engine)
    np.testing.assert_allclose(features_TD[:, 0], [4, 40, 48, 160], atol=2)
    np.testing.assert_allclose(features_TD[:, 3], [4, 40, 40, 40], atol=3)


def test_frames_between_are_decoded_for_the_difference_alone(jobs):
    sparse = replace(jobs[2], times=[1.0, 1.0, 1.8], difference=0.2)  # a short clip repeats a frame
    plain = replace(sparse, difference=None)
    images = list(extraction.images(sparse, FIT))
    for image, frame in zip(images[::2], extraction.images(plain, FIT), strict=True):
        np.testing.assert_array_equal(image, frame)
    np.testing.assert_allclose([image.mean() for image in images[1::2]], [20] * 3, atol=3)


def test_a_bad_clip_is_reported_and_spoils_no_other(jobs):
    jobs[1].path.write_bytes(b"no video")
    broken = Job("F", jobs[0].path, [0.0, 0.04, 99.0], "05F")  # breaks off when two of its frames are on their way
    encoded = {job.clip: result for job, result in encode_clips([broken, *jobs], FIT, engine)}
    assert isinstance(encoded["B"], VideoError)
    assert "breaks off" in str(encoded["F"])
    for job in (jobs[0], *jobs[2:]):
        np.testing.assert_allclose(encoded[job.clip][:, 0], grey(job), atol=2)


def test_all_clips_bad_is_no_crash(jobs):
    for job in jobs:
        job.path.write_bytes(b"no video")
    assert all(isinstance(result, VideoError) for _, result in encode_clips(jobs, FIT, engine))


def test_a_bug_in_a_decoder_is_not_taken_for_a_bad_clip(jobs, monkeypatch):
    monkeypatch.setattr(extraction.video, "read_inputs", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        list(encode_clips(jobs, FIT, engine))


def test_decoders_stay_a_bounded_number_of_frames_ahead_and_end_with_the_run(make_video, monkeypatch):
    monkeypatch.setattr(extraction, "FRAMES_AHEAD", 8)
    path, read = make_video(frames=5), []
    original = extraction.video.read_inputs

    def read_inputs(*arguments):
        for frame in original(*arguments):
            read.append(1)
            yield frame

    def one_by_one(frames):
        for tag, frame_3SS in frames:
            yield tag, frame_3SS.mean((1, 2)).astype(np.float16)

    monkeypatch.setattr(extraction.video, "read_inputs", read_inputs)
    threads = threading.active_count()
    stream = encode_clips([Job(str(n), path, [0.0, 0.04], str(n)) for n in range(200)], FIT, one_by_one)
    next(stream)
    threading.Event().wait(0.5)
    assert 8 <= len(read) <= 8 + 2 * extraction.DECODERS + 4
    stream.close()
    assert threading.active_count() == threads


def test_memory_is_that_of_a_few_frames_however_long_and_large_the_film(tmp_path, make_video):
    """Held whole, as decoded, the 300 frames are 1.9 GB; one decoder's own are 0.1 GB."""
    room = np.random.default_rng(0).integers(0, 256, (27, 60, 3)).repeat(40, 0).repeat(40, 1).astype(np.uint8)
    video.encode(tmp_path / "long.mp4", (np.roll(room, 8 * i, 1)[:, :1920] for i in range(300)), 5)
    code = f"""
import sys, threading, psutil
from pathlib import Path
from vidseq.extraction import Job, encode_clips
from vidseq.video import Fit

def engine(frames):
    for tag, frame_3SS in frames:
        yield tag, frame_3SS.mean((1, 2))

fit, process = Fit(256, 224, "bicubic"), psutil.Process()
short = [Job(str(n), Path({str(make_video())!r}), [0.0, 0.4, 0.8], str(n)) for n in range(50)]
long = Job("long", Path({str(tmp_path / "long.mp4")!r}), [n / 5 for n in range(300)], "long")
assert len(list(encode_clips(short, fit, engine))) == 50
before, seen, ended = process.memory_info().rss, [], threading.Event()

def watch():
    while not ended.wait(0.005):
        seen.append(process.memory_info().rss)

watcher = threading.Thread(target=watch)
watcher.start()
results = {{job.clip: result for job, result in encode_clips([*short[:25], long, *short[25:]], fit, engine)}}
ended.set()
watcher.join()
assert results["long"].shape == (300, 3), results["long"]
print(max(seen) - before)
"""
    assert int(subprocess.check_output([sys.executable, "-c", code], text=True)) < 0.5e9
