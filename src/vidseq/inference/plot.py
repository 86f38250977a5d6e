"""A picture of a timeline: the film strip above, the probabilities over time below, the segments coloured."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from matplotlib import rc_context
from matplotlib.figure import Figure

from vidseq.files import atomic_write
from vidseq.video.read import read_frames
from vidseq.video.sheets import film_strip

if TYPE_CHECKING:
    from vidseq.inference.video_model import Timeline

STRIP_FRAMES, STRIP_HEIGHT = 12, 180  # px
NAMED = 10  # classes that are drawn: the most probable of all, if there are more


def draw_timeline(timeline: "Timeline", path: Path, out: Path) -> None:
    """Draw the timeline of the video at `path` as a PNG. Raises VideoError if the video cannot be read."""
    peaks = {label: max(p_T) for label, p_T in timeline.probabilities.items()}
    shown = [label for label in peaks if label in sorted(peaks, key=peaks.__getitem__, reverse=True)[:NAMED]]
    colours = {label: f"C{number}" for number, label in enumerate(shown)}
    middles = (np.arange(STRIP_FRAMES) + 0.5) * timeline.duration / STRIP_FRAMES
    strip = np.asarray(film_strip(list(read_frames(path, middles.tolist())), STRIP_HEIGHT))
    width, height = 12.0, strip.shape[0] / strip.shape[1] * 11
    with rc_context({"text.parse_math": False}), atomic_write(out) as tmp:
        figure = Figure(figsize=(width, height + 3), dpi=110, layout="constrained")
        frames, axes = figure.subplots(2, 1, height_ratios=[height, 2.4])
        frames.imshow(strip, aspect="auto")
        frames.set_axis_off()
        for segment in timeline.segments:
            colour = colours.get(segment.label, "0.5")
            axes.axvspan(segment.start, segment.end, color=colour, alpha=0.18, lw=0)
        for label in shown:
            axes.plot(timeline.times, timeline.probabilities[label], colours[label], label=label, marker=".", ms=4)
        axes.set(xlim=(0, timeline.duration), ylim=(0, 1.02), xlabel="s", ylabel="probability")
        figure.legend(loc="outside lower center", ncols=min(5, len(shown)), frameon=False)
        figure.savefig(tmp, format="png")
