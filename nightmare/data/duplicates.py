"""Near-duplicates: pictures of the same drawing or scene, also mirrored and turned, joined into groups.

Input are thumbnails and what is known of the works that they render, output is one group per picture. Pairs are
proposed by two perceptual hashes with a banded search (no comparison of all with all) and verified by correlation.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np
from PIL import Image
from scipy.fft import dctn
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from nightmare.data.matte import on_matte, visible

__all__ = ["dhash", "drawing_aspect", "near_groups", "phash", "thumbnail"]

_SIDE = 32
_CHUNK = 1 << 16  # pairs compared at once: half a gigabyte if all of them had to be verified
# Tried on 2,900 drawings: above 0.93 nearly all pairs are one drawing, in other skin, weight or set.
_CORRELATION = 0.93
_ASPECT = 1.15


def thumbnail(image: Image.Image) -> np.ndarray:
    """The grey picture of 32 by 32 (uint8) that stands for `image`: on its matte, cut to what is visible, squashed."""
    rows, columns = np.nonzero(visible(image))
    box = (int(columns.min()), int(rows.min()), int(columns.max()) + 1, int(rows.max()) + 1) if rows.size else None
    grey = on_matte(image).crop(box).convert("L")
    return np.asarray(grey.resize((_SIDE, _SIDE), Image.Resampling.LANCZOS))


def drawing_aspect(image: Image.Image) -> float:
    """Width over height of what is visible of `image`."""
    rows, columns = np.nonzero(visible(image))
    return float((np.ptp(columns) + 1) / (np.ptp(rows) + 1))


def phash(thumbnails: np.ndarray) -> np.ndarray:
    """The 64-bit perceptual hashes (uint64) of thumbnails (…, 32, 32): low frequencies above their median.

    The bits and their order are those of ImageHash's `phash`.
    """
    low = dctn(thumbnails.astype(np.float64), axes=(-2, -1))[..., :8, :8]
    flat = low.reshape(*low.shape[:-2], 64)
    return _packed(flat > np.median(flat, axis=-1, keepdims=True))


def dhash(thumbnails: np.ndarray) -> np.ndarray:
    """The 64-bit difference hashes (uint64) of thumbnails (…, 32, 32): 8 rows of 9 cells, brighter than the last.

    The bits and their order are those of ImageHash's `dhash`.
    """
    cells = [
        np.asarray(Image.fromarray(picture).resize((9, 8), Image.Resampling.LANCZOS))
        for picture in thumbnails.reshape(-1, _SIDE, _SIDE)
    ]
    stack = np.array(cells).reshape(*thumbnails.shape[:-2], 8, 9)
    brighter = stack[..., 1:] > stack[..., :-1]
    return _packed(brighter.reshape(*brighter.shape[:-2], 64))


def _packed(bits: np.ndarray) -> np.ndarray:
    return np.packbits(bits, axis=-1).view(">u8")[..., 0].astype(np.uint64)


def near_groups(
    thumbnails: np.ndarray, aspects: np.ndarray, works: Sequence[Sequence[str]], *, distance: int
) -> np.ndarray:
    """The group of each picture as the index of the group's first member (int array, n).

    `thumbnails`: (n, 32, 32) uint8. `aspects`: width over height of what they show. `works`: names of the works that
    each picture renders; pictures that share one belong together however they look, empty names say nothing.
    `distance`: most bits by which one of the hashes may differ.
    """
    count = len(thumbnails)
    if count < 2:
        return np.arange(count)
    turned = np.stack(list(_turned(thumbnails)))
    pairs = set(_same_work(works))
    for hashed in (phash(turned), dhash(turned)):
        for first, second, turn in _close(hashed, distance=distance):
            same = _same_drawing(turned, aspects, first, second, turn)
            pairs.update(zip(first[same].tolist(), second[same].tolist(), strict=True))
    edges = np.array(sorted(pairs), dtype=np.int64).reshape(-1, 2)
    graph = coo_array((np.ones(len(edges), dtype=bool), (edges[:, 0], edges[:, 1])), shape=(count, count))
    _, component = connected_components(graph, directed=False)
    _, first_member = np.unique(component, return_index=True)
    return first_member[component]


def _same_work(works: Sequence[Sequence[str]]) -> Iterator[tuple[int, int]]:
    """Pairs (first picture of a work, further picture of it)."""
    first: dict[str, int] = {}
    for index, names in enumerate(works):
        for name in filter(None, names):
            if first.setdefault(name, index) != index:
                yield first[name], index


def _turned(thumbnails: np.ndarray) -> Iterator[np.ndarray]:
    """The eight mirrored and turned forms; the odd ones swap width and height."""
    for mirrored in (thumbnails, thumbnails[..., ::-1]):
        for quarter in range(4):
            yield np.rot90(mirrored, quarter, axes=(-2, -1))


def _close(hashed: np.ndarray, *, distance: int) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Triples (i, j, turn), i < j, where the hash of i is within `distance` bits of that of j turned.

    `hashed`: (8, n) uint64. Cut into distance + 1 bands, two such hashes agree in at least one band.
    """
    count = hashed.shape[1]
    borders = np.linspace(0, 64, distance + 2).round().astype(int)
    for start, stop in pairwise(borders):
        keys = (hashed >> np.uint64(start)) & np.uint64((1 << int(stop - start)) - 1)
        order = np.argsort(keys.ravel(), kind="stable")
        ordered = keys.ravel()[order]
        left = np.searchsorted(ordered, keys[0], "left")
        matches = np.searchsorted(ordered, keys[0], "right") - left
        cuts = np.searchsorted(np.cumsum(matches), np.arange(_CHUNK, matches.sum(), _CHUNK))
        for queries in np.split(np.arange(count), np.unique(cuts)):
            first = np.repeat(queries, matches[queries])
            ends = np.cumsum(matches[queries])
            within = np.arange(len(first)) - np.repeat(ends - matches[queries], matches[queries])
            turn, second = np.divmod(order[left[first] + within], count)
            bits = np.bitwise_count(hashed[0, first] ^ hashed[turn, second])
            close = (first < second) & (bits <= distance)
            yield first[close], second[close], turn[close]


def _same_drawing(
    turned: np.ndarray, aspects: np.ndarray, first: np.ndarray, second: np.ndarray, turn: np.ndarray
) -> np.ndarray:
    """Whether i and j turned correlate and have like proportions (bool array, one per pair)."""
    proportions = np.log(aspects[first]) - np.where(turn % 2, -1, 1) * np.log(aspects[second])
    same = np.abs(proportions) <= np.log(_ASPECT)
    left = _standardised(turned[0, first[same]])
    right = _standardised(turned[turn[same], second[same]])
    same[same] = (left * right).mean(axis=-1) >= _CORRELATION
    return same


def _standardised(thumbnails: np.ndarray) -> np.ndarray:
    flat = thumbnails.reshape(-1, _SIDE * _SIDE).astype(np.float32)
    flat -= flat.mean(axis=-1, keepdims=True)
    return flat / np.maximum(flat.std(axis=-1, keepdims=True), 1e-3)
