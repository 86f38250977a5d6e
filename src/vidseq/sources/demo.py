"""The embedded data set: performers at two exercises, drawn here, so that no download is needed.

A clip shows two moves: the arms go up and down, the knees bend and stretch, or both at once. Only the second move
settles four of the five classes. Each move is its own time reversal, so RaiseThenSquat and SquatThenRaise show the same
frames and the same differences between frames, in reverse order: only a model that knows the order can tell them apart.
"""

import colorsys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import lru_cache
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd
from PIL import Image, ImageDraw

from vidseq.errors import VidseqError
from vidseq.progress import track
from vidseq.video.write import write_video

if TYPE_CHECKING:
    from vidseq.params import DataParams

FPS = 10
SIZE = np.array([320, 240])  # px
MARGIN = 10  # px, how far the camera moves from the middle at the most

RAISE, SQUAT, BOTH = (1, 0), (0, 1), (1, 1)  # whether a move has the arms, the knees
CLASSES = {  # the two moves of each class
    "RaiseThenSquat": (RAISE, SQUAT),
    "RaiseTwice": (RAISE, RAISE),
    "RaiseWithSquat": (BOTH, BOTH),
    "SquatThenRaise": (SQUAT, RAISE),
    "SquatTwice": (SQUAT, SQUAT),
}
WANTED, UNWANTED = (0.75, 1.0), (0.0, 0.2)  # how far the arms or knees of a move go, 1 being all the way

Colour = tuple[int, int, int]


class Timing(NamedTuple):
    """When a clip's two moves happen."""

    rests: np.ndarray  # (3,) s: before, between and after the moves
    moves: np.ndarray  # (2,) s


def random_timing(rng: np.random.Generator, tempo: float) -> Timing:
    """Draw a clip's timing; backwards, each is as likely as forwards."""
    return Timing(rng.uniform(0.4, 1.2, 3), rng.uniform(1.4, 2.6, 2) / tempo)


def pose(timing: Timing, extents: np.ndarray) -> np.ndarray:
    """Return how high the arms and how bent the knees are in each frame, (N, 2) from 0 to 1.

    `extents` (2, 2) says how far either goes in each move. With timing and extents reversed, the poses are reversed.
    """
    seconds = timing.rests.sum() + timing.moves.sum()
    frames = round(FPS * seconds)
    times = (np.arange(frames) + 0.5) / frames * seconds
    middles = timing.rests[:2].cumsum() + timing.moves.cumsum() - timing.moves / 2
    phases = np.clip((times[:, None] - middles) / timing.moves, -0.5, 0.5)
    return np.cos(np.pi * phases) ** 2 @ extents


class Performer(NamedTuple):
    """A figure of limbs, seen from the front. Lengths are in body heights."""

    leg: float
    torso: float
    arm: float
    head: float  # radius
    girth: float  # a factor of the limbs' thickness
    turn: float  # how wide the figure looks: less, the more it is turned aside
    bend: float  # rad, by how much the elbows are bent
    skin: Colour
    shirt: Colour
    trousers: Colour

    def draw(self, draw: ImageDraw.ImageDraw, place: np.ndarray, height: float, arms: float, knees: float) -> None:
        """Draw the figure, `height` px tall, with its feet at `place` (x, y); arms and knees as in `pose`."""

        def limb(thickness: float, colour: Colour, *joints: complex) -> None:
            points = [tuple(place + height * np.array([self.turn * joint.real, -joint.imag])) for joint in joints]
            radius = height * self.girth * thickness / 2
            draw.line(points, colour, round(2 * radius), joint="curve")
            for x, y in points:
                draw.ellipse((x - radius, y - radius, x + radius, y + radius), colour)

        # a joint is a complex number: its distance to the right and, imaginary, its height
        hip = 1j * (0.03 + self.leg * (1 - 0.55 * knees))
        neck = hip + 1j * self.torso
        for side in (-1, 1):
            thigh, foot = hip + 0.05 * side, 0.09 * side + 0.03j
            aside = np.sqrt(max(0, self.leg**2 - abs(thigh - foot) ** 2)) / 2
            limb(0.085, self.trousers, thigh, (thigh + foot) / 2 + aside * side, foot)
        limb(0.17, self.shirt, hip + 0.04j, neck - 0.07j)
        for side in (-1, 1):
            angle = 0.15 + 2.5 * arms  # from hanging
            shoulder = neck + 0.095 * side - 0.04j
            elbow = shoulder - 0.5j * self.arm * np.exp(1j * side * angle)
            hand = elbow - 0.5j * self.arm * np.exp(1j * side * (angle + self.bend))
            limb(0.06, self.skin, elbow, hand)
            limb(0.07, self.shirt, shoulder, elbow)
        limb(2 * self.head / self.girth, self.skin, neck + 1j * (self.head + 0.01))


