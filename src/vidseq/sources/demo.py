"""The embedded data set: an articulated figure in five actions, drawn here, so that no download is needed.

SitDown and StandUp show the same poses, one in the other's reverse order: only a model that knows the order of the
frames can tell them apart.
"""

from collections.abc import Callable, Iterator
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
from vidseq.sources.figure import ANKLE, Body, Colour, Pose, View, film, random_body, random_colour, shade, with_chair
from vidseq.video.write import write_video

if TYPE_CHECKING:
    from vidseq.params import DataParams

FPS = 25
SIZE = np.array([320, 240])  # px
MARGIN = 20  # px, how far the camera pans from the middle at the most
SHORTEST_S, LONGEST_S = 1.6, 4.2
REST_S = 0.35  # at the least, before and after the motion of SitDown and StandUp


def _wave(times: np.ndarray, period: float, rng: np.random.Generator) -> np.ndarray:
    """Return a sine of random phase, (N,) within -1 to 1."""
    return np.sin(2 * np.pi * (times / period + rng.random()))


def _stand(times: np.ndarray, body: Body, rng: np.random.Generator) -> Pose:
    """Stand at ease, with the slight sway of a living body."""
    still, sway = np.zeros(len(times)), 0.03 * _wave(times, rng.uniform(1.5, 3), rng)
    arm = np.stack([sway + rng.uniform(-0.1, 0.15), still + rng.uniform(0.08, 0.2), still + 0.96], -1)
    foot = np.stack([still, still + ANKLE, still + 0.06], -1)
    hip = np.stack([0.5 * sway, still + ANKLE + 0.99 * body.leg], -1)
    return Pose(hip, sway + 0.02, np.stack([arm, arm], 1), np.stack([foot, foot], 1), still)


def _jumping_jack(times: np.ndarray, body: Body, rng: np.random.Generator) -> Pose:
    pose = _stand(times, body, rng)
    turn = 2 * np.pi * (times / rng.uniform(0.8, 1.4) + rng.random())
    spread, hop = (1 - np.cos(turn)) / 2, 0.05 * np.abs(np.sin(turn))
    pose.arms[..., 1] = (0.2 + rng.uniform(2.2, 2.7) * spread)[:, None]
    pose.feet[..., 2] = (0.05 + rng.uniform(0.13, 0.2) * spread)[:, None]
    pose.feet[..., 1] += hop[:, None]
    pose.hip[:, 1] = ANKLE + hop + np.sqrt((0.99 * body.leg) ** 2 - (pose.feet[:, 0, 2] - 0.05) ** 2)
    return pose._replace(toes=8 * hop)


def _push_ups(times: np.ndarray, body: Body, rng: np.random.Generator) -> Pose:
    pose = _stand(times, body, rng)
    low = rng.uniform(0.4, 0.55)
    straight = low + (0.97 - low) * (1 + _wave(times, rng.uniform(1, 2), rng)) / 2
    ankle = np.array([-0.45, 2 * ANKLE])
    rise = np.arcsin((body.arm * straight + 0.02 - 2 * ANKLE) / (body.leg + body.torso))
    pose.arms[:] = np.stack([0 * rise, 0 * rise + 0.08, straight], -1)[:, None]
    pose.feet[..., :2] = ankle
    hip = ankle + 0.995 * body.leg * np.stack([np.cos(rise), np.sin(rise)], -1)
    return pose._replace(hip=hip, lean=np.pi / 2 - rise, toes=0 * rise + 1.3)


def _sit_down(times: np.ndarray, body: Body, rng: np.random.Generator) -> Pose:
    pose = _stand(times, body, rng)
    spare = times[-1] - 2 * REST_S
    motion = min(rng.uniform(0.7, 1.3), spare)
    onset = REST_S + rng.random() * (spare - motion)
    done = np.clip((times - onset) / motion, 0, 1)
    done = done**2 * (3 - 2 * done)
    bow = np.sin(np.pi * done)
    seated_arm = (rng.uniform(0.75, 0.95), 0.1, rng.uniform(0.72, 0.82))
    arms = pose.arms + done[:, None, None] * (seated_arm - pose.arms)
    arms[..., 0] += rng.uniform(0.2, 0.7) * bow[:, None]
    hip = pose.hip + done[:, None] * ((-0.93 * body.thigh, body.seat + 0.05) - pose.hip)
    return pose._replace(hip=hip, lean=pose.lean + rng.uniform(0.45, 0.7) * bow, arms=arms)


