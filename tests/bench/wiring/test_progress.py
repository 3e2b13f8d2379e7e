from bench.wiring.progress import CaseProgress


def test_progress_is_told_now_and_then_with_the_time_left():
    now, lines = [0.0], []
    progress = CaseProgress(10, lambda: now[0], lines.append)
    for second in range(1, 11):
        now[0] = 10.0 * second
        progress.pytest_runtest_logfinish()
    assert lines[0] == "  2 of 10 cases, 0:20 gone, about 1:20 left"
    assert len(lines) == 4
