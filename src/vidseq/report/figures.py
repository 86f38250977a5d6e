"""The report's figures, drawn from its inputs with the words of its language; the same inputs give the same bytes."""

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

from vidseq import paths
from vidseq.models import BASELINE, MODELS
from vidseq.report.inputs import Inputs

# grey, then Okabe and Ito's colours, told apart with any kind of colour vision; lines and markers differ too
COLOURS = ("#6E6E6E", "#0072B2", "#009E73", "#D55E00", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#8C6D31")
LINES = (":", "-", "-.", "--")
MARKERS = "^oDsvP*X<"
HALF, WHOLE = 3.3, 6.8  # inches
FILM = 6.2 / 0.62  # width to height of the film strip in a figure
LEGIBLE = 8  # classes whose confusion matrices of all models stand side by side, with their names
MANY = 40  # classes; of more, a figure shows no names
SHEETS = 5  # classes whose frames are shown
SHEET_ROW = 22 + 90 + 2  # pixels of a contact sheet's row
FULL_PX = 960  # of a film strip as wide as the text: a shorter one is drawn no larger
EXPLAINED, MISTAKES = 2, 1  # clips whose frames are explained; film strips of mistakes per model
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


def draw(inputs: Inputs, words: dict[str, str], folder: Path) -> dict:
    """Draw all figures into `folder`; return what the captions need: the classes of `sheets`, and the film `strips`."""
    alarm, norms = inputs.evaluation["alarm"]["models"], {m: inputs.plots[f"gradients_{m}"] for m in inputs.main}
    limit = inputs.exploding_gradients["settings"]["exploded_above"]
    losses(folder / "loss.svg", {model: inputs.plots[f"curves_{model}"] for model in inputs.main}, words)
    confusions(folder, {model: inputs.predictions[model] for model in inputs.compared}, inputs.classes, words)
    early(folder / "early.svg", inputs.plots["early"], words)
    alarm_rate(folder / "alarm_rate.svg", inputs.plots["alarm_cost"], alarm, words)
    alarm_cost(folder / "alarm_cost.svg", inputs.plots["alarm_cost"], alarm, words)
    runs = dict(iter(inputs.plots["exploding_gradients"].groupby("run", sort=False)))
    gradient_norms(folder / "exploding.svg", runs, words, limit)
    gradient_norms(folder / "norms.svg", norms, words)
    if not inputs.params.report.frames:
        return {"sheets": [], "strips": {"explained": [], "mistakes": []}}
    return {"sheets": sheets(folder, inputs.classes), "strips": strips(folder, inputs.film_strips, words)}


def losses(path: Path, tables: dict[str, pd.DataFrame], words: dict) -> None:
    """Plot the training (dotted) and validation losses of the models over the epochs."""
    with drawing(path, HALF + 1, 1.9) as figure:
        axes = figure.add_subplot()
        for model, table in tables.items():
            for split, line in (("train", ":"), ("val", "-")):
                label = f"{words[model]}, {words[split]}"
                axes.plot(table.epoch, table[f"{split}_loss"], line, color=style(model)["color"], label=label)
        axes.set(xlabel=words["epoch"], ylabel=words["loss"])
        axes.xaxis.set_major_locator(MaxNLocator("auto", integer=True))
        axes.legend()


def confusions(folder: Path, tables: dict[str, pd.DataFrame], classes: list[str], words: dict) -> None:
    """Draw the confusion matrices: side by side in confusion.svg for few classes, else confusion_<model>.svg each."""
    if len(classes) <= LEGIBLE:
        longest = max(len(shorten(label)) for label in classes)
        width = min(WHOLE, 0.075 * longest + 0.36 * len(classes) * len(tables) + 1)
        side = (width - 0.075 * longest - 0.6) / len(tables)
        with drawing(folder / "confusion.svg", width, side + 0.75) as figure:
            all_axes = figure.subplots(1, len(tables), squeeze=False)[0]
            for axes, (model, table) in zip(all_axes, tables.items(), strict=True):
                confusion(axes, table, classes, words, model, first=axes is all_axes[0])
        return
    for model, table in tables.items():
        size = WHOLE - 1 if len(classes) > MANY else 0.19 * len(classes) + 1
        named = 0.062 * max(len(shorten(label)) for label in classes) if len(classes) <= MANY else 0
        with drawing(folder / f"confusion_{model}.svg", min(WHOLE, size + named), size, "compressed") as figure:
            confusion(figure.add_subplot(), table, classes, words, model)


def confusion(axes: Axes, table: pd.DataFrame, classes: list[str], words: dict, model: str, first: bool = True) -> None:
    """Draw one confusion matrix: counts, coloured by their fraction of the row. Columns are numbered as rows are."""
    counts_CC = pd.crosstab(table.label, table.predicted).reindex(index=classes, columns=classes, fill_value=0)
    counts_CC = counts_CC.to_numpy()
    fractions_CC = counts_CC / np.maximum(counts_CC.sum(1, keepdims=True), 1)
    few, many = len(classes) <= LEGIBLE, len(classes) > MANY
    font, ticks = 7.5 if few else 6.5, range(4 if many else 0, len(classes), 5 if many else 1)
    numbers = [str(tick + 1) for tick in ticks]
    rows = numbers if many or not first else [f"{shorten(classes[tick])}  {tick + 1}" for tick in ticks]
    axes.grid(False)
    axes.imshow(fractions_CC, cmap="Blues", vmin=0, vmax=1)
    axes.set_xticks(ticks, numbers, size=font)
    axes.set_yticks(ticks, rows, size=font)
    axes.set_xlabel(words["predicted"])
    if first:
        axes.set_ylabel(words["true"])
    axes.set_title(words[model])
    for row, column in [] if many else np.argwhere(counts_CC):
        colour = "white" if fractions_CC[row, column] > 0.5 else "black"
        axes.text(column, row, str(counts_CC[row, column]), ha="center", va="center", size=font - 0.5, color=colour)


def early(path: Path, table: pd.DataFrame, words: dict) -> None:
    """Plot accuracy over the part of the clip seen, with the intervals as bands."""
    with drawing(path, HALF, 1.9) as figure:
        axes = figure.add_subplot()
        for model, rows in table.groupby("model", sort=False):
            axes.plot(rows.fraction, rows.accuracy, **style(model), markersize=3.5, label=words[model])
            if rows.low.notna().all():
                colour = style(model)["color"]
                axes.fill_between(rows.fraction, rows.low, rows.high, color=colour, alpha=0.08, linewidth=0)
        axes.set(xlabel=words["fraction"], ylabel=words["accuracy"], ylim=(0, 1.03))
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
        axes.legend(loc="lower right")


def alarm_rate(path: Path, table: pd.DataFrame, chosen: dict[str, dict], words: dict) -> None:
    """Plot recall over false alarms per hour, with the operating point of each model's chosen threshold marked."""
    with drawing(path, HALF, 2.0) as figure:
        axes = figure.add_subplot()
        for model, rows in table.groupby("model", sort=False):
            axes.plot(rows.false_alarms_per_hour, rows.recall, **style(model) | {"marker": ""}, label=words[model])
            if None not in (rate := chosen[model]["false_alarms_per_hour"], recall := chosen[model]["recall"]):
                axes.plot(rate, recall, **style(model), markersize=5)
        axes.set(xlabel=words["false_alarms_per_hour"], ylabel=words["recall"], ylim=(0, 1.04))
        axes.set_xscale("symlog", linthresh=10)
        axes.xaxis.set_major_formatter("{x:g}")
        axes.set_xlim(left=0)
        figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=2)


