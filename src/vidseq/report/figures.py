"""The report's figures as SVG, drawn from its inputs in its language; the same inputs give the same bytes."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogFormatter, MaxNLocator
from PIL import Image

from vidseq.models import BASELINE, MODELS

# grey, then Okabe and Ito's colours, told apart with any kind of colour vision; lines and markers differ too
COLOURS = ("#6E6E6E", "#0072B2", "#009E73", "#D55E00", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#8C6D31")
LINES = (":", "-", "-.", "--")
MARKERS = "^oDsvP*X<"
HALF, WHOLE = 3.3, 6.8  # inches
FILM = 6.2 / 0.62  # width to height of the film strip in a figure
LEGIBLE = 8  # classes that can each have a colour; of more, the hardest have one
MANY = 40  # classes; of more, a figure shows no names of all
STYLE: dict[Any, Any] = {
    "font.size": 8, "axes.titlesize": 8.5, "axes.spines.top": False, "axes.spines.right": False, "axes.grid": True,
    "grid.alpha": 0.25, "grid.linewidth": 0.5, "axes.linewidth": 0.6, "lines.linewidth": 1.4, "legend.frameon": False,
    "legend.fontsize": 7.5, "svg.hashsalt": "vidseq", "font.family": "DejaVu Sans", "axes.axisbelow": True,
    "text.parse_math": False,  # a class may be named with a dollar
}  # fmt: skip


@contextmanager
def drawing(
    path: Path, width: float, height: float, layout: Literal["constrained", "compressed"] | None = "constrained"
) -> Iterator[Figure]:
    """Yield an empty figure (inches) and write it as SVG, text as outlines, or as JPEG where the path says so."""
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(width, height), layout=layout)
        yield figure
        if path.suffix == ".jpg":
            figure.savefig(path, dpi=190, pil_kwargs={"quality": 85})
        else:
            figure.savefig(path, metadata={"Date": None, "Creator": None})


def style(model: str) -> dict:
    """Return a model's colour, line and marker, by its position in the table of models."""
    position = [BASELINE, *MODELS].index(model)
    kinds = {"color": COLOURS, "linestyle": LINES, "marker": MARKERS}
    return {kind: values[position % len(values)] for kind, values in kinds.items()}


def shorten(name: str, length: int = 26) -> str:
    """Cut a long name in its middle, so that names that differ at either end stay apart."""
    half = (length - 1) // 2
    return name if len(name) <= length else f"{name[:half]}…{name[-half:]}"


def tick_names(classes: list[str]) -> tuple[list[str], list[str]]:
    """Return the names at the rows and at the columns of a matrix: numbers at the columns where names are long."""
    if len(classes) <= 6 and max(map(len, classes)) <= 12:
        return classes, classes
    numbers = [str(number) for number in range(1, len(classes) + 1)]
    return [f"{shorten(name)}  {number}" for name, number in zip(classes, numbers, strict=True)], numbers


def curves(path: Path, tables: dict[str, pd.DataFrame], columns: dict[str, str], words: dict, ylabel: str) -> None:
    """Plot columns (name: line style) of each model's training curves over the epochs."""
    with drawing(path, HALF, 2.4) as figure:
        axes = figure.add_subplot()
        for model, table in tables.items():
            for column, line in columns.items():
                label = f"{words[model]}, {words[column]}" if len(columns) > 1 else words[model]
                axes.plot(table.epoch, table[column], line, color=style(model)["color"], label=label)
        axes.set(xlabel=words["epoch"], ylabel=ylabel)
        axes.xaxis.set_major_locator(MaxNLocator("auto", integer=True))
        axes.legend()


def log_scale(axes: Axes) -> None:
    """Make the y axis logarithmic; its default labels would be formulas, which STYLE turns off."""
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter(LogFormatter())
    axes.yaxis.set_minor_formatter(LogFormatter())


def norms(path: Path, tables: dict[str, pd.DataFrame], words: dict) -> None:
    """Plot the gradient norms of the models' training on a log scale."""
    with drawing(path, HALF, 2.4) as figure:
        axes = figure.add_subplot()
        for model, table in tables.items():
            axes.plot(table.step, table.grad_norm, **style(model) | {"marker": ""}, label=words[model], linewidth=1)
        axes.set(xlabel=words["step"], ylabel=words["gradient_norm"])
        log_scale(axes)
        axes.legend()


