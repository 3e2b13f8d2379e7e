from click.testing import CliRunner

from bench.timing import lockstep_study


def test_the_precision_table_shows_both_variations_and_their_ratio():
    ratios = {(way, "lock-step"): [0.50, 0.51] for way in ("forward", "backward", "train")}
    ratios |= {(way, "in turn"): [0.40, 0.60] for way in ("forward", "backward", "train")}
    lines = lockstep_study.format_table(ratios, 2, 1.0).splitlines()
    assert "forward    lock-step   0.505  0.500  0.510       1.4%" in lines
    assert sum("lock-step varies 0.05 times as much as in turn" in line for line in lines) == 3


def test_one_process_is_refused_since_it_has_no_variation():
    done = CliRunner().invoke(lockstep_study.main, ["--processes", "1"])
    assert done.exit_code == 2
    assert "1 is not in the range x>=2" in done.output