def alarm_cost(path: Path, table: pd.DataFrame, chosen: dict[str, dict], words: dict) -> None:
    """Plot the cost per clip over the threshold, where a miss costs 10 false alarms; chosen thresholds are marked."""
    with drawing(path, HALF, 2.0) as figure:
        axes = figure.add_subplot()
        for model, rows in table.groupby("model", sort=False):
            axes.plot(rows.threshold, rows.cost_10, **style(model) | {"marker": ""}, label=words[model])
            threshold = chosen[model]["threshold"]
            axes.plot(threshold, np.interp(threshold, rows.threshold, rows.cost_10), **style(model), markersize=5)
        axes.set(xlabel=words["threshold"], ylabel=words["cost"], xlim=(0, 1.02))
        axes.set_ylim(bottom=0)
        figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=2)


def gradient_norms(path: Path, tables: dict[str, pd.DataFrame], words: dict, limit: float | None = None) -> None:
    """Plot gradient norms per step on a log scale, of models or of runs, with the limit above which they exploded."""
    with drawing(path, HALF, 2.0) as figure:
        axes = figure.add_subplot()
        for number, (name, rows) in enumerate(tables.items(), 1):
            colour = style(name)["color"] if name in MODELS else COLOURS[number]
            line = "o-" if name == "exploding" else "-"
            axes.plot(rows.step, rows.grad_norm, line, color=colour, label=words[name], markersize=3, linewidth=1.1)
        if limit is not None:
            axes.axhline(limit, color="black", linewidth=0.6, linestyle=(0, (2, 2)))
        axes.set(xlabel=words["step"], ylabel=words["gradient_norm"])
        axes.set_yscale("log")
        axes.yaxis.set_major_formatter(LogFormatter())  # the default labels would be formulas, which STYLE turns off
        axes.yaxis.set_minor_formatter(LogFormatter())
        figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=2)


