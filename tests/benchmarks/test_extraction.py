import re

from conftest import ROOT

from benchmarks import extraction, extraction_costs


def test_every_table_is_written(project, monkeypatch):
    monkeypatch.setattr(extraction, "STEPS", 2)
    monkeypatch.setattr(extraction, "AGAINST_CLIPS", 2)
    vidseq_help = "`vidseq --help`"
    monkeypatch.setattr(extraction_costs, "START_UP", {vidseq_help: extraction_costs.START_UP[vidseq_help]})
    options = {"clips": 2, "repeats": 1, "growth": 3, "minutes": 0.05, "against": ROOT, "out": project / "out.md"}
    monkeypatch.setattr("sys.argv", ["extraction", *(str(part) for k, v in options.items() for part in (f"--{k}", v))])
    extraction.main()
    text = (project / "out.md").read_text()
    assert str(project) not in text  # no path of this machine
    assert "`python -m benchmarks.extraction --clips 2 --repeats 1 --minutes 0.05 --against <worktree>`" in text
    assert len(re.findall(r"^\| .+ \| \d\.\d{4} \| \d+\.\d \|$", text, re.MULTILINE)) == 3
    assert re.search(
        r"^\| openvino, fp32, cpu \| [\d.]+ \| [\d.]+ \| [\d.]+ \| \*\*\d\.\d\d\*\* \| 1\.0000, 1\.0000 \|$",
        text,
        re.MULTILINE,
    )
    assert re.search(r"that stands still takes \d+ ms, one that moves \d+ ms", text)
    assert re.search(r"^\| this, fp32 \| [\d.]+ \| [\d.]+ \| \*\*\d\.\d\d\*\* \|$", text, re.MULTILINE)
    assert re.search(r"torch and openvino, .* at least (0\.9999|1\.0)", text)
    assert re.search(r"^\| 3 \| 6 \| ", text, re.MULTILINE)
    assert re.search(r"With 3 clips in the cache: [\d.]+ s .* with one clip added", text)
    assert re.search(r"the peak is \*\*0\.\d\d GB above", text)
    assert re.search(r"^\| `vidseq --help` \| \d\.\d\d \|$", text, re.MULTILINE)
    assert "| RNN, run again over all 20 steps |" in text
