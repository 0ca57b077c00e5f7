"""Synthetic spoken keywords: a second of 4,096 samples of 8 bits, in which one word is said somewhere in noise.

A word is two vowels in a row, each a pulse train through two resonances (formants); words are ordered pairs, so that two of
them hold the same sounds in the other order. Pitch, formants, speed, place, loudness and noise vary. Stands in for a data
set of recorded speech, which it is not.
"""

from __future__ import annotations

import math

import numpy as np

RATE = 4096  # samples a second
LENGTH = 4096  # samples of a full sequence; in a shorter one the same words are said faster
VOWELS = {
    "a": (730.0, 1090.0),
    "i": (270.0, 1800.0),
    "u": (300.0, 870.0),
}  # formants in Hz (Peterson and Barney 1952)
WORDS = [a + b for a in VOWELS for b in VOWELS if a != b]
CLASS_NAMES = WORDS


def make(seed: int, length: int, held_out: bool) -> tuple[np.ndarray, int, None]:
    rng = np.random.default_rng([seed, int(held_out), 2])
    label = int(rng.integers(len(WORDS)))
    pitch, size = rng.uniform(90, 220), rng.uniform(0.9, 1.1)  # Hz, and formants of shorter or longer throats
    sounds = [vowel(rng, VOWELS[v], pitch, size, LENGTH / length) for v in WORDS[label]]
    word = np.concatenate(sounds)
    signal = rng.normal(0, rng.uniform(0.02, 0.1), length)
    start = int(rng.integers(length - len(word) + 1))
    signal[start : start + len(word)] += word * rng.uniform(0.4, 0.9)
    return np.clip(np.round(128 + 127 * signal), 0, 255).astype(np.uint8), label, None


def vowel(
    rng: np.random.Generator, formants: tuple[float, float], pitch: float, size: float, tempo: float
) -> np.ndarray:
    """0.15 to 0.3 s, by the tempo shorter, of pulses at the pitch, each followed by the ringing of both formants; peak 1."""
    count = int(rng.uniform(0.15, 0.3) * RATE / tempo)
    time = np.arange(count) / RATE
    ringing = sum(np.exp(-60 * time) * np.sin(2 * math.pi * size * f * time) for f in formants)
    pulses = np.zeros(count)
    pulses[:: max(int(RATE / pitch), 1)] = 1
    sound = np.convolve(pulses, ringing[:400])[:count] * np.hanning(count)
    return sound / np.abs(sound).max()
