"""Frames side by side in one image: contact sheets and film strips."""

from pathlib import Path

import matplotlib
import numpy as np
from PIL import Image, ImageDraw, ImageFont

THUMBNAIL_HEIGHT = 90
CAPTION_HEIGHT = 22
GAP = 2


def contact_sheet(rows: list[tuple[str, list[np.ndarray]]], path: Path) -> None:
    """Write a PNG with one row per clip: its caption above its frames (RGB uint8, (H, W, 3))."""
    # matplotlib's own font: it is on every machine and has Greek
    font = ImageFont.truetype(Path(matplotlib.get_data_path()) / "fonts/ttf/DejaVuSans.ttf", 13)
    strips = [(caption, [_thumbnail(frame) for frame in frames]) for caption, frames in rows]
    captions = [8 + round(font.getlength(caption)) for caption, _ in strips]
    width = max(*captions, *(sum(image.width + GAP for image in images) for _, images in strips))
    sheet = Image.new("RGB", (width, len(strips) * (CAPTION_HEIGHT + THUMBNAIL_HEIGHT + GAP)), "white")
    draw = ImageDraw.Draw(sheet)
    top = 0
    for caption, images in strips:
        draw.text((4, top + 3), caption, "black", font)
        left = 0
        for image in images:
            sheet.paste(image, (left, top + CAPTION_HEIGHT))
            left += image.width + GAP
        top += CAPTION_HEIGHT + THUMBNAIL_HEIGHT + GAP
    sheet.save(path)


def film_strip(frames: list[np.ndarray], height: int = THUMBNAIL_HEIGHT) -> Image.Image:
    """Return the frames (RGB uint8, (H, W, 3)) side by side, `height` px high."""
    return Image.fromarray(np.concatenate([np.asarray(_thumbnail(frame, height)) for frame in frames], axis=1))


def _thumbnail(frame: np.ndarray, height: int = THUMBNAIL_HEIGHT) -> Image.Image:
    return Image.fromarray(frame).resize((round(height * frame.shape[1] / frame.shape[0]), height))
