import os

pytest_plugins = ["pytester"]

# Runs that a test starts are none of pytest-xdist's workers, even where the test itself is in one.
for _name in ("PYTEST_XDIST_WORKER", "PYTEST_XDIST_WORKER_COUNT", "PYTEST_XDIST_TESTRUNUID"):
    os.environ.pop(_name, None)
