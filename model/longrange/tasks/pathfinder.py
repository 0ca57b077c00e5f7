"""Pathfinder (arXiv 1805.08315) as in Long Range Arena: are the two marked ends joined by one dashed, curved contour?

Every picture has two long contours of the same length and shorter distractors; markers sit on both ends of one long contour
(joined) or on one end of each (apart), at distances that both answers have alike. Contours keep more than LINK pixels from
each other, dashes of one contour at most that, so a flood fill that jumps LINK pixels decides. A picture of side 32 (to 128,
Path-X) is read row by row, a byte a pixel.
"""

from __future__ import annotations

import math
from itertools import pairwise, product

import numpy as np

CLASS_NAMES = ["apart", "joined"]
LINK = 2  # pixels from a dash to the next
DASH, STEP = 2, 3  # pixels of a dash, and from its start to the next one's
BEND = 0.35  # radians, standard deviation from dash to dash
INK, MARKER = 140, 255
DISTRACTORS = {16: 1, 32: 2, 64: 8, 128: 30}  # at most
LENGTHS = {16: 4, 32: 9, 64: 18, 128: 36}  # dashes of a long contour; distractors have a third
SHORTEST = 3  # dashes of a long contour in training
SAME_DISTANCE = 1.0  # pixels

Pixel = tuple[int, int]  # row, column
Contour = list[list[Pixel]]  # dashes


def make(seed: int, length: int, held_out: bool) -> tuple[np.ndarray, int]:
    rng = np.random.default_rng([seed, int(held_out), 0])
    side = math.isqrt(length)
    label = int(rng.integers(2))
    # In training contours are of all lengths, so that what is to be learned begins with short ones.
    dashes = LENGTHS[side] if held_out else int(rng.integers(SHORTEST, LENGTHS[side] + 1))
    while (picture := draw(rng, side, dashes, bool(label))) is None:
        pass
    return picture.reshape(-1), label


def draw(rng: np.random.Generator, side: int, dashes: int, joined: bool) -> np.ndarray | None:
    """Picture [side, side] uint8 with the distractors that found a place; None where a long contour or the markers found none."""
    taken = np.zeros((side, side), bool)  # pixels at most LINK away from what is drawn
    contours: list[Contour] = []
    for _ in range(2):
        if (contour := place(rng, taken, dashes, margin=1)) is None:
            return None
        contours.append(contour)
    if (ends := marked(contours[0], contours[1], joined)) is None:
        return None
    for _ in range(DISTRACTORS[side]):
        if contour := place(rng, taken, LENGTHS[side] // 3, margin=0):
            contours.append(contour)
    picture = np.zeros((side, side), np.uint8)
    for contour in contours:
        for dash in contour:
            for row, column in dash:
                picture[row, column] = INK
    for row, column in ends:
        picture[row - 1 : row + 2, column - 1 : column + 2] = MARKER
    return picture


def marked(one: Contour, other: Contour, joined: bool) -> tuple[Pixel, Pixel] | None:
    """The ends that get markers; None where the two answers cannot be marked at the same distance, which would tell them apart."""
    near, far = (one[0][0], one[-1][-1]), (other[0][0], other[-1][-1])
    choices = [(within, across) for within in (near, far) for across in product(near, far)]
    gaps = [abs(math.dist(*within) - math.dist(*across)) for within, across in choices]
    if min(gaps) > SAME_DISTANCE:
        return None
    within, across = choices[gaps.index(min(gaps))]
    return within if joined else across


def covered(contour: Contour, markers: bool) -> list[Pixel]:
    """Pixels of the dashes, and of the 3 x 3 markers that may come on both ends."""
    pixels = [pixel for dash in contour for pixel in dash]
    if markers:
        for row, column in (contour[0][0], contour[-1][-1]):
            pixels += [(row + i, column + j) for i in (-1, 0, 1) for j in (-1, 0, 1)]
    return pixels


def place(rng: np.random.Generator, taken: np.ndarray, dashes: int, margin: int) -> Contour | None:
    """A contour that keeps away from what is taken, in which it is entered, and its markers inside the picture.

    None after 60 attempts.
    """
    for _ in range(60):
        contour = wander(rng, taken, dashes, margin)
        if contour is None:
            continue
        pixels = covered(contour, bool(margin))
        inside = all(0 <= r < len(taken) and 0 <= c < len(taken) for r, c in pixels)
        if inside and not any(taken[pixel] for pixel in pixels):
            for row, column in pixels:
                taken[max(row - LINK, 0) : row + LINK + 1, max(column - LINK, 0) : column + LINK + 1] = True
            return contour
    return None


def wander(rng: np.random.Generator, taken: np.ndarray, dashes: int, margin: int) -> Contour | None:
    side = len(taken)
    row, column = rng.uniform(margin, side - 1 - margin, 2)
    heading = rng.uniform(0, 2 * math.pi)
    contour: Contour = []
    for turn in rng.normal(0, BEND, dashes):
        heading += turn
        dr, dc = math.sin(heading), math.cos(heading)
        dash = [(round(row + i * dr), round(column + i * dc)) for i in range(DASH)]
        if not all(0 <= r < side and 0 <= c < side and not taken[r, c] for r, c in dash):
            return None
        contour.append(dash)
        row, column = row + STEP * dr, column + STEP * dc
    near = all(max(abs(a[-1][0] - b[0][0]), abs(a[-1][1] - b[0][1])) <= LINK for a, b in pairwise(contour))
    return contour if near else None
