"""`dvc plots show` in a browser that has no network."""

import re
import shutil
import subprocess

import pytest

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
NOWHERE = "127.0.0.1:9"  # a proxy at which nobody listens


@pytest.fixture(scope="module")
def page(fresh_project):
    """The page that DVC makes of tables as the pipeline leaves them, one of each template."""
    project = fresh_project()
    plots = project.folder / "plots"
    plots.mkdir()
    (plots / "curves_rnn.csv").write_text("epoch,train_loss,val_loss,val_accuracy\n1,2,2,0.2\n2,1,1,0.5\n")
    (plots / "confusion").mkdir()
    (plots / "confusion" / "rnn.csv").write_text("label,predicted\nA,A\nA,B\nB,B\n")
    (plots / "f1.csv").write_text("model,class,f1\nrnn,A,0.5\nrnn,B,0.75\n")
    (plots / "early.csv").write_text("model,fraction,accuracy\nrnn,0.1,0.2\nrnn,0.2,0.5\n")
    (plots / "reliability.csv").write_text("model,class,confidence,frequency\nrnn,A,0.1,0.2\nrnn,A,0.9,0.8\n")
    (plots / "exploding_gradients.csv").write_text("run,step,grad_norm,loss\nexploding,1,10,2\nexploding,2,1e6,9\n")
    project.run("make", "--old-file=.venv/installed", ".cache/vega.js")
    project.run("dvc", "plots", "show")
    return project.folder / "dvc_plots" / "index.html"


def test_the_script_is_found_before_the_net_is_asked(page):
    html = page.read_text()
    assert html.index("../.cache/vega.js") < html.index("cdn.jsdelivr.net")
    assert "<template" in html[: html.index("cdn.jsdelivr.net")]
    assert (page.parent / "../.cache/vega.js").stat().st_size > 500_000


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium to look at the plots with")
def test_plots_are_drawn_with_the_network_off(page, tmp_path):
    command = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", f"--proxy-server={NOWHERE}",
               f"--user-data-dir={tmp_path}", "--virtual-time-budget=8000", "--dump-dom", page.as_uri()]  # fmt: skip
    drawn = subprocess.run(command, capture_output=True, text=True, timeout=120).stdout
    embedded = set(re.findall(r'<div id="([^"]+)"[^>]*class="[^"]*vega-embed', drawn))
    assert len(embedded) >= 7  # curves twice, confusion twice, F1, early, reliability, exploding
    assert drawn.count("<svg") + drawn.count("<canvas") >= len(embedded)
    assert "Error" not in re.sub(r"<script.*?</script>", "", drawn, flags=re.S)
    without = page.with_name("without.html")
    without.write_text(page.read_text().replace("../.cache/vega.js", "missing.js"))
    command[-1] = without.as_uri()
    blank = subprocess.run(command, capture_output=True, text=True, timeout=120).stdout
    assert "vega-embed" not in re.sub(r"<script.*?</script>", "", blank, flags=re.S)  # so the net was off indeed