def _stand_up(times: np.ndarray, body: Body, rng: np.random.Generator) -> Pose:
    return Pose(*(values[::-1] for values in _sit_down(times, body, rng)))


def _waving(times: np.ndarray, body: Body, rng: np.random.Generator) -> Pose:
    pose = _stand(times, body, rng)
    spread = rng.uniform(2.2, 2.6) + rng.uniform(0.25, 0.45) * _wave(times, rng.uniform(0.5, 0.9), rng)
    pose.arms[:, rng.integers(2)] = np.stack([0 * spread + rng.uniform(-0.1, 0.3), spread, 0 * spread + 0.85], -1)
    return pose


# times (N,) in s, ascending from 0; the performer; a generator for all that is random
ACTIONS: dict[str, Callable[[np.ndarray, Body, np.random.Generator], Pose]] = {
    "JumpingJack": _jumping_jack,
    "PushUps": _push_ups,
    "SitDown": _sit_down,
    "StandUp": _stand_up,
    "Waving": _waving,
}
CLASSES: tuple[str, ...] = tuple(ACTIONS)


class Scene(NamedTuple):
    """What the clips of a group share: a performer in a room with a chair."""

    body: Body
    tempo: float
    room: Image.Image  # larger than a frame by the margin
    chair: Colour
    view: View  # of the performer before the chair


@lru_cache(maxsize=2)
def _scene(seed: int, group: int) -> Scene:
    rng = np.random.default_rng([seed, group])
    return Scene(
        body=random_body(rng),
        tempo=rng.uniform(0.8, 1.25),
        room=_room(rng),
        chair=random_colour(rng, (0.2, 0.7), (0.3, 0.9)),
        view=View(
            x=SIZE[0] / 2 + MARGIN,
            y=rng.uniform(200, 216) + MARGIN,
            height=rng.uniform(138, 160),
            yaw=rng.uniform(0, 0.7),
            mirror=int(rng.choice([-1, 1])),
        ),
    )


def _room(rng: np.random.Generator) -> Image.Image:
    """Draw a wall and a floor with a few things."""
    width, height = (SIZE + 2 * MARGIN).tolist()
    floor = int(rng.uniform(0.58, 0.74) * height)
    wall, ground = random_colour(rng, (0.02, 0.25), (0.7, 0.98)), random_colour(rng, (0.1, 0.4), (0.4, 0.75))
    room = Image.new("RGB", (width, height), wall)
    draw = ImageDraw.Draw(room)
    stripe = int(rng.integers(6, 30))
    for x in range(0, width, 2 * stripe):
        draw.rectangle((x, 0, x + stripe, floor), shade(wall, rng.uniform(0.9, 1.05)))
    draw.rectangle((0, floor, width, height), ground)
    for x in range(-3 * width, 4 * width, int(rng.integers(40, 120))):  # boards, towards a vanishing point
        draw.line((width / 3 + x / 3, floor, x, height), shade(ground, 0.85))
    draw.rectangle((0, floor - 5, width, floor), shade(wall, 0.7))
    for _ in range(rng.integers(1, 4)):
        _thing(draw, rng, int(rng.integers(0, width)), floor)
    light = Image.fromarray(rng.uniform(0.75, 1.15, (3, 4))).resize((width, height), Image.Resampling.BICUBIC)
    grain = rng.normal(0, 3, (height, width, 1))
    return Image.fromarray(np.clip(np.asarray(room) * np.asarray(light)[..., None] + grain, 0, 255).astype(np.uint8))


