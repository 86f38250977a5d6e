"""Every stage computes in one thread, so that a busy process beside it takes no more than its share."""

import os
import subprocess
import sys

import pytest
from conftest import ROOT

SHOW = """
import stages  # as `python -m stages.<name>` imports it: before all else
import numpy, torch
from threadpoolctl import threadpool_info
print({torch.get_num_threads(), *(pool["num_threads"] for pool in threadpool_info())})
"""


@pytest.mark.parametrize(("set_by_user", "expected"), [({}, "{1}"), ({"OMP_NUM_THREADS": "2"}, "2")])
def test_a_stage_has_one_thread_unless_the_user_says_otherwise(set_by_user, expected):
    env = {name: value for name, value in os.environ.items() if not name.endswith("_THREADS")}
    done = subprocess.run(
        [sys.executable, "-c", SHOW], cwd=ROOT, env=env | set_by_user, text=True, capture_output=True, check=True
    )
    assert expected in done.stdout
