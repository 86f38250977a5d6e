import numpy as np
from PIL import Image

from vidseq.video.sheets import contact_sheet, film_strip


def test_a_contact_sheet_has_a_row_per_clip_and_a_thumbnail_per_frame(tmp_path):
    rows = [(f"κλιπ {n}", [np.full((240, 320, 3), 80 * i, np.uint8) for i in range(1, 3 + n)]) for n in range(2)]
    contact_sheet(rows, tmp_path / "sheet.png")
    sheet = np.asarray(Image.open(tmp_path / "sheet.png"))
    assert sheet.shape == (2 * (22 + 90 + 2), 3 * (120 + 2), 3)
    assert [int(sheet[60, x, 0]) for x in (60, 182, 304)] == [80, 160, 255]  # the first row has two frames


def test_a_film_strip_has_its_frames_side_by_side():
    strip = np.asarray(film_strip([np.full((240, 320, 3), 60 * i, np.uint8) for i in range(4)]))
    assert strip.shape == (90, 4 * 120, 3)
    assert strip[45, [60, 180, 300, 420], 0].tolist() == [0, 60, 120, 180]
