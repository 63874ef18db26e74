"""Which rows a step sees, and how they are packed."""

import torch

from outcrop.training.worker.batches import PackLimits, Row, batch_rows, packs, split_rows


def _rows(count: int) -> list[Row]:
    return [
        Row(torch.arange(index, index + 3 + index % 4).int(), torch.tensor([1, 2]).int())
        for index in range(count)
    ]


def test_every_epoch_sees_every_row_once_in_its_own_order() -> None:
    rows = _rows(10)
    epochs = [
        [row for step in range(first, first + 4) for row in batch_rows(rows, 3, step, seed=5)]
        for first in (1, 5)
    ]
    for epoch in epochs:
        assert sorted(int(row.tokens_T[0]) for row in epoch) == list(range(10))
    assert [r.tokens_T[0] for r in epochs[0]] != [r.tokens_T[0] for r in epochs[1]]


def test_the_rows_of_a_step_depend_on_seed_and_step_alone() -> None:
    rows = _rows(20)
    assert batch_rows(rows, 4, 7, seed=1) == batch_rows(rows, 4, 7, seed=1)
    assert batch_rows(rows, 4, 7, seed=1) != batch_rows(rows, 4, 7, seed=2)


def test_a_split_is_disjoint_complete_and_repeatable() -> None:
    rows = _rows(50)
    training, validation = split_rows(rows, 20.0, seed=1)
    assert (len(training), len(validation)) == (40, 10)
    assert not {id(row) for row in training} & {id(row) for row in validation}
    assert split_rows(rows, 20.0, seed=1) == (training, validation)
    assert len(split_rows(_rows(2), 50.0, seed=1)[0]) == 1


def test_packs_keep_order_and_stay_within_limits() -> None:
    rows = _rows(9)
    made = list(packs(rows, PackLimits(tokens=12, labels=100, rows=100)))
    assert torch.cat([pack.ids_T for pack in made]).tolist() == [
        token for row in rows for token in row.tokens_T.tolist()
    ]
    assert all(pack.ids_T.numel() <= 12 for pack in made)
    first = made[0]
    assert first.boundaries == (0, 3, 7, 12)
    assert first.positions_T.tolist() == [0, 1, 2, 0, 1, 2, 3, 0, 1, 2, 3, 4]
    assert first.targets_N.tolist() == [1, 2, 2, 3, 3, 4]
    assert first.predicting_N.tolist() == [0, 1, 3, 4, 7, 8]


def test_a_row_larger_than_the_limits_gets_a_pack_of_its_own() -> None:
    made = list(packs(_rows(3), PackLimits(tokens=1, labels=1, rows=100)))
    assert [len(pack.boundaries) for pack in made] == [2, 2, 2]
