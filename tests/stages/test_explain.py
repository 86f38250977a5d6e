import numpy as np
import pandas as pd

from stages.explain import clips_to_explain, confident_mistakes

TABLE = pd.DataFrame({"clip": list("abcde"), "label": list("AABBA"), "predicted": list("ABBAA")})
P_NC = np.array([[0.9, 0.1], [0.2, 0.8], [0.4, 0.6], [0.95, 0.05], [0.7, 0.3]])


def test_the_most_confident_mistakes_come_first():
    mistakes = confident_mistakes(TABLE, P_NC)
    assert [(row["clip"], row["probability"]) for row in mistakes] == [("d", 0.95), ("b", 0.8)]
    assert confident_mistakes(TABLE[TABLE.label == TABLE.predicted], P_NC[[0, 2, 4]]) == []


def test_clips_to_explain_are_the_worst_the_hardest_right_and_the_median():
    assert clips_to_explain(TABLE, P_NC, ["A", "B"]) == [("d", "B"), ("c", "B")]  # the hardest right one is the median
    assert clips_to_explain(TABLE.iloc[:1], P_NC[:1], ["A", "B"]) == [("a", "A")]
    wrong = TABLE[TABLE.label != TABLE.predicted].reset_index(drop=True)
    assert clips_to_explain(wrong, P_NC[[1, 3]], ["A", "B"]) == [("d", "B"), ("b", "A")]
