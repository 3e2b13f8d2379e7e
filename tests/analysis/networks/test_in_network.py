import json

import pytest

from analysis.networks.building import build_networks
from analysis.networks.in_network import find_layer, read_network_trace
from analysis.results.loading import load_results
from analysis.traces.line import TraceError
from bench.contract.networks import FoundLayer
from tests.analysis import made_results, made_traces
from tests.analysis.networks import made_networks


def row_of(variant="as it is", layers=made_networks.LAYERS):
    converted = made_networks.CHANGES[variant]
    return {
        "name": "tiny",
        "variant": variant,
        "direction": "inference",
        "layers": layers,
        "converted": converted,
    }


def read(folder, operations=made_networks.OPERATIONS, variant="as it is", **more):
    made_networks.save_trace(folder / "trace", variant, operations, **more)
    return read_network_trace(folder / "trace", row_of(variant))


def in_milliseconds(seconds):
    return {name: round(value * 1e3, 6) for name, value in seconds.items()}


@pytest.mark.parametrize(
    ("place", "layer"),
    [
        ("tiny/conv/Conv2D", "conv"),
        ("tiny/conv_1/Conv2D", "conv_1"),
        ("tiny/conv_12/Conv2D", "tiny"),
        ("tiny/conv", "conv"),
        ("gradient_tape/tiny/conv/Conv2D/Conv2DBackpropFilter", "conv"),
        ("StatefulPartitionedCall/tiny/conv/Conv2D", "conv"),
        ("tiny/encoder/conv/BiasAdd", "encoder/conv"),
        ("tiny/encoder/add/add", "encoder"),
        ("Adam/mul", ""),
        ("", ""),
    ],
)
def test_an_operation_is_of_the_layer_with_the_longest_scope(place, layer):
    scopes = {
        "tiny": "tiny",
        "tiny/conv": "conv",
        "tiny/conv_1": "conv_1",
        "tiny/encoder": "encoder",
        "tiny/encoder/conv": "encoder/conv",
    }
    assert find_layer(place, scopes) == layer


def test_the_seconds_of_a_step_are_given_to_layers_and_kinds(tmp_path):
    trace = read(tmp_path)
    # A fused convolution that is called as the activation behind it belongs to the convolution.
    assert in_milliseconds(trace.by_layer) == {
        "conv": 2.5,
        "sep": 0.5,
        "dw": 1.0,
        "pw": 1.0,
        "relu": 0.5,
    }
    assert in_milliseconds(trace.by_kind) == {
        "convolution": 5.0,
        "normalisation": 0.0,
        "activation": 0.5,
        "rest": 0.5,
        "outside operations": 3.0,
    }
    # What lies before the first and after the last event of the caller has no name.
    assert trace.accounted == pytest.approx(0.9)
    assert sum(trace.by_kind.values()) == pytest.approx(trace.accounted * trace.step_seconds)
    assert trace.problems == ()
    assert trace.unnamed_seconds == 0.0


def test_what_a_change_took_out_is_no_convolution_any_more(tmp_path):
    operations = [("tiny/pw/Identity:_FusedConv2D", 1, 3)]
    assert in_milliseconds(read(tmp_path, operations, "recommended").by_layer) == {"dw": 2.0}


def residual():
    """Two convolutions whose sum an activation follows."""
    return (
        FoundLayer("a", "Conv2D"),
        FoundLayer("b", "Conv2D", inputs=("a",)),
        FoundLayer("bn", "BatchNormalization", inputs=("b",)),
        FoundLayer("add", "Add", inputs=("a", "bn")),
        FoundLayer("relu", "ReLU", inputs=("add",)),
    )


def read_residual(folder, seen):
    """A convolution that is called as the activation behind the sum, beside what else was ``seen``."""
    layers = residual()
    made_networks.save_trace(
        folder / "trace",
        operations=[(seen, 1, 2), ("m/relu/Relu:_FusedConv2D", 2, 5)],
        scopes={f"m/{one.name}": one.name for one in layers},
    )
    return read_network_trace(folder / "trace", row_of(layers=layers))


