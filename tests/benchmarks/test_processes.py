from benchmarks.processes import measure


def test_memory_is_that_of_the_process_and_of_those_below_it(tmp_path):
    code = "import time; kept = bytearray(200_000_000); time.sleep(0.5)"
    child = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {code!r}])"
    use = measure(["python", "-c", child], tmp_path)
    assert 200e6 < use["memory"] < 260e6
    assert use["seconds"] > use["cpu"] > 0
