"""Commands that reports and messages tell the reader to run; ``results.repeating`` has those of one run."""

from __future__ import annotations

MEASURE = "pytest bench/ --benchmark-autosave"
TRACE_TELLING = "pytest bench/ --profile telling --benchmark-autosave"
TRACE_ALL = "pytest bench/ --profile all --benchmark-autosave"
REMEDIES = "pytest bench/ --remedies --benchmark-autosave"
CLAIMS = "pytest bench/ --grid claims --benchmark-autosave"
TRAIN = "pytest bench/bench_mnist.py --benchmark-autosave"
NETWORK = "pytest bench/ --model keras.applications:MobileNet --benchmark-autosave"
UPGRADE = "tox run -e upgrade -- tf220 tf221"
COMPARE_FRAMEWORKS = "python -m bench.campaign --environments current,jax=current:KERAS_BACKEND=jax"

#: The environments of tox.ini that hold a release of TensorFlow each.
RELEASES = tuple(f"tf2{minor}" for minor in range(12, 22))
