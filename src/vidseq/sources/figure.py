"""A jointed human figure and its chair, drawn with Pillow.

Lengths are in body heights. A point is (forward, up, left) from the figure's place on the floor; of two sides, the left
one comes first.
"""

import colorsys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw

SUPERSAMPLING = 2  # shapes are drawn at this multiple of the size and reduced, for smooth edges
TILT = 0.22  # the camera looks down a little: what is nearer stands lower in the picture
ANKLE, FOOT = 0.045, 0.085  # height of the ankle, length of the foot
ELBOW_POLE, KNEE_POLE = (-0.6, -0.4, 0.6), (1.0, 0.0, 0.15)  # where the bent joint points: forward, up, outward
ARM, LEG = ("shoulder", "elbow", "hand"), ("hip", "knee", "ankle", "toe")

Colour = tuple[int, int, int]
Part = tuple[str, str, float, float, Colour]  # a limb from joint to joint, its radius at either, its colour


def random_colour(rng: np.random.Generator, saturation: tuple[float, float], value: tuple[float, float]) -> Colour:
    """Draw a colour of any hue, with saturation and value from the given ranges within 0-1."""
    return _rgb(colorsys.hsv_to_rgb(rng.random(), rng.uniform(*saturation), rng.uniform(*value)))


def shade(colour: Colour, light: float) -> Colour:
    """Return the colour under `light` times the light."""
    return _rgb([channel / 255 * light for channel in colour])


def _rgb(channels: tuple[float, ...] | list[float] | np.ndarray) -> Colour:
    red, green, blue = (int(255 * min(channel, 1.0)) for channel in channels)
    return red, green, blue


@dataclass(frozen=True)
class Body:
    """A performer: lengths of the bones, stoutness, colours, clothes."""

    shin: float
    thigh: float
    torso: float
    arm: float
    head: float  # radius
    shoulders: float  # half the width
    girth: float  # a factor of all radii but the head's
    skin: Colour
    hair: Colour
    shirt: Colour
    sleeves: Colour  # of the forearm
    trousers: Colour
    hose: Colour  # of the shin
    shoes: Colour
    long_hair: bool

    @property
    def leg(self) -> float:
        """The length from hip to ankle."""
        return self.thigh + self.shin

    @property
    def seat(self) -> float:
        """The height of a chair that fits."""
        return 0.9 * self.shin + ANKLE


def random_body(rng: np.random.Generator) -> Body:
    """Draw a performer."""
    bones = rng.uniform(0.93, 1.07, 6) * (0.245, 0.245, 0.29, 0.35, 0.078, 0.1)
    shin, thigh, torso, arm, head, shoulders = bones.tolist()
    skin = _rgb(rng.uniform(0.35, 1.0) * np.array([0.95, 0.76, 0.62]))
    shirt = random_colour(rng, (0.4, 0.95), (0.3, 0.9))
    trousers = random_colour(rng, (0.2, 0.8), (0.12, 0.6))
    return Body(
        *(shin, thigh, torso, arm, head, shoulders),
        girth=rng.uniform(0.85, 1.35),
        skin=skin,
        hair=_rgb(rng.uniform(0.05, 0.8) * np.array([1.0, 0.75, 0.45])),
        shirt=shirt,
        sleeves=skin if rng.random() < 0.5 else shirt,
        trousers=trousers,
        hose=skin if rng.random() < 0.3 else trousers,
        shoes=random_colour(rng, (0.0, 0.6), (0.1, 0.9)),
        long_hair=rng.random() < 0.4,
    )


class Pose(NamedTuple):
    """The poses of N frames; angles in rad."""

    hip: np.ndarray  # (N, 2) forward, up
    lean: np.ndarray  # (N,) the torso's angle forward from upright
    arms: np.ndarray  # (N, 2, 3) swing forward and spread sideways from hanging; how straight, 1 at the most
    feet: np.ndarray  # (N, 2, 3) the ankles: forward, up, outward
    toes: np.ndarray  # (N,) the feet's angle down from level


class View(NamedTuple):
    """How points become pixels: an orthographic camera."""

    x: float  # px, where the floor point stands in the picture
    y: float
    height: float  # px of a body height
    yaw: float  # rad; at 0 the figure faces the picture's side, at pi/2 the camera
    mirror: int  # 1 faces right, -1 faces left

    def project(self, points: np.ndarray) -> np.ndarray:
        """Return pixels (..., 2) of points (..., 3)."""
        forward, up, left = np.moveaxis(points, -1, 0)
        across = forward * np.cos(self.yaw) + left * np.sin(self.yaw)
        near = forward * np.sin(self.yaw) - left * np.cos(self.yaw)
        return np.stack([self.x + self.height * self.mirror * across, self.y + self.height * (TILT * near - up)], -1)


