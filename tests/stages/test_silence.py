"""Nothing is reported anywhere: the small pipeline and a prediction, as the kernel saw them."""

import sys
from pathlib import Path

import pytest
from conftest import ROOT, Project
from network_guard import STRACE, attempts, guarded

pytestmark = pytest.mark.skipif(STRACE is None, reason="strace records the connections and is not here")
TELEMETRY = "import openvino"
CONNECT = "import socket; socket.socket(type=socket.SOCK_DGRAM).connect(('192.0.2.1', 9))"  # sends nothing
LOOK_UP = "import socket, contextlib\nwith contextlib.suppress(OSError): socket.getaddrinfo('name.invalid', 80)"
LOOPBACK = "import socket, contextlib\nwith contextlib.suppress(OSError): socket.create_connection(('127.0.0.1', 9))"


def home(project: Project) -> list[str]:
    return sorted(str(path.relative_to(project.home)) for path in project.home.rglob("*") if path.is_file())


def run(folder: Path, code: str) -> tuple[list[str], list[str]]:
    """Return what a program tried to reach from a process of its own, and what is in its home folder."""
    project = Project(folder / "here")
    project.folder.mkdir()
    project.env["PYTHONPATH"] = str(ROOT / "src")
    start = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {code!r}], check=True)"
    project.run(*guarded(folder / "record", sys.executable, "-c", start))
    return attempts(folder / "record"), home(project)


@pytest.mark.parametrize("code", [CONNECT, LOOK_UP])
def test_the_guard_sees_connections_and_look_ups_of_subprocesses(tmp_path, code):
    assert run(tmp_path, code)[0]


def test_the_guard_lets_loopback_pass(tmp_path):
    assert run(tmp_path, LOOPBACK) == ([], [])


def test_openvino_would_report_its_use_and_does_not_once_vidseq_is_imported(tmp_path):
    seen, files = run(tmp_path / "loud", TELEMETRY)
    assert seen
    assert "intel/openvino_ga_cid" in files
    assert run(tmp_path / "silent", f"import vidseq; {TELEMETRY}") == ([], [])


def test_a_quantization_reports_nothing(tmp_path, converted):
    (fp32,) = converted.glob("*/openvino-160/model.xml")
    code = "from vidseq.extraction import quantize; quantize.SCENES = 1; "
    assert run(tmp_path, f"{code}quantize.quantize({str(fp32)!r}, 160)") == ([], [])


def test_no_stage_and_no_prediction_reaches_the_network_or_leaves_an_id(repro, tmp_path):
    assert list(repro.folder.glob(".cache/models/*/openvino-*/model.xml"))  # the run has converted the CNN
    clip = next((repro.folder / "data" / "clips").rglob("*.avi"))
    repro.run(*guarded(tmp_path / "record", "vidseq", "predict", str(clip)))
    assert attempts(repro.connections) == []
    assert attempts(tmp_path / "record") == []
    assert [name for name in home(repro) if not name.startswith(".cache/matplotlib/")] == []
