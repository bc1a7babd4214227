import numpy as np
from ranking import Passage, choose, fuse

APART = np.eye(8, dtype=np.float32)


def test_what_is_first_in_both_scores_one() -> None:
    assert fuse([1, 2], [(1, 1.0)])[1] == 1.0


def test_a_passage_with_every_rare_word_counts_as_much_as_the_nearest() -> None:
    scores = fuse([1, 2, 3], [(9, 1.0)])
    assert scores[9] == scores[1] > scores[2]


def test_a_passage_with_a_few_common_words_counts_little() -> None:
    scores = fuse(range(50), [(99, 0.2)])
    assert scores[99] < scores[49]


def test_what_overlaps_a_better_passage_is_left_out() -> None:
    passages = [Passage(1, "a", 0, 900), Passage(2, "a", 800, 1500), Passage(3, "a", 1500, 2000)]
    chosen = choose(passages, {1: 0.5, 2: 0.6, 3: 0.4}, APART, 3)
    assert [each.id for each in chosen] == [2, 3]


def test_what_says_the_same_in_another_file_is_left_out() -> None:
    passages = [Passage(1, "a", 0, 9), Passage(2, "b", 0, 9), Passage(3, "c", 0, 9)]
    chosen = choose(passages, {1: 0.5, 2: 0.6, 3: 0.4}, APART[[0, 0, 1]], 3)
    assert [each.id for each in chosen] == [2, 3]


def test_other_files_come_before_more_of_the_same() -> None:
    passages = [Passage(1, "a", 0, 9), Passage(2, "a", 9, 19), Passage(3, "b", 0, 9)]
    chosen = choose(passages, {1: 0.9, 2: 0.8, 3: 0.7}, APART, 3)
    assert [each.id for each in chosen] == [1, 3, 2]