def test_behind_a_sum_a_fused_convolution_is_the_one_that_no_other_operation_is(tmp_path):
    trace = read_residual(tmp_path, "m/a/Conv2D:Conv2D")
    assert in_milliseconds(trace.by_layer) == {"a": 1.0, "b": 3.0}
    assert trace.problems == ()


def test_a_fused_convolution_that_may_be_either_is_given_to_none(tmp_path):
    trace = read_residual(tmp_path, "m/bn/Norm:Mul")
    assert in_milliseconds(trace.by_layer) == {"bn": 1.0}
    assert in_milliseconds(trace.by_kind)["convolution"] == 3.0
    assert trace.problems[0].startswith("Of the traced convolutions 100 % cannot be given to a layer")
    assert trace.unnamed_seconds == pytest.approx(0.003)


def test_layers_that_read_each_other_in_a_circle_come_to_an_end(tmp_path):
    layers = (FoundLayer("a", "ReLU", inputs=("b",)), FoundLayer("b", "ReLU", inputs=("a", "gone")))
    folder = made_networks.save_trace(
        tmp_path / "trace", operations=[("m/a/Relu:_FusedConv2D", 1, 2)], scopes={"m/a": "a"}
    )
    assert read_network_trace(folder, row_of(layers=layers)).by_layer == {}


def test_without_scopes_convolutions_are_told_from_the_rest(tmp_path):
    trace = read(tmp_path, scopes={})
    assert trace.by_layer == {}
    assert in_milliseconds(trace.by_kind) == {
        "convolution": 5.0,
        "rest": 1.0,
        "outside operations": 3.0,
    }
    assert "does not say which layer" in trace.problems[0]


def test_what_xla_compiled_is_not_told_apart(tmp_path):
    step = {
        made_traces.CALLER: [("bench_step", 0, 10), ("fusion.1", 1, 2), ("CpuExecutable::Execute", 1, 9)],
        "worker": [("end: fusion.1", 8, 8)],
    }
    folder = made_networks.save_trace(tmp_path / "trace")
    (file,) = folder.rglob("*.xplane.pb")
    file.write_bytes(made_traces.space(step))
    trace = read_network_trace(folder, row_of())
    assert (trace.by_layer, trace.by_kind) == ({}, {})
    assert "XLA compiled" in trace.problems[0]
    assert 0 < trace.accounted <= 1


def test_what_xla_compiled_inside_a_graph_is_of_no_layer_and_all_else_is(tmp_path):
    folder = made_networks.save_trace(tmp_path / "trace")
    step = made_traces.graph_step(0, made_networks.OPERATIONS)
    # TensorFlow has convolutions with groups compiled, and says nothing of which.
    step["worker"] = [("convolution.1", 7, 7.1), ("end: convolution.1", 8, 8)]
    (file,) = folder.rglob("*.xplane.pb")
    file.write_bytes(made_traces.space(step))
    trace = read_network_trace(folder, row_of())
    assert in_milliseconds(trace.by_layer)["conv"] == 2.5
    assert in_milliseconds(trace.by_kind)["convolution"] == 6.0
    assert trace.unnamed_seconds == pytest.approx(0.001)
    assert trace.problems == (
        "XLA compiled a part of the traced network, 14 % of its operations' time, as it does for "
        "convolutions with groups: of that no layer is known.",
    )


def test_kernels_on_a_gpu_belong_to_the_layer_that_launched_them(tmp_path):
    folder = made_networks.save_trace(tmp_path / "trace")
    (file,) = folder.rglob("*.xplane.pb")
    kernels = [("sm80_xmma_fprop", "tiny/conv/Conv2D:Conv2D", 3, 5), ("relu", "tiny/relu/Relu:Relu", 5, 6)]
    file.write_bytes(made_traces.add_gpu(file.read_bytes(), kernels))
    assert in_milliseconds(read_network_trace(folder, row_of()).by_layer) == {"conv": 2.0, "relu": 1.0}


