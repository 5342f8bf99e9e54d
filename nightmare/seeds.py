"""Every random choice derives from the seed and the name of what is chosen, so that order never matters."""

import hashlib

__all__ = ["derived_seed", "fraction"]


def derived_seed(seed: int, *names: str | int) -> int:
    """A 63-bit seed for the thing called `names`, the same on every machine and in every order of calls."""
    text = "\x1f".join(str(part) for part in (seed, *names))
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big") >> 1


def fraction(seed: int, *names: str | int) -> float:
    """A number in [0, 1) that belongs to `names` under `seed`."""
    return derived_seed(seed, *names) / 2**63
