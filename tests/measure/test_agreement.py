"""Classes counted by hand, and answers that cannot be right."""

import numpy as np
import pytest

from tinyprune.errors import UsageError
from tinyprune.measure import agreement
from tinyprune.measure.agreement import ClassAgreement

REAL, STORED, TRUTH = (np.array(each) for each in ([0, 1, 1, 2, 2], [0, 1, 2, 2, 0], [0, 1, 1, 1, 2]))


def test_answers_are_counted_class_by_class() -> None:
    found = agreement.compare(REAL, STORED, TRUTH)
    assert (found.samples, found.agree, found.float_correct, found.int8_correct) == (5, 3, 4, 2)
    assert found.classes == (
        ClassAgreement(0, 1, 1, 1, 1),
        ClassAgreement(1, 3, 2, 2, 1),
        ClassAgreement(2, 1, 0, 1, 0),
    )


def test_without_labels_classes_are_those_of_float_and_without_float_those_of_labels() -> None:
    assert agreement.compare(REAL, STORED, None).classes == (
        ClassAgreement(0, 1, 1, None, None),
        ClassAgreement(1, 2, 1, None, None),
        ClassAgreement(2, 2, 1, None, None),
    )
    found = agreement.compare(None, STORED, TRUTH)
    assert (found.agree, found.float_correct, found.int8_correct) == (None, None, 2)


@pytest.mark.parametrize(
    ("real", "stored", "sentence"),
    [
        (np.zeros(20), np.zeros(20), "the float network gives all 20 samples the same class, 0"),
        (np.arange(20), np.ones(20), "the int8 network gives all 20 samples the same class, 1"),
        (np.arange(20), np.arange(20) + (np.arange(20) < 4), "int8 and float agree on 80% of the samples only"),
        (np.arange(20), np.arange(20) + (np.arange(20) < 2), None),
        (np.zeros(4), np.zeros(4), None),
    ],
)
def test_answers_that_cannot_be_right_are_told(real: np.ndarray, stored: np.ndarray, sentence: str | None) -> None:
    told = list(agreement.oddities(real.astype(int), stored.astype(int)))
    assert told == [] if sentence is None else told[0].startswith(sentence)


def test_labels_need_classes() -> None:
    with pytest.raises(UsageError, match=r"model m has not an output for each of several classes: leave out --labels"):
        agreement.read_labels(np.zeros(3, int), 3, None, "model m")
