import os

pytest_plugins = ["pytester"]

# Runs that a test starts are none of pytest-xdist's workers, even where the test itself is in one.
for _name in ("PYTEST_XDIST_WORKER", "PYTEST_XDIST_WORKER_COUNT", "PYTEST_XDIST_TESTRUNUID"):
    os.environ.pop(_name, None)

# By itself TensorFlow uses oneDNN on some processors and not on others; what is tested here needs it.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")


def pytest_configure(config):
    """Runs that a test starts need no Hypothesis, which takes a second to load: not in their plugins."""
    runs_tests_itself = hasattr(config, "workerinput") or not getattr(config.option, "numprocesses", None)
    if runs_tests_itself:
        os.environ["PYTEST_ADDOPTS"] = "-p no:hypothesispytest"
