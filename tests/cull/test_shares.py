"""Bayes by hand, and shares that agree with what they make of the likelihoods."""

import numpy as np
import pytest

from nightmare.cull.shares import estimated_share, learning_share, weighed


def test_weighed_is_bayes() -> None:
    likelihood = np.array([[1.0, 2.0, 0.0], [3.0, 1.0, 1.0]])
    found = weighed(likelihood, np.array([0.1, 0.3]))
    np.testing.assert_allclose(found, [[0.75, 0.25, 0], [18 / 22, 1 / 22, 3 / 22]])


@pytest.mark.parametrize("first", [0.02, 0.5])
@pytest.mark.parametrize("share", [0.1, 0.4])
def test_the_share_is_found_wherever_the_search_begins(share: float, first: float) -> None:
    generator = np.random.default_rng(0)
    kind = generator.random(2000) < share
    seen = generator.normal(size=2000) + 3 * kind
    likelihood = np.column_stack([np.ones(2000), np.exp(3 * seen - 4.5)])
    assert estimated_share(likelihood, np.array([first])) == pytest.approx(share, rel=0.15)


def test_of_a_kind_that_is_not_there_next_to_nothing_is_thought() -> None:
    seen = np.random.default_rng(0).normal(size=2000)
    likelihood = np.column_stack([np.ones(2000), np.exp(3 * seen - 4.5)])
    assert estimated_share(likelihood, np.array([0.5])) < 0.01


def test_the_share_agrees_with_what_it_makes_of_the_likelihoods_and_a_little_with_what_is_usual() -> None:
    likelihood = np.column_stack([np.ones(400), np.linspace(0.0, 3.0, 400)])
    share = estimated_share(likelihood, np.array([0.5]))
    found = weighed(likelihood, share)[:, 1].mean()
    assert share == pytest.approx((found + 0.05 * 0.005) / 1.05, abs=1e-5)


def test_while_it_is_learnt_from_more_is_thought_than_was_found_within_bounds() -> None:
    least = np.array([0.1, 0.2])
    np.testing.assert_allclose(learning_share(np.array([0.05, 0.3]), least), [0.1, 0.36])
    most = learning_share(np.array([0.6, 0.4]), least)
    np.testing.assert_allclose(most, [0.54, 0.36])