def _thing(draw: ImageDraw.ImageDraw, rng: np.random.Generator, x: int, floor: int) -> None:
    """Draw a picture on the wall, a bookcase or a plant."""
    paint, other = random_colour(rng, (0.2, 0.9), (0.3, 0.9)), random_colour(rng, (0.1, 0.7), (0.5, 1.0))
    kind, half, tall = rng.integers(3), int(rng.integers(14, 45)), int(rng.integers(30, 75))
    if kind == 0:
        draw.rectangle((x - half, 25, x + half, 25 + tall), other, paint, 4)
        draw.ellipse((x - half // 2, 25 + tall // 4, x + half // 2, 25 + tall // 2), paint)
    elif kind == 1:
        draw.rectangle((x - half, floor - 2 * tall, x + half, floor), shade(paint, 0.6))
        for shelf in range(floor - 2 * tall + 4, floor - 12, 24):
            for book in range(x - half + 3, x + half - 5, 6):
                spine = random_colour(rng, (0.2, 0.9), (0.3, 0.9))
                draw.rectangle((book, shelf + int(rng.integers(8)), book + 4, shelf + 20), spine)
    else:
        for angle in rng.uniform(-1.2, 1.2, 14):
            tip = (x + tall * np.sin(angle), floor - 15 - tall * np.cos(angle))
            draw.line((x, floor - 15, *tip), (40, int(rng.integers(90, 160)), 60), 5)
        draw.polygon((x - 14, floor - 18, x + 14, floor - 18, x + 10, floor + 8, x - 10, floor + 8), paint)


def draw_clip(seed: int, group: int, label: str, clip: int) -> Iterator[np.ndarray]:
    """Yield the frames of a clip as RGB uint8 (240, 320, 3); the same arguments give the same frames."""
    scene = _scene(seed, group)
    rng = np.random.default_rng([seed, group, CLASSES.index(label), clip])
    times = np.arange(round(rng.uniform(SHORTEST_S, LONGEST_S) * FPS)) / FPS
    pose = ACTIONS[label](scene.tempo * times, scene.body, rng)
    view, chair = _views(scene.view, label, rng)
    room = with_chair(_zoomed(scene.room, rng), scene.body.seat, scene.chair, chair)
    for picture in film(room, pose, scene.body, view, _pan(times, rng), SIZE):
        yield np.asarray(picture)


def _views(view: View, label: str, rng: np.random.Generator) -> tuple[View, View]:
    """Place the performer and the chair: behind for SitDown and StandUp, somewhere beside for the others."""
    height = view.height * rng.uniform(0.95, 1.05)
    view = view._replace(x=view.x + rng.uniform(-14, 14), y=view.y + rng.uniform(-4, 6), height=height)
    if label in ("SitDown", "StandUp"):
        view = view._replace(x=view.x + 0.15 * height * view.mirror)
        x, y = view.project(np.array([-0.05, 0, 0]))
    else:
        x, y = view.x + height * rng.choice([-1, 1]) * rng.uniform(0.55, 0.85), view.y - 0.1 * height
    chair = view._replace(x=x, y=y)
    faces_camera = label in ("JumpingJack", "Waving")
    return view._replace(yaw=rng.uniform(1.0, np.pi / 2)) if faces_camera else view, chair


def _zoomed(room: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Return a part of the room at the size of the whole."""
    part = rng.uniform(0.88, 1)
    start = rng.uniform(0, 1 - part, 2) * room.size
    return room.resize(room.size, Image.Resampling.BILINEAR, (*start, *(start + part * np.array(room.size))))


def _pan(times: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return each frame's upper left corner in px (N, 2): drift and wobble, alike in both directions of time."""
    drift = rng.uniform(-0.5, 0.5, 2) * (2 * times[:, None] / times[-1] - 1)
    wobble = [rng.uniform(0, 0.2) * _wave(times, rng.uniform(1, 4), rng) for _ in SIZE]
    return np.rint(MARGIN * (1 + drift + np.stack(wobble, -1))).astype(int)


def prepare(params: "DataParams", clips_dir: Path) -> pd.DataFrame:
    """Draw the clips into `clips_dir`, as `<Class>/v_<Class>_g<group>_c<clip>.avi`.

    Returns one row per clip: clip (the file's stem), path (relative to `clips_dir`), label, group ("g01": one performer
    in one room, in all the classes). What a clip shows depends on its name and the seed alone. Raises VidseqError for
    a class that is not drawn here.
    """
    for label in params.classes:
        if label not in CLASSES:
            raise VidseqError(f"data.classes: the demo has no class '{label}'; it has {', '.join(CLASSES)}")
    labels = [label for label in CLASSES if label in (params.classes or CLASSES)]
    groups, clips = range(1, params.demo.groups + 1), range(1, params.demo.clips + 1)
    jobs = list(product(groups, labels, clips))
    rows = []
    for group, label, clip in jobs:
        stem = f"v_{label}_g{group:02d}_c{clip:02d}"
        rows.append({"clip": stem, "path": f"{label}/{stem}.avi", "label": label, "group": f"g{group:02d}"})
        (clips_dir / label).mkdir(parents=True, exist_ok=True)
    with ProcessPoolExecutor() as pool:
        files = [clips_dir / row["path"] for row in rows]
        drawn = pool.map(_write, [params.seed] * len(jobs), *zip(*jobs, strict=True), files)
        for _ in track(drawn, "drawing clips", len(jobs)):
            pass
    return pd.DataFrame(rows).sort_values("clip", ignore_index=True)


def _write(seed: int, group: int, label: str, clip: int, file: Path) -> None:
    write_video(file, draw_clip(seed, group, label, clip), FPS)
