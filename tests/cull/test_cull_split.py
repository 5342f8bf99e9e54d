"""Keep flags: caps per class, reasons, decisions above the machine, a test side that nothing touches."""

import pandas as pd
import pytest

from nightmare.cull.cull import cull_split
from nightmare.params import CullParams, Params


@pytest.fixture
def cull(params: Params) -> CullParams:
    return params.cull.model_copy(update={"class_cap": 0.5, "keep_at_least": 1})


def split_of(labels: list[str], sides: list[str], groups: list[str] | None = None) -> pd.DataFrame:
    ids = [f"{number:016x}" for number in range(len(labels))]
    return pd.DataFrame(
        {"id": ids, "label": labels, "grade": "A", "group": groups or ids, "side": sides, "fold": 0, "keep": True}
    )


def evidence_of(split: pd.DataFrame, margins: list[float], confidence: float = 0.9) -> pd.DataFrame:
    pool = split[split["side"] != "test"]
    return pd.DataFrame(
        {
            "id": pool["id"],
            "label": pool["label"],
            "suggested": "other",
            "confidence": confidence,
            "self_confidence": [confidence + margin for margin in margins],
            "margin": margins,
            "wrong": 0.3,
            "several": 0.0,
            "occluded": 0.0,
            "poor": 0.0,
            "doubt": 0.3,
        }
    ).reset_index(drop=True)


def unlimited(cull: CullParams) -> CullParams:
    return cull.model_copy(update={"class_cap": 1.0, "keep_at_least": 0})


def test_surest_suspects_go_first_and_the_cap_spares_the_rest(cull: CullParams) -> None:
    split = split_of(["a"] * 4 + ["b"] * 4, ["train"] * 8)
    facts = evidence_of(split, [-0.9, -0.8, -0.7, 0.5, 0.5, 0.5, 0.5, -0.1])
    suspects = facts[facts["margin"] < 0].sort_values("margin")
    culled = cull_split(split, suspects, facts, decisions={}, cull=cull)
    assert set(culled.removed["id"]) == {split["id"][0], split["id"][1], split["id"][7]}
    assert list(culled.spared["id"]) == [split["id"][2]]
    assert list(culled.split["keep"]) == [False, False, True, True, True, True, True, False]
    assert len(culled.split) == len(split), "nothing is deleted"


def test_a_class_keeps_at_least_what_it_must(cull: CullParams) -> None:
    split = split_of(["a"] * 4, ["train"] * 4)
    facts = evidence_of(split, [-0.9, -0.8, -0.7, -0.6])
    culled = cull_split(split, facts, facts, decisions={}, cull=cull.model_copy(update={"keep_at_least": 3}))
    assert culled.split["keep"].sum() == 3
    culled = cull_split(split, facts, facts, decisions={}, cull=cull.model_copy(update={"keep_at_least": 9}))
    assert culled.split["keep"].all()


def test_decisions_win_over_machine_and_cap_and_leave_the_test_side_alone(cull: CullParams) -> None:
    split = split_of(["a"] * 4, ["train", "val", "train", "test"])
    facts = evidence_of(split, [-0.9, 0.5, 0.5])
    ids = list(split["id"])
    decisions = {ids[0]: "keep", ids[1]: "remove", ids[2]: "remove", ids[3]: "remove"}
    culled = cull_split(split, facts[:1], facts, decisions=decisions, cull=cull)
    assert list(culled.split["keep"]) == [True, False, False, True]
    assert set(culled.removed["decision"]) == {"hand"}
    assert culled.spared.empty, "what a person kept was not spared by a cap"
    assert culled.unknown == [ids[3]]


def test_who_was_decided_about_takes_no_place_under_the_cap(cull: CullParams) -> None:
    split = split_of(["a"] * 4, ["train"] * 4)
    facts = evidence_of(split, [-0.9, -0.8, -0.7, -0.6])
    one = cull.model_copy(update={"class_cap": 0.25})
    culled = cull_split(split, facts, facts, decisions={split["id"][0]: "keep"}, cull=one)
    assert list(culled.removed["id"]) == [split["id"][1]]


def test_what_was_decided_to_go_counts_under_the_cap(cull: CullParams) -> None:
    split = split_of(["a"] * 8, ["train"] * 8)
    facts = evidence_of(split, [-0.9, -0.8, -0.7, -0.6, -0.5, -0.4, -0.3, -0.2])
    by_hand = dict.fromkeys(split["id"][5:8], "remove")
    culled = cull_split(split, facts, facts, decisions=by_hand, cull=cull)
    assert list(culled.split["keep"]) == [False, True, True, True, True, False, False, False]
    six = cull.model_copy(update={"keep_at_least": 6})
    assert cull_split(split, facts, facts, decisions=by_hand, cull=six).split["keep"].sum() == 5, "the hand alone"


