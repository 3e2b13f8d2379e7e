from bench.contract.cases import ConvCase
from bench.contract.claims import load_claims
from bench.contract.mnist import FIRST_LAYER, POOL_SIDE, SECOND_LAYER


def test_the_second_layer_takes_what_the_first_and_its_pooling_leave():
    first, second = ConvCase(**FIRST_LAYER), ConvCase(**SECOND_LAYER)
    assert tuple(side // POOL_SIDE for side in first.output_size) == (second.height, second.width) == (13, 13)
    assert second.in_channels == first.filters


def test_the_articles_claim_is_tried_on_its_own_layers():
    (claim,) = (claim for claim in load_claims() if claim.id == "article-slower")
    assert [trial.base for trial in claim.trials] == [
        ConvCase(direction="train", **FIRST_LAYER),
        ConvCase(direction="train", **SECOND_LAYER),
    ]
