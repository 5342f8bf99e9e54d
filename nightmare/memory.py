"""What a process does with memory that it has freed, where it works with glibc; elsewhere nothing is changed.

A step of a network asks for the same hundreds of megabytes as the one before it. glibc hands freed memory back to the
system at once, and every page of it that comes again has to be cleared: 80 MB a step, a tenth of its time.
"""

import ctypes
import platform
from functools import cache

__all__ = ["give_back_freed_memory", "keep_freed_memory"]

# The numbers that malloc.h gives these settings.
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
_KEPT = 1 << 30
# What glibc comes to by itself, and up to version 2.34 the largest pieces that may come from where memory is kept.
_USUAL = 1 << 25


def keep_freed_memory() -> None:
    """Up to a gigabyte of freed memory stays with this process for its next step."""
    _keep(_KEPT)


def give_back_freed_memory() -> None:
    """All that is kept goes back to the system, and from now on what is freed does so too, small pieces aside.

    For work on the largest pictures, whose pieces are of many sizes: after a few tiles half a gigabyte would be kept.
    """
    _keep(_USUAL)
    if libc := _glibc():
        libc.malloc_trim(0)


def _keep(most: int) -> None:
    if libc := _glibc():
        # Either of them alone would end the habit of glibc to raise the other one.
        if not libc.mallopt(_MMAP_THRESHOLD, most):
            libc.mallopt(_MMAP_THRESHOLD, _USUAL)
        libc.mallopt(_TRIM_THRESHOLD, most)


@cache
def _glibc() -> ctypes.CDLL | None:
    return ctypes.CDLL(None) if platform.libc_ver()[0] == "glibc" else None
