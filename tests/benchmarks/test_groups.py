from collections import Counter

import numpy as np

from benchmarks.groups import GROUP_SIZE, pairs, shuffled
from vaeseq.corpus import SPLITS
from vaeseq.groups import Groups

LABELS = ["a"] * 6 + ["b"] * 2 + ["c", "", ""]


def test_a_swap_joins_a_group_with_a_row_of_another() -> None:
    found = pairs(LABELS, 300)
    assert len(found) == 300
    for group, style in found:
        labels = {LABELS[row] for row in group}
        assert len(labels) == 1
        assert labels <= {"a", "b"}, "alone, or without a label"
        assert LABELS[style] not in labels
        assert len(set(group)) == len(group) == min(GROUP_SIZE, LABELS.count(labels.pop()))
    assert {style for _, style in found} == set(range(len(LABELS)))
    assert {group[0] for group, _ in found} == set(range(8))


def test_shuffled_groups_have_the_same_sizes_in_each_split_and_other_rows() -> None:
    split = np.arange(600) % len(SPLITS)
    groups = Groups(np.arange(600) % 7, 4)
    other = shuffled(groups, split)
    for number in range(len(SPLITS)):
        assert Counter(other.of[split == number].tolist()) == Counter(groups.of[split == number].tolist())
    assert (other.of == groups.of).mean() < 0.3
    assert other.size == groups.size
