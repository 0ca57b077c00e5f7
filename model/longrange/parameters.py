"""How many parameters the matrix A takes in each family, N states and rank r: python model/longrange/parameters.py"""

from __future__ import annotations

SIZES = (32, 64, 128, 256, 512)
RANK = 16


def dense(N: int) -> int:
    """Every entry of A."""
    return N * N


def article(N: int, r: int) -> int:
    """A = I + W1 W2^T with both factors free, which is not stable by itself."""
    return 2 * N * r


def low_rank(N: int, r: int) -> int:
    """G = -a I + U (S - L) U^T: U, the skew S, the diagonal L, a and dt."""
    return N * r + r * (r - 1) // 2 + r + 2


def diagonal(N: int) -> int:
    """N / 2 complex modes and dt, one channel's."""
    return N + 1


def counts() -> list[tuple[int, int, int, int, int]]:
    """Rows N, dense, article, low rank, diagonal."""
    return [(N, dense(N), article(N, RANK), low_rank(N, RANK), diagonal(N)) for N in SIZES]


def main() -> None:
    print("| N | dense A | I + W1 W2^T | saved | -a I + U (S - L) U^T | saved | diagonal, a channel |")
    print("| ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    for N, full, free, stable, modes in counts():
        print(
            f"| {N} | {full} | {free} | {1 - free / full:.0%} | {stable} | {1 - stable / full:.0%} | {modes} |"
        )


if __name__ == "__main__":
    main()