@pytest.mark.parametrize("content", ["", "{", "[]", "1", '{"network": "tiny"}', "[" * 100_000])
def test_a_damaged_capture_is_refused_by_name(tmp_path, content):
    folder = made_networks.save_trace(tmp_path / "trace")
    (folder / "network.json").write_text(content)
    with pytest.raises(TraceError, match=r"network\.json does not say how the network was traced"):
        read_network_trace(folder, row_of())


@pytest.mark.parametrize("seconds", [[], [0.0], [-1.0], ["x"], [None], {"a": 1}])
def test_times_that_are_none_are_refused_by_name(tmp_path, seconds):
    folder = made_networks.save_trace(tmp_path / "trace")
    capture = json.loads((folder / "network.json").read_text())
    (folder / "network.json").write_text(json.dumps({**capture, "untraced_step_seconds": seconds}))
    with pytest.raises(TraceError, match=r"network\.json does not say"):
        read_network_trace(folder, row_of())


def test_the_trace_of_another_variant_is_refused(tmp_path):
    folder = made_networks.save_trace(tmp_path / "trace", "dense")
    with pytest.raises(TraceError, match="holds the trace of another network, tiny, dense, inference"):
        read_network_trace(folder, row_of())


def build(folder, damage=None):
    """The network of a run whose traces lie beside its file."""
    rows = made_networks.all_rows()
    for row in rows:
        variant = row["extra_info"].get("network", {}).get("variant")
        if variant in ("as it is", "recommended"):
            name = f"traces/{variant.replace(' ', '-')}"
            made_networks.save_trace(folder / name, variant)
            row["extra_info"]["trace"] = name
    (folder / "results").mkdir()
    if damage:
        (folder / damage).unlink()
    return build_networks(load_results([made_results.save(folder / "results", rows)]))[0]


def test_a_network_has_what_its_layers_take_in_it_and_with_the_changes(tmp_path):
    network = build(tmp_path)
    layers = {layer.found.name: layer for layer in network.layers}
    told = in_milliseconds({name: layer.in_network_seconds for name, layer in layers.items()})
    assert told == {"conv": 2.5, "sep": 0.5, "dw": 1.0, "relu": 0.5, "pw": 1.0, "grouped": 0.0}
    # With all that the change took out: the block was 1.0 + 0.5 + 1.0.
    assert layers["dw"].recommended_seconds == pytest.approx(0.0025)
    assert layers["conv"].recommended_seconds == pytest.approx(0.0025)
    assert layers["sep"].recommended_seconds is None
    assert network.accounted == pytest.approx(0.9)
    assert network.traced_seconds == pytest.approx(0.010)


def test_a_trace_that_cannot_be_read_is_a_problem_and_no_more(tmp_path):
    network = build(tmp_path, damage="traces/as-it-is/network.json")
    assert network.accounted is None
    assert network.by_kind == {}
    assert {layer.in_network_seconds for layer in network.layers} == {None}
    assert "network.json does not say how the network was traced" in network.problems[0]


def test_where_nothing_is_recommended_a_damaged_trace_is_told_once(tmp_path):
    made_networks.save_trace(tmp_path / "traces/one")
    (tmp_path / "traces/one/network.json").unlink()
    (tmp_path / "results").mkdir()
    rows = made_networks.network_rows({"as it is": 1.0}, recommended=[])
    rows[0]["extra_info"]["trace"] = "traces/one"
    (network,) = build_networks(load_results([made_results.save(tmp_path / "results", rows)]))
    assert [variant.variant for variant in network.variants] == ["as it is", "recommended"]
    assert len(network.problems) == 1