def test_hard_is_what_is_probably_right_whatever_a_strategy_asks_for(cull: CullParams) -> None:
    split = split_of(["a"] * 3, ["train"] * 3)
    facts = evidence_of(split, [-0.9, -0.8, 0.7]).assign(doubt=[0.85, 0.2, 0.2])
    strict = cull.model_copy(update={"strategy": "misclassified", "confidence": 0.9})
    assert list(cull_split(split, facts[:0], facts, decisions={}, cull=strict).hard["id"]) == [split["id"][1]]


def test_reasons_say_what_speaks_against_an_image(cull: CullParams) -> None:
    # Of b classifiers are surer than of a: what is certain enough for a is not for b.
    rows = [
        ("a", "b", 0.7, "g", "conflicting duplicate"),
        ("b", "a", 0.7, "g", "conflicting duplicate"),
        ("a", "b", 0.45, "h", "none of the classes"),
        ("b", "a", 0.5, "i", "wrong class"),
    ]
    labels, suggested, confidence, groups, reasons = map(list, zip(*rows, strict=True))
    split = split_of([*labels, "a", "b"], ["train"] * 6, [*groups, "j", "k"])
    facts = evidence_of(split, [-0.4, -0.4, -0.2, -0.2, 0.6, 0.9])
    facts = facts.assign(suggested=[*suggested, "b", "a"], confidence=[*confidence, 0.1, 0.0])
    facts["self_confidence"] = facts["margin"] + facts["confidence"]
    assert facts.groupby("label")["self_confidence"].mean().round(2).to_dict() == {"a": 0.42, "b": 0.5}
    removed = cull_split(split, facts[:4], facts, decisions={}, cull=unlimited(cull)).removed
    assert list(removed.set_index("id")["reason"][split["id"][:4]]) == reasons


def test_only_a_decision_is_a_reason_of_its_own(cull: CullParams) -> None:
    split = split_of(["a"] * 3, ["train"] * 3)
    facts = evidence_of(split, [-0.9, -0.8, 0.9])
    hand = dict.fromkeys(split["id"][1:], "remove")
    removed = cull_split(split, facts[:2], facts, decisions=hand, cull=unlimited(cull)).removed
    # The machine doubted the second as well: whoever agrees does not make its reason another.
    assert list(removed["reason"]) == ["none of the classes", "none of the classes", "by hand"]
    assert list(removed["decision"]) == ["machine", "hand", "hand"]


def test_a_fault_is_the_reason_where_it_is_likelier_than_a_wrong_label(cull: CullParams) -> None:
    split = split_of(["a"] * 4, ["train"] * 4, ["g", "h", "i", "j"])
    facts = evidence_of(split, [-0.5] * 4).assign(
        several=[0.6, 0.1, 0.1, 0.1], occluded=[0.1, 0.6, 0.2, 0.1], poor=[0.1, 0.1, 0.25, 0.05], doubt=0.8
    )

    def reasons(facts: pd.DataFrame, split: pd.DataFrame = split) -> list[str]:
        return list(cull_split(split, facts, facts, decisions={}, cull=unlimited(cull)).removed["reason"])

    # Of the third, no fault alone is likelier than a wrong label, which is .3, and all together are.
    assert reasons(facts) == ["several objects", "occluded", "poor quality", "none of the classes"]
    assert reasons(facts.assign(doubt=0.1)) == ["none of the classes"] * 4, "nothing at all is likelier"
    conflicting = split.assign(group="g", label=["a", "b", "a", "a"])
    assert reasons(facts.assign(label=conflicting["label"]), conflicting) == ["conflicting duplicate"] * 4


def test_what_is_hard_but_probably_right_is_kept_and_listed(cull: CullParams) -> None:
    split = split_of(["a"] * 5, ["train"] * 5)
    facts = evidence_of(split, [-0.9, -0.8, -0.7, -0.6, 0.5]).assign(doubt=[0.9, 0.6, 0.4, 0.5, 0.1])
    culled = cull_split(split, facts[:1], facts, decisions={split["id"][3]: "remove"}, cull=cull)
    assert list(culled.hard["id"]) == [split["id"][2]], "not removed, not doubted, taken for another class"
