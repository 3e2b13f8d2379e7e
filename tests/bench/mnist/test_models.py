import pytest

from bench.mnist.models import MODELS, build_model


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("conv", 431_242),
        ("separable", 414_899),
        ("hybrid", 415_146),
        ("matched", 431_230),
        ("conv-deeper", 206_026),
        ("separable-deeper", 157_491),
        ("conv-shallower", 1_387_594),
        ("separable-shallower", 1_387_347),
    ],
)
def test_parameters_are_exactly_those_of_the_article_or_of_its_variants(name, parameters):
    assert build_model(MODELS[name], seed=1).count_params() == parameters


def test_the_matched_model_has_the_parameters_of_conv_to_a_ten_thousandth():
    conv = build_model(MODELS["conv"], seed=1).count_params()
    matched = build_model(MODELS["matched"], seed=1).count_params()
    assert abs(matched / conv - 1) < 1e-4


@pytest.mark.parametrize("name", ["conv", "separable", "hybrid"])
def test_layers_have_the_articles_shapes(name):
    shapes = [tuple(layer.output.shape[1:]) for layer in build_model(MODELS[name], seed=1).layers]
    assert shapes == [
        (26, 26, 32),
        (13, 13, 32),
        (13, 13, 32),
        (11, 11, 64),
        (5, 5, 64),
        (5, 5, 64),
        (1600,),
        (256,),
        (10,),
    ]


def test_the_network_is_compiled_as_in_the_article():
    network = build_model(MODELS["separable"], seed=1)
    assert type(network.optimizer).__name__ == "Adam"
    assert float(network.optimizer.learning_rate) == pytest.approx(0.001)
    assert [layer.rate for layer in network.layers if type(layer).__name__ == "Dropout"] == [0.25, 0.25]
    assert network.layers[-1].activation.__name__ == "softmax"


def test_the_same_seed_starts_equal_layers_with_equal_weights():
    first = build_model(MODELS["conv"], seed=1).get_weights()
    again = build_model(MODELS["conv"], seed=1).get_weights()
    other = build_model(MODELS["conv"], seed=2).get_weights()
    assert all((a == b).all() for a, b in zip(first, again, strict=True))
    assert any((a != b).any() for a, b in zip(first, other, strict=True))