def confusion(path: Path, table: pd.DataFrame, classes: list[str], words: dict, title: str) -> None:
    """Draw a confusion matrix: counts, coloured by their fraction of the row, which is written where there is room.

    Of more than MANY classes, the colours alone, and every fifth class by its number.
    """
    counts_CC = pd.crosstab(table.label, table.predicted).reindex(index=classes, columns=classes, fill_value=0)
    counts_CC = counts_CC.to_numpy()
    fractions_CC = counts_CC / np.maximum(counts_CC.sum(1, keepdims=True), 1)
    few, many = len(classes) <= LEGIBLE, len(classes) > MANY
    size = WHOLE - 1 if many else 0.37 * len(classes) if few else 0.19 * len(classes)
    rows, columns = tick_names(classes)
    ticks = range(0, len(classes), 5 if many else 1)
    if many:
        rows = columns = [str(tick + 1) for tick in ticks]
    longest, font = max(map(len, rows)), 8 if few else 6.5
    width, height = max(2.4, size + 0.0095 * font * longest + 0.5), size + (1.3 if rows == columns else 0.9)
    with drawing(path, width, height, "compressed") as figure:  # for axes of fixed aspect
        axes = figure.add_subplot()
        axes.grid(False)
        axes.imshow(fractions_CC, cmap="Blues", vmin=0, vmax=1)
        turn: dict[str, Any] = (
            {"rotation": 40, "ha": "right", "rotation_mode": "anchor"} if rows == columns and not many else {}
        )
        axes.set_xticks(ticks, columns, size=font, **turn)
        axes.set_yticks(ticks, rows, size=font)
        axes.set(xlabel=words["predicted"], ylabel=words["true"])
        axes.set_title(title, loc="right")
        for row, column in [] if many else np.argwhere(counts_CC):
            fraction = fractions_CC[row, column]
            text = f"{counts_CC[row, column]}\n{fraction:.0%}" if few else str(counts_CC[row, column])
            colour = "white" if fraction > 0.5 else "black"
            axes.text(column, row, text, ha="center", va="center", size=6.5 if few else 6, color=colour)


def f1_by_class(path: Path, per_class: dict[str, dict], classes: list[str], words: dict) -> None:
    """Draw each class's F1 of each model side by side, as markers on one line per class."""
    few = len(classes) <= LEGIBLE
    with drawing(path, HALF if few else WHOLE, 0.9 + (0.34 if few else 0.24) * len(classes)) as figure:
        axes = figure.add_subplot()
        rows = np.arange(len(classes))
        for offset, (model, of_class) in enumerate(per_class.items()):
            f1 = [of_class[label]["f1"] for label in classes]
            heights = rows + 0.6 * ((offset + 0.5) / len(per_class) - 0.5)
            markers = style(model) | {"linestyle": "", "markersize": 4.5}
            axes.plot(f1, heights, **markers, label=words[model], alpha=0.9)
        axes.set_yticks(rows, [shorten(label, 20 if few else 42) for label in classes])
        axes.set_ylim(len(classes) - 0.5, -0.5)
        axes.set_xlim(-0.03, 1.03)
        axes.set_xlabel("F1")
        figure.legend(
            *axes.get_legend_handles_labels(), loc="outside upper center", ncols=3, handletextpad=0.1, columnspacing=1
        )


def _by_class(axes: Axes, table: pd.DataFrame, x: str, y: str, hardest: list[str], marker: str) -> None:
    for label, rows in table.groupby("class", sort=True):
        if label not in hardest:
            axes.plot(rows[x], rows[y], "-", color="#BBBBBB", linewidth=0.8)
    for number, label in enumerate(hardest):
        rows = table[table["class"] == label]
        axes.plot(rows[x], rows[y], LINES[(number + 1) % 4], marker=marker, markersize=3, color=COLOURS[number + 1],
                  label=shorten(label, 22), alpha=0.9)  # fmt: skip


def by_class(path: Path, table: pd.DataFrame, x: str, y: str, hardest: list[str], words: dict, title: str) -> None:
    """Plot one line per class; where there are many, the classes in `hardest` in colour and the others in grey."""
    legend = -(-len(hardest) // 2) * 0.16
    with drawing(path, HALF, 2.15 + legend) as figure:
        axes = figure.add_subplot()
        if x == "confidence":
            axes.plot([0, 1], [0, 1], color="black", linewidth=0.6, linestyle=(0, (2, 2)))
        _by_class(axes, table, x, y, hardest, "o" if x == "confidence" else "")
        axes.set(xlabel=words[x], ylabel=words[y], xlim=(-0.02, 1.02), ylim=(-0.02, 1.04))
        axes.set_title(title, loc="left")
        figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=2, handlelength=1.6)


