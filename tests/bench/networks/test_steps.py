"""A direction as what a framework is asked for."""

import pytest

from bench.contract.networks import INFERENCE, TRAINING, TRAINING_WITH_ADAM
from bench.frameworks.interface import NetworkStep, Unsupported
from bench.networks.steps import prepare_step


class Noting:
    """A framework that notes what it is asked for, and can do it on its first device."""

    def __init__(self):
        self.asked = []

    def prepare_network(self, model, inputs, step):
        if step.device != "CPU:0":
            raise Unsupported("there is one device")
        self.asked.append((model, inputs, step))
        return lambda: "called"


@pytest.mark.parametrize(
    ("direction", "step"),
    [
        (INFERENCE, NetworkStep("graph", "CPU:0", training=False)),
        (TRAINING, NetworkStep("graph", "CPU:0", training=True)),
        (TRAINING_WITH_ADAM, NetworkStep("graph", "CPU:0", training=True, with_adam=True)),
    ],
)
def test_each_direction_is_a_step_of_its_own(direction, step):
    framework = Noting()
    workload = prepare_step(framework, "a model", "its inputs", direction, "graph", "CPU:0")
    assert framework.asked == [("a model", "its inputs", step)]
    assert workload.call() == "called"
    assert workload.first_call_seconds >= 0


def test_what_a_framework_cannot_do_stays_its_own_error():
    with pytest.raises(Unsupported, match="there is one device"):
        prepare_step(Noting(), "a model", "its inputs", INFERENCE, "graph", "GPU:7")
