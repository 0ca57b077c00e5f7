"""Pathfinder (arXiv 1805.08315) as in Long Range Arena: are the two marked ends joined by one dashed, curved contour?

Every picture has two long contours that start near each other and grow together, a dash each in turn, and short distractors.
One marker is on the start of a long contour, the other on the end of the same one (joined) or of the other (apart). After a
dash a contour goes straight on for a margin, turns, goes on for another margin, and there the next dash begins: at most two
margins away, while every other dash is further. A turn by d has a density of cos(min(c |d|, pi / 2))^2, c the continuity.
The numbers are those with which the arena's pictures were drawn. A picture of side 32 (to 128, Path-X) is read row by row, a
byte a pixel. Compiled by numba, since training looks at millions of pictures once.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numba import njit

CLASS_NAMES = ["apart", "joined"]
INK = 0.75  # brightness, of 1; that of the markers is 1
NO_HINT = 255
SHORTEST = 3  # dashes of a long contour in training
GRID = 2  # cells a pixel, of what is taken
TURNS = 64  # that are tried for a dash
STARTS = 4  # that are tried for a distractor


@dataclass(frozen=True)
class Drawing:
    """Lengths in pixels."""

    dash: float
    margins: tuple[float, float]  # least and most of the pictures, whole numbers of half a pixel
    dashes: int  # of a long contour
    distractor: int  # dashes of one
    distractors: int  # at most, where there is room
    apart: float  # the two starts
    continuity: float
    thickness: float
    marker: float  # radius


# By side: 32 and 128 as published; the others are what training grows through.
DRAWINGS = {
    16: Drawing(2, (1, 1), 4, 2, 2, 4, 1.0, 0.5, 1.5),
    20: Drawing(2, (1, 1), 6, 2, 3, 5, 1.0, 0.5, 1.5),
    24: Drawing(2, (1, 1), 8, 3, 3, 5, 1.0, 0.5, 1.5),
    28: Drawing(2, (1, 1), 11, 4, 4, 6, 1.0, 0.5, 1.5),
    32: Drawing(2, (1, 1), 14, 4, 5, 7, 1.0, 0.5, 1.5),
    40: Drawing(2, (1, 1), 14, 4, 6, 8, 1.1, 0.5, 1.5),
    48: Drawing(2, (1, 1.5), 14, 4, 7, 9, 1.2, 0.75, 1.5),
    56: Drawing(2.5, (1, 1.5), 14, 4, 7, 9, 1.3, 0.75, 1.75),
    64: Drawing(3, (1, 1.5), 14, 4, 8, 10, 1.4, 1.0, 2.0),
    80: Drawing(3.5, (1.5, 2), 14, 4, 8, 12, 1.5, 1.0, 2.25),
    96: Drawing(4, (1.5, 2), 14, 4, 8, 15, 1.6, 1.25, 2.5),
    112: Drawing(4.5, (2, 2.5), 14, 4, 8, 17, 1.7, 1.5, 2.75),
    128: Drawing(5, (2, 3), 14, 4, 8, 20, 1.8, 1.5, 3.0),
}


def make(seed: int, length: int, held_out: bool) -> tuple[np.ndarray, int, np.ndarray]:
    """Pixels [length], joined or not, and hints: for each pixel with ink, how many markers are on its contour.

    In training half of the contours are shorter, so that what is to be learned begins with short ones.
    """
    side = math.isqrt(length)
    drawing = DRAWINGS[side]
    rng = np.random.default_rng([seed, int(held_out), side])
    short = not held_out and rng.random() < 0.5
    dashes = int(rng.integers(SHORTEST, drawing.dashes + 1)) if short else drawing.dashes
    least, most = drawing.margins
    margin = rng.integers(round(2 * least), round(2 * most) + 1) / 2
    label = int(rng.integers(2))
    pixels, hints = draw(
        rng,
        side,
        label,
        dashes,
        drawing.dash,
        margin,
        drawing.distractor,
        drawing.distractors,
        drawing.apart,
        drawing.continuity,
        drawing.thickness,
        drawing.marker,
    )
    return pixels.reshape(-1), label, hints.reshape(-1)


@njit(cache=True)
def draw(
    rng, side, label, dashes, dash, margin, distractor, distractors, apart, continuity, thickness, marker
):
    """Pixels and hints [side, side] uint8."""
    while True:  # until both contours found room
        taken = np.zeros((side * GRID, side * GRID), np.bool_)
        both = np.zeros((2, dashes, 4))  # from and to of each dash
        if grow_both(rng, taken, both, side, dash, margin, apart, continuity):
            break
    light = np.zeros((side, side))
    hints = np.full((side, side), NO_HINT, np.uint8)
    track = np.zeros((distractor, 4))
    for _ in range(distractors):
        for _ in range(STARTS):
            if wander(rng, taken, track, side, dash, margin, continuity):
                for line in track:
                    take(taken, line, margin)
                    ink(light, hints, line, thickness, INK, 0)
                break
    first = int(rng.integers(0, 2))
    second = first if label else 1 - first
    for contour in range(2):
        marks = int(contour == first) + int(contour == second)
        for line in both[contour]:
            ink(light, hints, line, thickness, INK, marks)
    for place in (both[first, 0, :2], both[second, -1, 2:]):
        spot = np.concatenate((place, place))
        ink(light, hints, spot, 2 * marker, 1.0, 1 + label)
    return np.round(255 * light).astype(np.uint8), hints


@njit(cache=True)
def grow_both(rng, taken, both, side, dash, margin, apart, continuity):
    """Writes both contours and takes their room; false where one finds no way on."""
    middle = max(side - 4 * apart, 2.0)
    row, column = (
        side / 2 + rng.uniform(-middle / 2, middle / 2),
        side / 2 + rng.uniform(-middle / 2, middle / 2),
    )
    angle = rng.uniform(0, 2 * np.pi)
    for contour in range(2):
        begin_dash(rng, both[contour], row, column, dash)
        row, column = row + apart * np.sin(angle), column + apart * np.cos(angle)
    for contour in range(2):
        if not free(taken, both[contour, 0], side):
            return False
    if nearest(both[0, 0], both[1, 0]) <= 2 * margin:
        return False
    for step in range(1, both.shape[1]):
        for contour in range(2):
            # The other contour's last dash counts; this one's own does not, since its successor is nearer than others may be.
            if not next_dash(
                rng,
                taken,
                both[contour],
                step,
                both[1 - contour, step - 1 + contour],
                side,
                dash,
                margin,
                continuity,
            ):
                return False
            take(taken, both[contour, step - 1], margin)
    for contour in range(2):
        take(taken, both[contour, -1], margin)
    return True


@njit(cache=True)
def wander(rng, taken, track, side, dash, margin, continuity):
    """Writes a distractor; false where it finds no room."""
    begin_dash(rng, track, rng.uniform(1, side - 2), rng.uniform(1, side - 2), dash)
    if not free(taken, track[0], side):
        return False
    for step in range(1, len(track)):
        if not next_dash(rng, taken, track, step, track[max(step - 2, 0)], side, dash, margin, continuity):
            return False
    return True


@njit(cache=True)
def begin_dash(rng, track, row, column, dash):
    heading = rng.uniform(0, 2 * np.pi)
    track[0] = row, column, row + dash * np.sin(heading), column + dash * np.cos(heading)


@njit(cache=True)
def next_dash(rng, taken, track, step, other, side, dash, margin, continuity):
    """Writes track[step], two margins from other too where that is not the dash before; false if no turn of TURNS fits."""
    r0, c0, r1, c1 = track[step - 1]
    heading = np.arctan2(r1 - r0, c1 - c0)
    row, column = r1 + margin * np.sin(heading), c1 + margin * np.cos(heading)
    beside = step > 1 or not np.array_equal(other, track[0])
    for _ in range(TURNS):
        turned = heading + turn(rng, continuity)
        r, c = row + margin * np.sin(turned), column + margin * np.cos(turned)
        track[step] = r, c, r + dash * np.sin(turned), c + dash * np.cos(turned)
        if free(taken, track[step], side) and not (beside and nearest(track[step], other) <= 2 * margin):
            return True
    return False


@njit(cache=True)
def turn(rng, continuity):
    """By rejection."""
    while True:
        angle = rng.uniform(-np.pi / 2, np.pi / 2) / continuity
        if rng.random() < np.cos(continuity * angle) ** 2:
            return angle


@njit(cache=True)
def free(taken, line, side):
    """Inside the picture by a pixel, and on no cell that is taken?"""
    steps = 2 * int(math.ceil(max(abs(line[2] - line[0]), abs(line[3] - line[1]), 1.0)))
    for i in range(steps + 1):
        row, column = along(line, i / steps)
        if not (1 <= row <= side - 2 and 1 <= column <= side - 2):
            return False
        if taken[int(round(row * GRID)), int(round(column * GRID))]:
            return False
    return True


@njit(cache=True)
def take(taken, line, margin):
    """Takes the cells at most two margins from a dash."""
    size, reach = len(taken), 2 * margin
    low_row, high_row = min(line[0], line[2]) - reach, max(line[0], line[2]) + reach
    low_column, high_column = min(line[1], line[3]) - reach, max(line[1], line[3]) + reach
    for row in range(max(0, int(low_row * GRID)), min(size, int(high_row * GRID) + 2)):
        for column in range(max(0, int(low_column * GRID)), min(size, int(high_column * GRID) + 2)):
            if distance(row / GRID, column / GRID, line) <= reach:
                taken[row, column] = True


@njit(cache=True)
def ink(light, hints, line, thickness, brightness, hint):
    """Draws a line with soft edges, and its hint where it shows."""
    size, reach = len(light), thickness / 2 + 1
    for row in range(
        max(0, int(min(line[0], line[2]) - reach)), min(size, int(max(line[0], line[2]) + reach) + 2)
    ):
        for column in range(
            max(0, int(min(line[1], line[3]) - reach)), min(size, int(max(line[1], line[3]) + reach) + 2)
        ):
            cover = min(max(thickness / 2 + 0.5 - distance(row, column, line), 0.0), 1.0)
            light[row, column] = max(light[row, column], brightness * cover)
            if cover > 0.2:
                hints[row, column] = hint


@njit(cache=True)
def along(line, share):
    return line[0] + share * (line[2] - line[0]), line[1] + share * (line[3] - line[1])


@njit(cache=True)
def distance(row, column, line):
    """From a place to a line."""
    dr, dc = line[2] - line[0], line[3] - line[1]
    share = ((row - line[0]) * dr + (column - line[1]) * dc) / max(dr * dr + dc * dc, 1e-9)
    r, c = along(line, min(max(share, 0.0), 1.0))
    return math.hypot(row - r, column - c)


@njit(cache=True)
def nearest(one, other):
    """Distance between two dashes, by nine points of one."""
    least = 1e9
    for i in range(9):
        row, column = along(one, i / 8)
        least = min(least, distance(row, column, other))
    return least
