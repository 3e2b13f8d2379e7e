"""The comment for a pull request: short whatever was measured, and with no foreign markup in it."""

import dataclasses
import re

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from analysis.cli.comment import write_comment
from analysis.cli.main import main
from analysis.environments.changes import Changes
from tests.analysis import made_results
from tests.analysis.environments.made_runs import CASES, save, times
from tests.analysis.environments.made_upgrade import save_runs

KERNEL = "depthwise weight gradient: jit_dw:avx512_core -> ref:any"
LINKS_AND_MARKUP = re.compile(r"(?<!\\)[<*\[]")
CODE = re.compile(r"`[^`\n]*`")


def make_case(number, verdict, **more):
    ratio = {"slower": 1.5, "faster": 0.5, "same": 1.0, "undecided": 1.1}[verdict] + number / 1e6
    codes = {"same": "within_margin", "undecided": "chance"}
    return {
        "id": f"conv2d-forward-{number}", "ratio": ratio, "low": ratio * 0.9, "high": ratio * 1.1,
        "verdict": verdict, "reason_code": codes.get(verdict, "beyond_noise"),
        "base_seconds": 0.002, "new_seconds": 0.002 * ratio, "detectable": 0.04, "paired": True,
        "base_implementations": "", "new_implementations": "", "kernel_changes": "",
        "kernels_known": False, **more,
    }  # fmt: skip


def make_changes(slower=0, faster=0, same=0, undecided=0, **more):
    words = ["slower"] * slower + ["faster"] * faster + ["same"] * same + ["undecided"] * undecided
    facts = {
        "base": made_results.ENVIRONMENT,
        "new": {**made_results.ENVIRONMENT, "tensorflow": "2.22.0"},
        "cases": pd.DataFrame([make_case(number, word) for number, word in enumerate(words)]),
        "only_in_base": [],
        "only_in_new": [],
    }
    return Changes(**{**facts, **more})


def change_kernels(changes, kernels):
    """By the place of a case, the kernels that changed in it; all others are known, and stayed."""
    known = {
        "base_implementations": "dense forward: a", "new_implementations": "dense forward: b",
        "kernels_known": True,
    }  # fmt: skip
    changed = [kernels.get(place, "") for place in range(len(changes.cases))]
    return dataclasses.replace(changes, cases=changes.cases.assign(**known, kernel_changes=changed))


@pytest.mark.parametrize(
    ("counts", "first"),
    [
        ({"slower": 2, "faster": 3, "same": 40, "undecided": 15},
         "**2 of 60 cases got slower** from `TensorFlow 2.21.0` to `TensorFlow 2.22.0`; "
         "3 faster, 40 the same and 15 undecided."),
        ({"slower": 1}, "**1 of 1 case got slower** from `TensorFlow 2.21.0` to `TensorFlow 2.22.0`."),
        ({"same": 2}, "**No case got slower** from `TensorFlow 2.21.0` to `TensorFlow 2.22.0`; 2 the same."),
        ({"undecided": 2},
         "**Nothing is decided** of 2 cases from `TensorFlow 2.21.0` to `TensorFlow 2.22.0`."),
    ],
)  # fmt: skip
def test_the_verdict_comes_first(counts, first):
    assert write_comment(make_changes(**counts)).splitlines()[0] == first


def test_what_changed_is_seen_with_intervals_and_the_rest_is_folded():
    seen, folded = write_comment(make_changes(slower=1, faster=1, same=1, undecided=1)).split("<details>")
    assert "| slower | `conv2d-forward-0` | 1.50 times as slow (1.35 to 1.65) | 2 → 3 |" in seen
    assert "| faster | `conv2d-forward-1` | 2.00 times as fast (1.82 to 2.2) | 2 → 1 |" in seen
    assert "conv2d-forward-2" not in seen
    assert "- 1 same: `conv2d-forward-2` 1.00 times as slow" in folded
    assert "- 1 undecided (it may be chance: more runs narrow the interval): `conv2d-forward-3`" in folded
    assert "4 % in the median" in folded
    assert folded.endswith("</details>\n")


def test_the_largest_changes_are_seen_and_the_others_are_counted_where_they_are_folded():
    seen, folded = write_comment(make_changes(slower=30, same=40)).split("<details>")
    rows = re.findall(r"^\| slower \| `conv2d-forward-(\d+)`", seen, re.MULTILINE)
    assert [int(row) for row in rows] == list(range(29, 19, -1))
    assert re.search(r"^- 20 slower: .*; and 8 more$", folded, re.MULTILINE)
    assert re.search(r"^- 40 same: .*; and 28 more$", folded, re.MULTILINE)


def test_kernels_are_grouped_by_their_change_also_where_the_time_stayed():
    other = "pointwise forward: jit:avx2 -> brgconv:avx2"
    changes = make_changes(slower=2, same=2)
    both = {0: other, 1: f"{KERNEL}; {other}", 2: KERNEL, 3: KERNEL}
    seen, _ = write_comment(change_kernels(changes, both)).split("<details>")
    first = f"- `{KERNEL}` in 3 cases: 1 slower, 2 same"
    second = f"- `{other}` in 2 cases: 2 slower"
    assert f"{first}\n{second}" in seen
    assert f"| `{other}` |" in seen
    assert "in 2 of these the time is not known to differ" in seen


def test_that_no_kernel_changed_or_none_is_known_is_said():
    changes = make_changes(slower=1, same=1)
    assert "is not known of both environments" in write_comment(changes)
    comment = write_comment(change_kernels(changes, {}))
    assert "same kernels ran in all 2 cases" in comment
    assert "other kernels" not in comment