def early(path: Path, table: pd.DataFrame, words: dict) -> None:
    """Plot accuracy over the part of the clip seen, with the intervals as bands."""
    with drawing(path, 4.4, 2.8) as figure:
        axes = figure.add_subplot()
        for model, rows in table.groupby("model", sort=False):
            axes.plot(rows.fraction, rows.accuracy, **style(model), markersize=3.5, label=words[model])
            if rows.low.notna().all():
                colour = style(model)["color"]
                axes.fill_between(rows.fraction, rows.low, rows.high, color=colour, alpha=0.08, linewidth=0)
        axes.set(xlabel=words["fraction"], ylabel=words["accuracy"], ylim=(0, 1.03))
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
        axes.legend(loc="lower right")


def alarm(path: Path, table: pd.DataFrame, thresholds: dict, column: str, words: dict, ylabel: str) -> None:
    """Plot `column` over the threshold, with each model's chosen threshold marked."""
    with drawing(path, HALF, 2.5) as figure:
        axes = figure.add_subplot()
        for model, rows in table.groupby("model", sort=False):
            axes.plot(rows.threshold, rows[column], **style(model) | {"marker": ""}, label=words[model])
            chosen = np.interp(thresholds[model], rows.threshold, rows[column])
            axes.plot(thresholds[model], chosen, **style(model), markersize=5)
        axes.set(xlabel=words["threshold"], ylabel=ylabel, xlim=(0, 1.02))
        if column != "cost_10":
            axes.set_yscale("symlog", linthresh=10)
            axes.yaxis.set_major_formatter("{x:g}")
        axes.set_ylim(bottom=0)
        axes.legend()


def exploding(path: Path, table: pd.DataFrame, words: dict, limit: float) -> None:
    """Plot the gradient norms of the exploding run and of the remedies on a log scale, with the limit of exploded."""
    with drawing(path, HALF, 2.9) as figure:
        axes = figure.add_subplot()
        for number, (run, rows) in enumerate(table.groupby("run", sort=False), 1):
            line = "o-" if run == "exploding" else "-"
            axes.plot(rows.step, rows.grad_norm, line, color=COLOURS[number], label=words[run], markersize=3)
        axes.axhline(limit, color="black", linewidth=0.6, linestyle=(0, (2, 2)))
        axes.set(xlabel=words["step"], ylabel=words["gradient_norm"])
        log_scale(axes)
        figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=2)


def explained(path: Path, strip: Path, frames: int, clip: dict, times: list[float], words: dict) -> None:
    """Draw a clip's film strip, of `frames` frames, over the class's probability in time and what each frame adds."""
    image = Image.open(strip)
    frame_width = image.width / frames
    shown = min(frames, max(3, round(FILM / (frame_width / image.height))))  # so that frames keep their shape
    chosen = ((np.arange(shown) + 0.5) * frames / shown).astype(int)
    middles = np.arange(len(times)) + 0.5
    with drawing(path, WHOLE, 3.6) as figure:
        film, probability, falls = figure.subplots(3, 1, sharex=True, height_ratios=[1, 2, 1.4])
        for position, frame in enumerate(chosen):
            piece = image.crop((round(frame * frame_width), 0, round((frame + 1) * frame_width), image.height))
            edges = np.array([position, position + 1]) * len(times) / shown
            film.imshow(piece, extent=(*edges, 0, 1), aspect="auto")
        film.axis("off")
        film.set(xlim=(0, len(times)), ylim=(0, 1))
        for model, values in clip["probability"].items():
            probability.plot(middles, values, **style(model), markersize=3, label=words[model])
        probability.set(ylim=(-0.03, 1.03), ylabel=words["probability"])
        width = 0.8 / len(clip["occlusion"])
        for number, (model, values) in enumerate(clip["occlusion"].items()):
            shift = width * (number - (len(clip["occlusion"]) - 1) / 2)
            falls.bar(middles + shift, values, width, color=style(model)["color"])
        falls.axhline(0, color="black", linewidth=0.6)
        falls.set(ylabel=words["contribution"], xlabel=words["seconds"], xlim=(0, len(times)))
        figure.align_ylabels([probability, falls])
        figure.legend(*probability.get_legend_handles_labels(), loc="outside upper center", ncols=3)
        every = max(1, len(times) // 10)
        falls.set_xticks(middles[::every], [f"{time:.1f}" for time in times[::every]])
