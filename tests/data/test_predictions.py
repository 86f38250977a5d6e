import numpy as np
import pandas as pd

from vidseq.data.predictions import read_predictions, write_predictions


def test_what_is_written_is_read_whatever_the_classes_are_called(tmp_path):
    classes = ["None", "clip", "label", "Τρέξιμο, αργό"]
    clips = pd.DataFrame({"clip": ["1", "2"], "label": ["None", "clip"], "group": ["a", "b"]}, index=[7, 3])
    p_NC = np.array([[0.7, 0.1, 0.1, 0.1], [0.2, 0.2, 0.2, 0.4]])
    write_predictions(clips, p_NC, classes, tmp_path / "p.csv")
    table, read_NC = read_predictions(tmp_path / "p.csv", classes)
    assert table["clip"].tolist() == ["1", "2"]
    assert table["label"].tolist() == ["None", "clip"]
    assert table["predicted"].tolist() == ["None", "Τρέξιμο, αργό"]
    np.testing.assert_allclose(read_NC, p_NC)
