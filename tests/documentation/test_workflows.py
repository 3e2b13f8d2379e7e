"""The workflows of docs/continuous-integration.md: their YAML, their shell, and the commands in it."""

import re
import shlex
import subprocess

import pytest
import yaml

from tests.documentation.commands import check_command
from tests.documentation.pages import PROJECT, find_blocks, read

GITHUB, GITLAB = map(yaml.safe_load, find_blocks(PROJECT / "docs/continuous-integration.md", "yaml"))
STEPS = GITHUB["jobs"]["benchmark"]["steps"]
#: What each workflow runs, in its order.
SCRIPTS = {
    "github": [step["run"] for step in STEPS if "run" in step],
    "gitlab": GITLAB["benchmark"]["script"],
}
WORKFLOWS = pytest.mark.parametrize("workflow", SCRIPTS)
#: What installs the interpreters that a campaign then names.
_INTERPRETER = re.compile(r"\.\./environments/(?:base|new)/bin/python")


def find_own_commands(workflow):
    """The commands of this project in a workflow, as words."""
    lines = "\n".join(SCRIPTS[workflow]).replace("\\\n", " ").splitlines()
    found = [shlex.split(line) for line in lines]
    return [words for words in found if re.match(r"python -m (?:bench|analysis)", " ".join(words))]


def find_values(workflow, module, option):
    """What the commands of ``module`` give for ``option``."""
    return [
        words[words.index(option) + 1]
        for words in find_own_commands(workflow)
        if words[2] == module and option in words
    ]


@WORKFLOWS
def test_every_command_of_this_project_in_a_workflow_exists(workflow):
    found = find_own_commands(workflow)
    assert [words[2] for words in found] == ["bench.campaign", "analysis", "analysis", "analysis"]
    for words in found:
        check_command([_INTERPRETER.sub("current", word) for word in words])


@WORKFLOWS
def test_a_shell_can_read_what_a_workflow_runs(workflow):
    done = subprocess.run(["bash", "-n"], input="\n".join(SCRIPTS[workflow]), capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


@WORKFLOWS
def test_both_environments_have_what_an_environment_of_tox_measures_with(workflow):
    (install,) = [script for script in SCRIPTS[workflow] if '-r "$side/requirements.txt"' in script]
    section = read(PROJECT / "tox.ini").partition("[testenv:tf2")[2].partition("[testenv:")[0]
    needed = re.findall(r"^    ([a-z][\w-]*>=\S+)$", section, re.MULTILINE)
    assert len(needed) == 5
    assert re.findall(r'"([\w-]+>=[^"]+)"', install) == needed


@WORKFLOWS
def test_one_job_measures_both_environments_and_compares_what_it_measured(workflow):
    (name,), (storage,) = (
        find_values(workflow, "bench.campaign", option) for option in ("--name", "--storage")
    )
    (environments,) = find_values(workflow, "bench.campaign", "--environments")
    folders = [f"{storage}/{name}/{part.partition('=')[0]}" for part in environments.split(",")]
    compared = [words[4:6] for words in find_own_commands(workflow) if words[3] == "compare"]
    assert compared == [folders, folders]
    assert f"python -m analysis report {storage}/{name} " in "\n".join(SCRIPTS[workflow])
    for file in find_values(workflow, "analysis", "--markdown"):
        assert file.startswith(f"{storage}/")


@WORKFLOWS
def test_a_comment_is_posted_before_a_slower_case_fails_the_job(workflow):
    text = "\n".join(SCRIPTS[workflow])
    order = ["--markdown ../results/comment.md", "results/comment.md", "--fail-on slower"]
    written, posted, failed = text.index(order[0]), text.rindex(order[1]), text.index(order[2])
    assert written < posted < failed
    assert SCRIPTS[workflow][-1].strip().endswith("--fail-on slower")


def test_what_was_measured_is_kept_also_where_the_job_fails():
    (keeping,) = [step for step in STEPS if "upload-artifact" in step.get("uses", "")]
    assert keeping["if"] == "always()"
    kept = GITLAB["benchmark"]["artifacts"]
    assert kept["when"] == "always"
    assert [keeping["with"]["path"]] == kept["paths"] == ["results"]


def test_the_workflows_run_for_pull_requests_and_may_comment():
    # YAML 1.1 reads the key `on` as true.
    assert GITHUB[True] == "pull_request"
    assert GITHUB["permissions"] == {"contents": "read", "pull-requests": "write"}
    assert GITLAB["benchmark"]["rules"] == [{"if": '$CI_PIPELINE_SOURCE == "merge_request_event"'}]