def random_performer(rng: np.random.Generator) -> Performer:
    """Draw a performer."""
    leg, torso, arm, head = rng.uniform(0.92, 1.08, 4) * (0.47, 0.33, 0.36, 0.075)
    light = rng.uniform(0.4, 1)
    return Performer(
        *(leg, torso, arm, head),
        girth=rng.uniform(0.8, 1.3),
        turn=rng.uniform(0.7, 1),
        bend=rng.uniform(0, 0.5),
        skin=(int(240 * light), int(195 * light), int(160 * light)),
        shirt=_random_colour(rng, 0.4, 0.9),
        trousers=_random_colour(rng, 0.2, 0.7),
    )


def _random_colour(rng: np.random.Generator, low: float, high: float) -> Colour:
    """Draw a colour of any hue, with saturation and brightness in the range."""
    red, green, blue = colorsys.hsv_to_rgb(rng.random(), *rng.uniform(low, high, 2))
    return int(255 * red), int(255 * green), int(255 * blue)


class Scene(NamedTuple):
    """What the clips of a group share: a performer in a room, and how fast and how well they move."""

    performer: Performer
    room: Image.Image  # larger than a frame by the margin on every side
    floor: float  # px, where the feet are
    tempo: float
    style: np.ndarray  # (2,) how far the arms and the knees go


@lru_cache(maxsize=2)
def _scene(seed: int, group: int) -> Scene:
    rng = np.random.default_rng([seed, group])
    return Scene(
        random_performer(rng),
        _room(rng),
        rng.uniform(212, 228) + MARGIN,
        rng.uniform(0.8, 1.25),
        rng.uniform(0.85, 1, 2),
    )


