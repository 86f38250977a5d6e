"""Latency, rate and memory of `vidseq watch`: a recording played in real time over a stream on loopback, and an hour.

Needs a project in which the pipeline has run, whose test clips are joined to the recording. Writes docs/streaming.md.
"""

import argparse
import os
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import chdir, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import psutil
from imageio_ffmpeg import get_ffmpeg_exe

from benchmarks.joined import in_turn, join
from vidseq import paths
from vidseq.data.clips import clip_files
from vidseq.data.features import clips_with_features
from vidseq.errors import VideoError
from vidseq.inference.video_model import VideoModel
from vidseq.inference.watch import AlarmRule, Decision, watch
from vidseq.models import BASELINE, MODELS

HEADS = (*MODELS, BASELINE)
CAUSAL = "rnn_causal"
SECONDS = 60  # of the recording: a multiple of every window's half, so that it falls on the same steps when shown again
NO_EVENTS = AlarmRule({}, 1)
TEXT = """# A live stream: latency, rate, memory

Written by `python -m benchmarks.streaming` on {cores} cores: {seconds} s of test clips, played in real time over TCP on
loopback, {fps:g} steps per second. Latency is from the decoded frame to the decision.

| model | decisions | dropped | latency p50, ms | p95 | p99 | highest rate, steps per second |
|---|---:|---:|---:|---:|---:|---:|
{rows}

The highest rate is that of the same recording read as fast as it can be decided on.

**An hour.** The recording was shown {shown} times on end to `{causal}`, {hours:.2f} h in all, as fast as it can be
decided on. The probabilities of the last showing differ from those of the second by at most {difference:.1e}. The
process held {memory_minute:.0f} MB after a minute and {memory_hour:.0f} MB at the end.
"""


def main() -> None:
    """Measure, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--project", type=Path, default=Path(), help="where models/ and data/ are")
    parser.add_argument("--minutes", type=int, default=61, help="of the long stream")
    parser.add_argument("--out", type=Path, default=Path("docs"))
    arguments = parser.parse_args()
    out = arguments.out.absolute()
    with chdir(arguments.project), TemporaryDirectory() as temporary:
        folder = Path(temporary)
        clips = clips_with_features()
        join(clip_files(in_turn(clips[clips.split == "test"], 30)), folder / "joined.mkv")
        encode = f"-i joined.mkv -t {SECONDS} -r 30 -c:v libx264 -preset fast -g 30 -bf 0"
        ffmpeg(folder, f"-stream_loop 9 {encode} minute.mkv")
        ffmpeg(folder, f"-stream_loop {arguments.minutes - 1} -i minute.mkv -c copy long.mkv")
        rows, fps = [], 0.0
        for name in HEADS:
            model = VideoModel(paths.MODELS / name)
            fps = model.model.config["frames"]["fps"]
            list(watch(str(folder / "minute.mkv"), model, NO_EVENTS))  # so that all is loaded
            began = time.perf_counter()
            steps = sum(1 for _ in watch(str(folder / "minute.mkv"), model, NO_EVENTS))
            rate = steps / (time.perf_counter() - began)
            live = list(played(folder / "minute.mkv", model))
            p50, p95, p99 = np.percentile([1000 * decision.latency for decision in live], [50, 95, 99])
            cells = f"{len(live)} | {live[-1].dropped} | {p50:.0f} | {p95:.0f} | {p99:.0f} | {rate:.1f}"
            rows.append(f"| {name} | {cells} |")
            print(rows[-1], flush=True)
        facts = hour(folder / "long.mkv", VideoModel(paths.MODELS / CAUSAL), fps)
    about = {"cores": os.cpu_count(), "seconds": SECONDS, "fps": fps, "rows": "\n".join(rows), "causal": CAUSAL}
    out.mkdir(exist_ok=True)
    (out / "streaming.md").write_text(TEXT.format(**facts, **about, shown=arguments.minutes), encoding="utf-8")


def played(recording: Path, model: VideoModel) -> Iterator[Decision]:
    """Yield the decisions on a recording that ffmpeg plays in real time over TCP, once."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        url = f"tcp://127.0.0.1:{free.getsockname()[1]}"
    command = [get_ffmpeg_exe(), "-loglevel", "error", "-re", "-i", recording, "-c", "copy", "-f", "mpegts"]
    with subprocess.Popen([*command, f"{url}?listen=1"]) as sender:
        time.sleep(1)
        with suppress(VideoError):  # it ends, and is not there again
            yield from (item for item in watch(url, model, NO_EVENTS) if isinstance(item, Decision))
        sender.wait()


def hour(recording: Path, model: VideoModel, fps: float) -> dict[str, float]:
    """Show the recording as fast as it can be decided on, and compare its last showing with the second."""
    per_showing, process = round(SECONDS * fps), psutil.Process()
    second: list[list[float]] = []
    last: list[list[float]] = []
    memory, hours = {}, 0.0
    for number, item in enumerate(watch(str(recording), model, NO_EVENTS)):
        assert isinstance(item, Decision)
        p_C = [item.probabilities[label] for label in model.classes]
        if per_showing <= number < 2 * per_showing:
            second.append(p_C)
        last = [*last[-per_showing + 1 :], p_C]
        if number == per_showing:
            memory["minute"] = process.memory_info().rss / 1e6
        hours = item.time / 3600
    shift = (number + 1) % per_showing  # the stream may end within a showing
    second = second[shift:] + second[:shift]
    difference = float(np.abs(np.array(second) - np.array(last)).max())
    memory["hour"] = process.memory_info().rss / 1e6
    return {"hours": hours, "difference": difference, **{f"memory_{at}": value for at, value in memory.items()}}


def ffmpeg(folder: Path, arguments: str) -> None:
    """Run ffmpeg in a folder."""
    subprocess.run([get_ffmpeg_exe(), "-loglevel", "error", "-y", *arguments.split()], cwd=folder, check=True)


if __name__ == "__main__":
    main()