def _bend(start: np.ndarray, end: np.ndarray, upper: float, lower: float, pole: np.ndarray) -> np.ndarray:
    """Return the middle joint (N, 3) of limbs of two bones from `start` to `end`: inverse kinematics."""
    reach = np.linalg.norm(end - start, axis=-1, keepdims=True)
    along = (end - start) / reach
    foot = np.clip((upper**2 - lower**2 + reach**2) / (2 * reach), -upper, upper)
    aside = pole - (along @ pole)[:, None] * along
    aside /= np.linalg.norm(aside, axis=-1, keepdims=True)
    return start + foot * along + np.sqrt(upper**2 - foot**2) * aside


def _joints(pose: Pose, body: Body) -> dict[str, np.ndarray]:
    """Return the points (N, 3) of every joint, by name; those of a side end in `.left` or `.right`."""
    zero = np.zeros(len(pose.lean))
    up = np.stack([np.sin(pose.lean), np.cos(pose.lean), zero], -1)
    front = np.stack([np.cos(pose.lean), -np.sin(pose.lean), zero], -1)
    pelvis = np.column_stack([pose.hip, zero])
    head = pelvis + (body.torso + 0.03 + body.head) * up
    joints = {
        "pelvis": pelvis,
        "chest": pelvis + 0.75 * body.torso * up,
        "neck": pelvis + body.torso * up,
        "skull": head + body.head * (0.18 * up - 0.12 * front),
        "nape": head - body.head * (1.1 * up + 0.65 * front),
        "face": head + body.head * (0.2 * front - 0.1 * up),
    }
    for index, side in enumerate(("left", "right")):
        outward = np.array([1.0, 1.0, 1.0 - 2 * index])
        swing, spread, straight = np.moveaxis(pose.arms[:, index], -1, 0)
        hang = np.stack([np.sin(swing) * np.cos(spread), -np.cos(swing) * np.cos(spread), np.sin(spread)], -1)
        shoulder = pelvis + 0.93 * body.torso * up + outward * (0, 0, body.shoulders)
        hand = shoulder + body.arm * straight[:, None] * hang * outward
        hip = pelvis + outward * (0, 0, 0.55 * body.shoulders)
        ankle = pose.feet[:, index] * outward
        toe = ankle + FOOT * np.stack([np.cos(pose.toes), -np.sin(pose.toes) - 0.2, zero + 0.2], -1) * outward
        elbow = _bend(shoulder, hand, 0.52 * body.arm, 0.48 * body.arm, outward * ELBOW_POLE)
        knee = _bend(hip, ankle, body.thigh, body.shin, outward * KNEE_POLE)
        points = (shoulder, elbow, hand, hip, knee, ankle, toe)
        joints |= {f"{name}.{side}": point for name, point in zip((*ARM, *LEG), points, strict=True)}
    return joints


def _limbs(body: Body, side: str, light: float) -> tuple[list[Part], list[Part]]:
    """Return the parts of an arm and of a leg; upper ones last, so that a sleeve covers the bare limb's end."""
    shoulder, elbow, hand, hip, knee, ankle, toe = (f"{joint}.{side}" for joint in (*ARM, *LEG))
    girth = body.girth
    arm = [
        (elbow, hand, 0.026 * girth, 0.021 * girth, shade(body.sleeves, light)),
        (hand, hand, 0.027, 0.027, shade(body.skin, light)),
        (shoulder, elbow, 0.036 * girth, 0.029 * girth, shade(body.shirt, light)),
    ]
    leg = [
        (knee, ankle, 0.038 * girth, 0.027 * girth, shade(body.hose, light)),
        (ankle, toe, 0.028, 0.02, shade(body.shoes, light)),
        (hip, knee, 0.053 * girth, 0.041 * girth, shade(body.trousers, light)),
    ]
    return arm, leg