def test_warnings_and_cases_without_a_time_any_more_stand_before_the_numbers():
    other = {**made_results.ENVIRONMENT, "cpu": "B CPU"}
    changes = make_changes(
        same=2,
        new=other,
        only_in_base=["conv2d-lost"],
        only_in_new=["conv2d-added"],
        notes=("one is a copy",),
    )
    changes = dataclasses.replace(changes, cases=changes.cases.assign(paired=False))
    seen, folded = write_comment(changes).split("<details>")
    assert re.search(
        r"^- \*\*Warning:\*\* 1 case measured only in the base, .*: `conv2d-lost`$", seen, re.MULTILINE
    )
    assert "- **Warning:** one is a copy\n" in seen
    assert "- **Warning:** these are two machines" in seen
    assert "- **Warning:** their runs did not take turns" in seen
    assert "What differs: `cpu: A CPU → B CPU`\n" in seen
    assert "- 1 case measured only in the new environment: `conv2d-added`\n" in folded


@pytest.mark.parametrize("cases", [1, 500])
def test_a_comment_is_short_whatever_was_measured(cases):
    long = "x`|<b>\n# @all *" * 100
    changes = make_changes(slower=cases, faster=cases, same=cases, undecided=cases)
    codes = ["chance", "small", "few_turns", "few_replicates"]
    table = changes.cases.assign(
        id=[f"{number}{long}" for number in range(len(changes.cases))],
        reason_code=[codes[number % 4] for number in range(len(changes.cases))],
        kernel_changes=[f"{number}{long}; {long}" for number in range(len(changes.cases))],
        base_implementations=long,
        new_implementations=long,
    )
    facts = {f"fact{number}": long for number in range(100)}
    comment = write_comment(
        dataclasses.replace(
            changes,
            cases=table,
            base={**changes.base, "tensorflow": long, "host": long},
            new={**changes.new, "flags": facts},
            only_in_base=[long] * 100,
            only_in_new=[long] * 100,
            notes=(long,) * 100,
        )
    )
    assert len(comment.splitlines()) <= 60
    assert len(comment) < 60_000


def test_nothing_foreign_in_a_comment_is_markup():
    nasty = "a`b|c\n# d <img src=x> **e** [f](g) @somebody"
    changes = make_changes(slower=1, same=1, notes=(nasty,), only_in_base=[nasty], only_in_new=[nasty])
    changes = change_kernels(changes, {0: nasty})
    comment = write_comment(
        dataclasses.replace(
            changes, cases=changes.cases.assign(id=nasty), new={**changes.new, "tensorflow": nasty}
        )
    )
    own = (
        "**1 of 2 cases got slower**",
        "**Warning:**",
        "<details><summary>Everything else</summary>",
        "</details>",
    )
    rest = CODE.sub("", comment)
    for words in own:
        rest = rest.replace(words, "")
    assert LINKS_AND_MARKUP.findall(rest) == []
    assert "@somebody" not in rest
    assert not re.search(r"^# ", comment, re.MULTILINE)
    # Every row of the table has the cells of its head.
    rows = [line for line in CODE.sub("", comment).splitlines() if line.startswith("|")]
    assert {row.count("|") for row in rows} == {6}


@pytest.fixture
def folders(tmp_path):
    random = np.random.default_rng(1)
    change = np.where(np.arange(len(CASES)) == 3, 1.5, 1.0)
    save(tmp_path, "base", times(random, 4), campaign="c")
    save(tmp_path, "new", times(random, 4, change=change), campaign="c", tensorflow="2.22.0")
    return tmp_path


def compare(folders, *options):
    return CliRunner().invoke(main, ["compare", str(folders / "base"), str(folders / "new"), *options])


def test_the_comment_is_written_beside_json_also_where_a_slower_case_fails_the_command(folders):
    comment, found = folders / "comment.md", folders / "changes.json"
    comment.write_text("the comment of the last push")
    options = ["--markdown", str(comment), "--json", str(found), "--fail-on", "slower"]
    assert compare(folders, *options).exit_code == 1
    assert comment.read_text().startswith(f"**1 of {len(CASES)} cases got slower**")
    assert CASES[3].id in comment.read_text()
    assert found.exists()


@pytest.mark.parametrize(
    ("file", "said"),
    [
        ("nowhere/comment.md", "there is no folder"),
        ("base/0.json", "holds measurements, which are not replaced: give --markdown another name"),
        ("", "is a directory"),
    ],
)
def test_a_comment_that_cannot_be_written_replaces_nothing(folders, file, said):
    before = (folders / "base/0.json").read_bytes()
    done = compare(folders, "--markdown", str(folders / file))
    assert done.exit_code == 2
    assert said in done.output
    assert "Traceback" not in done.output
    assert (folders / "base/0.json").read_bytes() == before


def test_the_comment_and_the_data_cannot_be_one_file_and_neither_is_half_written(tmp_path):
    files = [str(file) for day in ((1,), (2,)) for file in save_runs(tmp_path / "r", f"env{day[0]}", day)]
    both = tmp_path / "both"
    result = CliRunner().invoke(main, ["compare", *files, "--json", str(both), "--markdown", str(both)])
    assert result.exit_code == 2
    assert "cannot both write" in result.output
    other = ["--json", str(tmp_path / "x.json"), "--markdown", str(tmp_path / "no/such/c.md")]
    assert CliRunner().invoke(main, ["compare", *files, *other]).exit_code == 2
    assert not both.exists()
    assert not (tmp_path / "x.json").exists()
