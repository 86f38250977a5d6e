"""The command line of FFmpeg: the reference for what a video shows, and what writes the files to compare on."""

import re
import subprocess
from pathlib import Path
from typing import NamedTuple

import numpy as np
from imageio_ffmpeg import get_ffmpeg_exe

SQUARE = "scale='if(gt(sar,1),round(iw*sar),iw)':'if(lt(sar,1),round(ih/sar),ih)'"  # a pixel's longer side stays


class Shown(NamedTuple):
    """What ffmpeg shows of a file."""

    times: np.ndarray  # s from the first frame (N,)
    hashes: list[str]  # MD5 of each frame's planes, turned upright
    pixels: np.ndarray  # RGB of all frames, flat: their sizes may differ


def ffmpeg(folder: Path, arguments: str) -> str:
    """Run ffmpeg in a folder and return what it writes to the standard output."""
    command = [get_ffmpeg_exe(), "-hide_banner", "-loglevel", "error", "-y", *arguments.split()]
    done = subprocess.run(command, cwd=folder, text=True, capture_output=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def show(path: Path, square: bool) -> Shown:
    """Decode a file; with `square`, its pixels are made square."""
    every = "-an -fps_mode passthrough -noautoscale"
    rgb = f"{every} {'-vf ' + SQUARE if square else ''} -pix_fmt rgb24 -f rawvideo {path.name}.rgb"
    log = ffmpeg(path.parent, f"-i {path.name} {every} -enc_time_base 1/1000000 -f framehash -hash md5 - {rgb}")
    rows = [re.split(r",\s*", line) for line in log.splitlines() if not line.startswith("#")]
    microseconds = np.array([int(row[2]) for row in rows])
    pixels = np.fromfile(path.parent / f"{path.name}.rgb", np.uint8)
    return Shown((microseconds - microseconds[0]) / 1e6, [row[5] for row in rows], pixels)
