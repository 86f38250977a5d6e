"""Diagrams of the architectures, drawn as a column of boxes."""

from pathlib import Path

from matplotlib.patches import FancyBboxPatch

from vidseq.report.figures import HALF, drawing


def architecture(path: Path, boxes: list[str]) -> None:
    """Draw a column of boxes from the input at the top to the output; the first line of each is its name."""
    heights = [0.3 if "\n" not in box else 0.26 + 0.17 * box.count("\n") for box in boxes]
    gap = 0.15
    total = sum(heights) + gap * (len(boxes) - 1)
    with drawing(path, HALF, total + 0.1, layout=None) as figure:
        axes = figure.add_axes((0, 0, 1, 1))
        axes.axis("off")
        axes.set(xlim=(0, HALF), ylim=(-total - 0.05, 0.05))
        top = 0.0
        for number, (box, height) in enumerate(zip(boxes, heights, strict=True)):
            name, _, details = box.partition("\n")
            ends = number in (0, len(boxes) - 1)
            face, edge = ("#F2F2F2", "#6E6E6E") if ends else ("#E3EEF6", "#0072B2")
            patch = FancyBboxPatch((0.12, top - height), HALF - 0.24, height, facecolor=face,
                                                      edgecolor=edge, linewidth=0.8,
                                                      boxstyle="round,pad=0,rounding_size=0.05")  # fmt: skip
            axes.add_patch(patch)
            middle = top - height / 2
            axes.text(
                HALF / 2, top - 0.17 if details else middle, name, ha="center", va="center", weight="bold", size=8
            )
            if details:
                axes.text(HALF / 2, top - 0.27, details, ha="center", va="top", size=7, linespacing=1.25)
            if number < len(boxes) - 1:
                axes.annotate("", (HALF / 2, top - height - gap), (HALF / 2, top - height),
                              arrowprops={"arrowstyle": "-|>", "linewidth": 0.8, "color": "#444444"})  # fmt: skip
            top -= height + gap
