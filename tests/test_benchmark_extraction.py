import re

import pandas as pd

from benchmarks import extraction


def test_every_table_is_written(tmp_path, make_video, monkeypatch):
    clips = [f"c{n}" for n in range(3)]
    for clip in clips:
        make_video(f"data/clips/{clip}.avi", 30)
    table = pd.DataFrame({"clip": clips, "path": [f"{clip}.avi" for clip in clips], "label": "A", "split": "train"})
    table.assign(group=clips).to_csv(tmp_path / "data" / "clips.csv", index=False)
    plan = pd.DataFrame({"clip": clips * 2, "step": [0, 0, 0, 1, 1, 1], "timestamp": [0.0] * 3 + [0.2] * 3})
    plan.to_parquet(tmp_path / "data" / "frames.parquet")
    monkeypatch.setattr(extraction, "STEPS", 2)
    options = {"project": tmp_path, "clips": 2, "repeats": 1, "growth": 3, "minutes": 0.05, "out": tmp_path / "out.md"}
    monkeypatch.setattr("sys.argv", ["extraction", *(str(part) for k, v in options.items() for part in (f"--{k}", v))])
    extraction.main()
    text = (tmp_path / "out.md").read_text()
    assert str(tmp_path) not in text  # no path of this machine
    assert "`python -m benchmarks.extraction --clips 2 --repeats 1 --minutes 0.05`" in text
    assert len(re.findall(r"^\| .+ \| \d\.\d{4} \| \d+\.\d \|$", text, re.MULTILINE)) >= 6
    assert re.search(r"openvino, fp32, cpu: \*\*\d\.\d\d of the ceiling", text)
    assert re.search(r"torch and openvino, .* at least (0\.9999|1\.0)", text)
    assert re.search(r"^\| 3 \| 6 \| ", text, re.MULTILINE)
    assert re.search(r"With 3 clips in the cache: [\d.]+ s .* with one clip added", text)
    assert re.search(r"the peak is \*\*0\.\d\d GB above", text)
    assert "| `vidseq --help` |" in text
