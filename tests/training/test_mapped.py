import tempfile

import numpy as np
import pytest

from vidseq.errors import VidseqError
from vidseq.training.mapped import mapped


def test_arrays_are_below_one_another_in_a_file_that_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    parts = [np.full((rows, 3), rows, np.float16) for rows in (2, 1, 4)]
    array_ND = mapped(iter(parts))
    np.testing.assert_array_equal(array_ND, np.concatenate(parts))
    assert array_ND.dtype == np.float16
    array_ND[0] = 7
    assert array_ND[0].tolist() == [7, 7, 7]
    del array_ND
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_takes_no_files_ends_in_one_line(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "absent"))
    with pytest.raises(VidseqError, match=r"absent: No such file or directory; .* set TMPDIR to a folder with room$"):
        mapped([np.zeros((1, 2))])
