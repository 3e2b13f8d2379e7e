"""Remedies: one test each, measured in lock-step with the case that it is a remedy for."""


def test_remedy(benchmark, remedy, measure_against):
    benchmark.group = "remedies"
    benchmark.extra_info["remedy"] = remedy.as_dict()
    measure_against(remedy.case, remedy.remedied)
