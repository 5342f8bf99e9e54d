"""Balanced sampling: classes evened out, rows in turn and not by luck, nothing of what was culled."""

import numpy as np
import pytest

from nightmare.train.sampling import balanced_weights, epoch_order


def test_even_order_is_a_permutation() -> None:
    assert sorted(epoch_order(np.ones(17), 3)) == list(range(17))


def test_balance_evens_out_classes() -> None:
    labels = np.array([0] * 90 + [1] * 10)
    keep = np.ones(100, dtype=bool)
    even = labels[epoch_order(balanced_weights(labels, 1.0, keep), 5)]
    assert (even == 1).mean() == pytest.approx(0.5, abs=0.02)
    half = labels[epoch_order(balanced_weights(labels, 0.5, keep), 5)]
    assert 0.2 < (half == 1).mean() < 0.3
    counts = np.bincount(epoch_order(balanced_weights(labels, 1.0, keep), 5), minlength=100)
    assert set(counts[labels == 1]) <= {5, 6} or set(counts[labels == 1]) <= {4, 5}, "systematic, not by luck"


def test_what_is_not_kept_never_comes_and_counts_for_no_class() -> None:
    labels = np.array([0] * 90 + [1] * 10)
    keep = np.arange(100) % 3 > 0
    order = epoch_order(balanced_weights(labels, 1.0, keep), 5)
    assert len(order) == 100, "as many draws as before"
    assert keep[order].all()
    assert (labels[order] == 1).mean() == pytest.approx(0.5, abs=0.02)