def _room(rng: np.random.Generator) -> Image.Image:
    """Draw a striped wall, a floor and some boxes."""
    width, height = (SIZE + 2 * MARGIN).tolist()
    floor = int(rng.uniform(0.6, 0.75) * height)
    room = Image.new("RGB", (width, height), _random_colour(rng, 0.1, 0.6))
    draw = ImageDraw.Draw(room)
    stripe, colour = int(rng.integers(8, 40)), _random_colour(rng, 0.1, 0.6)
    for x in range(0, width, 2 * stripe):
        draw.rectangle((x, 0, x + stripe // 2, floor), colour)
    draw.rectangle((0, floor, width, height), _random_colour(rng, 0.1, 0.6))
    for _ in range(rng.integers(2, 7)):
        x, y, half, tall = rng.uniform((0, 30, 8, 15), (width, floor + 10, 40, 80))
        draw.rectangle((x - half, y - tall, x + half, y), _random_colour(rng, 0.1, 0.9))
    light = Image.fromarray(rng.uniform(0.7, 1.2, (3, 4))).resize((width, height), Image.Resampling.BICUBIC)
    return Image.fromarray(np.clip(np.asarray(room) * np.asarray(light)[..., None], 0, 255).astype(np.uint8))


def _wander(frames: int, rng: np.random.Generator, period: float) -> np.ndarray:
    """Return a slow sine of random phase per frame (N,), from -1 to 1: alike in both directions of time."""
    return np.sin(2 * np.pi * (np.arange(frames) / FPS / period + rng.random()))


def draw_clip(seed: int, group: int, label: str, clip: int) -> Iterator[np.ndarray]:
    """Yield the frames of a clip as RGB uint8 (240, 320, 3); the same arguments give the same frames."""
    scene = _scene(seed, group)
    rng = np.random.default_rng([seed, group, list(CLASSES).index(label), clip])
    wanted, unwanted = scene.style * rng.uniform(*WANTED, (2, 2)), rng.uniform(*UNWANTED, (2, 2))
    poses = pose(random_timing(rng, scene.tempo), np.where(CLASSES[label], wanted, unwanted))
    frames = len(poses)
    poses += 0.02 * np.stack([_wander(frames, rng, 2), 1 + _wander(frames, rng, 3)], -1)

    middle, height = SIZE[0] / 2 + MARGIN, rng.uniform(162, 186)
    place = np.array([middle + rng.uniform(-40, 40), scene.floor + rng.uniform(-5, 5)])
    place = place + rng.uniform(0, 3) * np.stack([_wander(frames, rng, rng.uniform(2, 6)), np.zeros(frames)], -1)
    # someone in the background, who also moves arms and knees now and then
    other, beside = random_performer(rng), middle + rng.choice([-1, 1]) * rng.uniform(80, 140)
    others = np.stack([_wander(frames, rng, rng.uniform(1, 3)) for _ in range(2)], -1) * rng.uniform(0, 0.2, 2)
    camera = [rng.uniform(0, 1) * _wander(frames, rng, rng.uniform(1, 6)) for _ in SIZE]
    corners = np.rint(MARGIN * (1 + np.stack(camera, -1))).astype(int)
    grain = int(rng.integers(5))
    for frame in range(frames):
        picture = scene.room.copy()
        draw = ImageDraw.Draw(picture)
        other.draw(draw, np.array([beside, scene.floor - 25]), 0.75 * height, *np.maximum(others[frame], 0))
        scene.performer.draw(draw, place[frame], height, *poses[frame])
        view = np.asarray(picture.crop((*corners[frame], *(corners[frame] + SIZE))), np.int16)
        noise = rng.integers(-grain, grain, view.shape[:2], np.int16, endpoint=True)
        yield np.clip(view + noise[..., None], 0, 255).astype(np.uint8)


def find(params: "DataParams") -> pd.DataFrame:
    """Return one row per clip: clip (the file's stem), path (`<Class>/v_<Class>_g<group>_c<clip>.avi`), label, group.

    A group ("g01") is one performer in one room, in all the classes. Raises VidseqError for a class that is not drawn
    here.
    """
    for label in params.classes:
        if label not in CLASSES:
            raise VidseqError(f"data.classes: the demo has no class '{label}'; it has {', '.join(CLASSES)}")
    labels = [label for label in CLASSES if label in (params.classes or CLASSES)]
    groups, clips = range(1, params.demo.groups + 1), range(1, params.demo.clips + 1)
    rows = []
    for group, label, clip in product(groups, labels, clips):
        stem = f"v_{label}_g{group:02d}_c{clip:02d}"
        rows.append({"clip": stem, "path": f"{label}/{stem}.avi", "label": label, "group": f"g{group:02d}"})
    return pd.DataFrame(rows).sort_values("clip", ignore_index=True)


def fetch(params: "DataParams", clips: pd.DataFrame, clips_dir: Path) -> None:
    """Draw the clips of the table into `clips_dir`. What a clip shows depends on its name and the seed alone."""
    for label in clips.label.unique():
        (clips_dir / label).mkdir(parents=True, exist_ok=True)
    files = [clips_dir / path for path in clips.path]
    groups, numbers = (clips["clip"].str.extract(pattern)[0].astype(int) for pattern in (r"_g(\d+)_", r"_c(\d+)$"))
    with ProcessPoolExecutor() as pool:
        drawn = pool.map(_write, [params.seed] * len(clips), groups, clips.label, numbers, files)
        for _ in track(drawn, "drawing clips", len(clips)):
            pass


def _write(seed: int, group: int, label: str, clip: int, file: Path) -> None:
    write_video(file, draw_clip(seed, group, label, clip), FPS)
