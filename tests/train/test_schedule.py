"""Learning rates by hand."""

import pytest

from nightmare.train.schedule import learning_rate_at


def test_multistep_decays_tenfold_at_half_and_three_quarters() -> None:
    rate = learning_rate_at("multistep", peak=1.0, steps=100)
    assert [rate(step) for step in (0, 49, 50, 74, 75, 99)] == [1, 1, 0.1, 0.1, 0.01, 0.01]


def test_onecycle_rises_to_the_peak_and_falls_to_nearly_nothing() -> None:
    rate = learning_rate_at("onecycle", peak=2.0, steps=100)
    rates = [rate(step) for step in range(100)]
    top = rates.index(max(rates))
    assert max(rates) == pytest.approx(2.0, rel=0.01)
    assert 20 <= top <= 30
    assert rates[:top] == sorted(rates[:top])
    assert rates[top:] == sorted(rates[top:], reverse=True)
    assert 0 < rates[-1] < 0.002


def test_constant_stays() -> None:
    rate = learning_rate_at("constant", peak=0.3, steps=10)
    assert {rate(step) for step in range(10)} == {0.3}
