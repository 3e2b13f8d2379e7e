"""The figures that pages tell are those of the committed example."""

import json
import re
import runpy

import pandas as pd
import pytest

from tests.documentation.pages import PROJECT, README, read

ANSWER = json.loads((PROJECT / "reports/example/summary.json").read_text("utf-8"))["answer"]
RESULTS = read(PROJECT / "docs/results.md")
_NUMBER = re.compile(r"\d+(?:\.\d+)?")
#: Numbers that are part of a word: Conv2D, float16.
_WORD_WITH_NUMBER = re.compile(r"[A-Za-z]+\d+\w*")


def numbers(text):
    return set(_NUMBER.findall(_WORD_WITH_NUMBER.sub("", text)))


def answer_in_readme():
    """Its three sentences."""
    section = re.search(r"^## The answer.*?\n\n(.*?)\n\n<picture>", read(README), re.MULTILINE | re.DOTALL)[1]
    return [" ".join(part.split()) for part in re.split(r"^\d\. ", section, flags=re.MULTILINE)[1:]]


def test_the_readme_has_an_answer_in_three_sentences_with_figures():
    sentences = answer_in_readme()
    assert len(sentences) == 3
    assert all(numbers(sentence) for sentence in sentences)
    assert ANSWER[0].partition(". ")[0] in sentences[0]


@pytest.mark.parametrize("place", range(3))
def test_every_figure_of_the_readmes_answer_stands_in_the_example(place):
    told = {number for text in ANSWER[place].split() for number in _NUMBER.findall(text)}
    assert numbers(answer_in_readme()[place]) <= told


def test_the_reasons_in_the_readme_are_the_most_frequent_of_the_example():
    reasons = ANSWER[1].partition("goes to ")[2].split(", ")
    assert len(reasons) > 3
    for reason in reasons[:3]:
        assert reason in answer_in_readme()[1]


def test_the_results_count_as_the_example_does():
    text = read(PROJECT / "docs/results.md")
    slower, total, faster, undecided = re.search(
        r"slower than Conv2D in (\d+) of the (\d+) .*? faster in (\d+) and undecided in (\d+)", ANSWER[0]
    ).groups()
    assert f"slower in {slower} of {total} comparisons, faster in {faster}, undecided in {undecided}" in text
    for direction, count in re.findall(r"(forward|backward|train) (\d+ of \d+)", ANSWER[0]):
        assert f"| graph, {direction} | {count}" in text


def test_the_results_tell_of_trainings_what_the_example_does():
    text, answer = read(PROJECT / "docs/results.md"), " ".join(ANSWER)
    trains = re.search(r"trains ([\d.]+) times as fast \(([\d.]+) to ([\d.]+)\)", answer)
    assert "trains {} times as fast as the Conv2D one ({} to {})".format(*trains.groups()) in text
    differs = re.search(r"differs by -([\d.]+) points \(-([\d.]+) to -([\d.]+)\)", answer)
    mean, most, least = differs.groups()
    assert f"{mean} points lower ({least} to {most})" in text


@pytest.mark.parametrize("framework", ["TensorFlow", "JAX", "PyTorch"])
def test_the_results_count_for_each_framework_as_the_example_does(framework):
    text, answer = read(PROJECT / "docs/results.md"), " ".join(ANSWER)
    slower = re.search(rf"(\d+) with {framework}\b", answer)[1]
    assert re.search(rf"\| {framework} [\d.]+ \| {slower} \|", text)


def test_the_images_of_the_readme_are_made_from_the_examples_heatmap():
    making = runpy.run_path(str(PROJECT / "docs/images/make.py"))
    heatmap = read(making["HEATMAP"])
    for name, make in (("light", making["make_light"]), ("dark", making["make_dark"])):
        image = read(PROJECT / f"docs/images/heatmap-{name}.svg")
        assert image == make(heatmap)
        assert "prefers-color-scheme" not in image
    assert making["make_light"](heatmap) != making["make_dark"](heatmap) != heatmap


def test_the_results_tell_of_each_release_which_kernels_changed_as_the_example_does():
    table = re.search(r"### Which kernels changed\n.*?\n\n(\| with .*?)\n\n", RESULTS, re.DOTALL)[1]
    told = {
        cells[0]: cells[2:] for cells in (line.strip("| ").split(" | ") for line in table.split("\n")[2:])
    }
    steps = pd.read_csv(PROJECT / "reports/example/data/releases_2.csv", keep_default_na=False)
    labels = list(dict.fromkeys(steps["label"]))
    assert [f"tf{release.replace('.', '')}" for release in told] == labels[1:]
    for release, (kernels, changed) in told.items():
        rows = steps[steps["label"] == f"tf{release.replace('.', '')}"]
        another = int(rows["kernel_changes"].ne("").sum())
        assert numbers(kernels.partition(" ")[0]) == ({str(another)} if another else set())
        for word in ("slower", "faster"):
            count = int(rows["verdict"].eq(word).sum())
            assert (f"{count} {word}" in changed) if count else word not in changed
        assert rows["kernels_known"].sum() == 54