def sheets(folder: Path, classes: list[str]) -> list[str]:
    """Put the frames of one clip each of the first classes into sheets.jpg; return these classes."""
    shown = [label for label in classes if (paths.CONTACT_SHEETS / f"{label}.png").is_file()][:SHEETS]
    rows = [Image.open(paths.CONTACT_SHEETS / f"{label}.png") for label in shown]
    if rows:
        width = max(FULL_PX, *(row.width for row in rows))
        image = Image.new("RGB", (width, SHEET_ROW * len(rows)), "white")
        for number, row in enumerate(rows):
            image.paste(row.crop((0, 0, row.width, SHEET_ROW)), (0, SHEET_ROW * number))
        image.save(folder / "sheets.jpg", quality=82)
    return shown


def strips(folder: Path, found: dict, words: dict) -> dict[str, list[dict]]:
    """Draw clips explained and copy the strips of mistakes; return their files with what the captions say."""
    shown: dict[str, list[dict]] = {"explained": [], "mistakes": []}
    for number, row in enumerate(found["explained"][:EXPLAINED]):
        strip, file = found["strips"][row["clip"]], f"explained_{number}.jpg"
        explained(folder / file, paths.FILM_STRIPS / strip["file"], len(strip["steps"]), row, strip["times"], words)
        ends = {model: values[-1] for model, values in row["probability"].items()}
        shown["explained"].append({"file": file, "clip": row["clip"], "label": row["label"], "probability": ends})
    for model, mistakes in found["mistakes"].items():
        for row in mistakes[:MISTAKES]:
            strip = paths.FILM_STRIPS / found["strips"][row["clip"]]["file"]
            file, width = f"mistake_{model}_{strip.name}", min(1.0, Image.open(strip).width / FULL_PX)
            (folder / file).write_bytes(strip.read_bytes())
            shown["mistakes"].append(row | {"file": file, "model": model, "width": width})
    return shown


def explained(path: Path, strip: Path, frames: int, clip: dict, times: list[float], words: dict) -> None:
    """Draw a clip's film strip, of `frames` frames, over the class's probability in time and what each frame adds."""
    image = Image.open(strip)
    frame_width = image.width / frames
    shown = min(frames, max(3, round(FILM / (frame_width / image.height))))  # so that frames keep their shape
    chosen = ((np.arange(shown) + 0.5) * frames / shown).astype(int)
    middles = np.arange(len(times)) + 0.5
    with drawing(path, WHOLE, 2.4) as figure:
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
