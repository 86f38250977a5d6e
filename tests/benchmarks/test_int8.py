import numpy as np
import pandas as pd
import pytest

from benchmarks.ablation import COLUMNS
from benchmarks.int8 import cosines, rows


def test_cosines_are_of_each_image_type_alone():
    reference = [np.ones((5, 8), np.float16), np.ones((2, 8), np.float16)]
    x = [x_TD.copy() for x_TD in reference]
    x[0][:, 4:6] = 0  # half of what the difference images gave
    found = cosines(x, reference)
    assert found["rgb"] == pytest.approx(1)
    assert found["diff"] == pytest.approx(0.5**0.5, rel=1e-3)


def test_a_choice_is_a_row():
    scores = {f"{name} {metric}": 0.9 for name in COLUMNS for metric in ("accuracy", "log_loss")}
    table = pd.DataFrame([{"layers": layers, "rgb": 1.0, "diff": 0.99, **scores} for layers in (-1, 3)])
    fp32, int8 = rows(table).splitlines()
    assert fp32.startswith("| fp32 | 1.000 | 0.990 | 0.900 / 0.900 |")
    assert int8.startswith("| int8, 3 in float | ")
