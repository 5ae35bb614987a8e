"""Records that give each other's code away are in one fold."""

from dataclasses import replace

import numpy as np
from crime.reports.table import Reports
from crime.training.review.folds import FOLDS, assign_folds


def with_cases(records: Reports, cases: list[str | None], numbers: list[str | None]) -> Reports:
    chosen = records.take(np.arange(len(cases)))
    fields = {**chosen.fields, "caseno": np.array(cases, object), "dr_no": np.array(numbers, object)}
    return replace(chosen, fields=fields)


def test_records_of_a_case_are_in_one_fold(records: Reports) -> None:
    cases = [f"case {row // 3}" for row in range(600)]
    fold = assign_folds(with_cases(records, [*cases], [None] * 600))
    assert (fold.reshape(-1, 3) == fold[::3, None]).all()
    assert np.bincount(fold).tolist() == [120] * FOLDS


def test_without_a_case_the_number_tells_it(records: Reports) -> None:
    numbers = [f"{row // 2}_13A_{row % 2}" for row in range(500)]
    fold = assign_folds(with_cases(records, [None] * 500, [*numbers]))
    assert (fold[::2] == fold[1::2]).all()


def test_a_record_and_its_copy_are_in_one_fold_and_others_by_row(records: Reports) -> None:
    numbers: list[str | None] = [None] * 500
    numbers[3] = numbers[400] = "200100003"
    fold = assign_folds(with_cases(records, [None] * 500, numbers))
    assert fold[3] == fold[400]
    assert np.bincount(fold, minlength=FOLDS).min() >= 99
