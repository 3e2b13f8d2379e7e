"""What public claims set against each other that no grid does: one test each, in lock-step."""


def test_claim(benchmark, contrast, measure_against):
    benchmark.group = "claims"
    benchmark.extra_info["contrast"] = {"case": contrast.case.as_dict(), "base": contrast.base.as_dict()}
    measure_against(contrast.base, contrast.case)
