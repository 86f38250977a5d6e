"""The pictures that the stages make: contact sheets, film strips and confusion matrices."""

from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from PIL import Image, ImageDraw, ImageFont

from vidseq.files import replacing

THUMBNAIL_HEIGHT = 90
CAPTION_HEIGHT = 22
GAP = 2


def contact_sheet(rows: list[tuple[str, list[np.ndarray]]], path: Path) -> None:
    """Write a PNG with one captioned row of frames (RGB uint8, (H, W, 3)) a clip."""
    strips = [(caption, [_thumbnail(frame) for frame in frames]) for caption, frames in rows]
    width = max(sum(image.width + GAP for image in images) for _, images in strips)
    sheet = Image.new("RGB", (width, len(strips) * (CAPTION_HEIGHT + THUMBNAIL_HEIGHT + GAP)), "white")
    draw = ImageDraw.Draw(sheet)
    # matplotlib's own font: it is on every machine and has Greek
    font = ImageFont.truetype(Path(matplotlib.get_data_path()) / "fonts/ttf/DejaVuSans.ttf", 13)
    top = 0
    for caption, images in strips:
        draw.text((4, top + 3), caption, "black", font)
        left = 0
        for image in images:
            sheet.paste(image, (left, top + CAPTION_HEIGHT))
            left += image.width + GAP
        top += CAPTION_HEIGHT + THUMBNAIL_HEIGHT + GAP
    sheet.save(path)


def film_strip(frames: list[np.ndarray], path: Path) -> None:
    """Write a JPEG with the frames (RGB uint8, (H, W, 3)) side by side."""
    images = [_thumbnail(frame) for frame in frames]
    strip = Image.new("RGB", (sum(image.width for image in images), THUMBNAIL_HEIGHT))
    left = 0
    for image in images:
        strip.paste(image, (left, 0))
        left += image.width
    strip.save(path, quality=85)


def _thumbnail(frame: np.ndarray) -> Image.Image:
    height, width = frame.shape[:2]
    return Image.fromarray(frame).resize((round(THUMBNAIL_HEIGHT * width / height), THUMBNAIL_HEIGHT))


def plain(name: str) -> str:
    """Return a name that matplotlib writes as it is: without this it reads what stands between dollars as a formula."""
    return name.replace("$", r"\$")


def confusion_picture(y_N: np.ndarray, predicted_N: np.ndarray, classes: list[str], title: str, path: Path) -> None:
    """Write a confusion matrix as PNG: counts in the cells, colours by the share of the row."""
    counts_CC = np.zeros((len(classes), len(classes)), int)
    np.add.at(counts_CC, (y_N, predicted_N), 1)
    shares_CC = counts_CC / np.maximum(counts_CC.sum(1, keepdims=True), 1)
    side = 2.5 + 0.55 * len(classes)
    figure = Figure(figsize=(side + 0.5, side), dpi=120, layout="constrained")
    axes = figure.add_subplot()
    axes.imshow(shares_CC, cmap="Blues", vmin=0, vmax=1)
    ticks = range(len(classes))
    classes = [plain(label) for label in classes]
    axes.set_xticks(ticks, classes, rotation=45, ha="right", rotation_mode="anchor")
    axes.set_yticks(ticks, classes)
    axes.set(xlabel="predicted", ylabel="true", title=title)
    for row, column in np.ndindex(counts_CC.shape):
        colour = "white" if shares_CC[row, column] > 0.5 else "black"
        axes.text(column, row, counts_CC[row, column], ha="center", va="center", color=colour)
    with replacing(path) as beside:
        figure.savefig(beside, format="png")
