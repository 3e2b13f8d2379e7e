import pytest

from tests.analysis import made_results


@pytest.fixture
def files(tmp_path):
    rows = [*made_results.grid_rows(lambda case: 2.0 / case.in_channels), *made_results.ceilings()]
    return made_results.save(tmp_path, rows)
