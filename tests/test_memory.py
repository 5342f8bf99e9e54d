"""Freed memory stays with the process where that is asked for, and goes back where that is."""

import platform
import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="glibc's malloc alone is told what to do")

# In a process of its own, since what malloc was told stays. Pieces of 64 MB: larger ones than 32 MB glibc always hands
# back by itself, smaller ones now and then.
_PROGRAM = """
import resource
from pathlib import Path
import torch
from nightmare.memory import give_back_freed_memory, keep_freed_memory

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() >> 20

def step():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    pieces = [torch.ones(1 << 24) for _ in range(4)]
    del pieces
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

{asked}
for _ in range(6):
    step()
faults, kept = step(), resident()
give_back_freed_memory()
print(faults, kept - resident())
"""


def _faults_and_given_back(asked: str) -> tuple[int, int]:
    command = [sys.executable, "-c", _PROGRAM.format(asked=asked)]
    faults, given_back = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    return int(faults), int(given_back)


def test_a_step_finds_the_memory_of_the_one_before() -> None:
    faults, given_back = _faults_and_given_back("keep_freed_memory()")
    assert faults < 1000
    assert given_back > 100, "MB of the 256 that a step has"


def test_what_is_given_back_stays_away() -> None:
    faults, given_back = _faults_and_given_back("keep_freed_memory(); step(); give_back_freed_memory()")
    assert faults > 60_000, "256 MB"
    assert given_back < 50


def test_without_asking_every_step_begins_with_fresh_pages() -> None:
    faults, _ = _faults_and_given_back("")
    assert faults > 60_000, "256 MB"