def _parts(body: Body) -> list[Part]:
    """List the parts from the far to the near ones: every view has the right side nearer."""
    girth = body.girth
    far_arm, far_leg = _limbs(body, "left", 0.75)
    near_arm, near_leg = _limbs(body, "right", 0.95)
    return [
        *far_arm,
        *far_leg,
        ("pelvis", "chest", 0.066 * girth, 0.07 * girth, body.shirt),
        ("shoulder.left", "pelvis", 0.036 * girth, 0.05 * girth, body.shirt),
        ("shoulder.right", "pelvis", 0.036 * girth, 0.05 * girth, body.shirt),
        ("shoulder.left", "shoulder.right", 0.036 * girth, 0.036 * girth, body.shirt),
        ("hip.left", "hip.right", 0.05 * girth, 0.05 * girth, body.trousers),
        *near_leg,
        ("neck", "face", 0.03, 0.03, shade(body.skin, 0.85)),
        ("skull", "nape" if body.long_hair else "skull", 1.02 * body.head, 0.6 * body.head, body.hair),
        ("face", "face", 0.82 * body.head, 0.82 * body.head, body.skin),
        *near_arm,
    ]


def film(
    room: Image.Image, pose: Pose, body: Body, view: View, corners: np.ndarray, size: np.ndarray
) -> Iterator[Image.Image]:
    """Yield N pictures of the figure in the room: `size` (width, height) px from the upper left `corners` (N, 2)."""
    parts = _parts(body)
    pixels = {name: view.project(points) for name, points in _joints(pose, body).items()}
    ends = np.stack([[pixels[part[0]], pixels[part[1]]] for part in parts]).transpose(2, 0, 1, 3)  # (N, parts, 2, xy)
    radii = view.height * np.array([part[2:4] for part in parts])[:, :, None]
    along = ends[:, :, 1] - ends[:, :, 0]
    across = np.stack([-along[..., 1], along[..., 0]], -1) / (np.linalg.norm(along, axis=-1, keepdims=True) + 1e-6)
    aside = radii * across[:, :, None]
    limbs = np.concatenate([ends + aside, (ends - aside)[:, :, ::-1]], 2)
    caps = np.concatenate([ends - radii, ends + radii], -1)

    # only the patch in which the figure moves is supersampled
    low, high = (np.floor(caps.min((0, 1, 2))[:2]) - 1).astype(int), (np.ceil(caps.max((0, 1, 2))[2:]) + 1).astype(int)
    patch = _enlarged(room.crop((*low, *high)))
    limbs = (SUPERSAMPLING * (limbs - low)).reshape(len(limbs), len(parts), 8)
    caps = SUPERSAMPLING * (caps - [*low, *low])
    for corner, frame_limbs, frame_caps in zip(corners, limbs, caps, strict=True):
        moved = patch.copy()
        draw = ImageDraw.Draw(moved)
        for (*_, colour), limb, (start, end) in zip(parts, frame_limbs.tolist(), frame_caps.tolist(), strict=True):
            draw.polygon(limb, colour)
            draw.ellipse(start, colour)
            draw.ellipse(end, colour)
        picture = room.crop((*corner, *(corner + size)))
        picture.paste(moved.reduce(SUPERSAMPLING), tuple(low - corner))
        yield picture


def _enlarged(picture: Image.Image) -> Image.Image:
    width, height = picture.size
    return picture.resize((SUPERSAMPLING * width, SUPERSAMPLING * height), Image.Resampling.NEAREST)


def with_chair(room: Image.Image, seat: float, colour: Colour, view: View) -> Image.Image:
    """Return the room with a chair whose seat is `seat` high and begins at the view's floor point."""
    large = _enlarged(room)
    view = view._replace(x=SUPERSAMPLING * view.x, y=SUPERSAMPLING * view.y, height=SUPERSAMPLING * view.height)
    draw, thick = ImageDraw.Draw(large), round(0.025 * view.height)

    def pixels(*points: tuple[float, float, float]) -> list[tuple[float, ...]]:
        return [tuple(point) for point in view.project(np.array(points)).tolist()]

    left, right = 0.15, -0.15
    front, back, top = (0, seat), (-0.33, seat), (-0.35, 2 * seat)
    for foot in (-0.32, -0.02):
        for side in (left, right):
            draw.line(pixels((foot, 0, side), (foot, seat, side)), shade(colour, 0.7), thick)
    draw.polygon(pixels((*back, left), (*back, right), (*top, right), (*top, left)), colour)
    draw.polygon(pixels((*front, left), (*front, right), (*back, right), (*back, left)), shade(colour, 0.9))
    for side in (left, right):
        draw.line(pixels((*front, side), (*back, side), (*top, side)), shade(colour, 0.8), thick)
    return large.reduce(SUPERSAMPLING)
