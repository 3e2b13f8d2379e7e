"""A trace opens in TensorBoard's Profile tab, in a real browser where there is one."""

import gzip
import json
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

import pytest

from bench.contract.cases import ConvCase
from bench.tracing import capturing

CASE = ConvCase(
    layer="separable_conv2d", direction="train", batch=2, height=16, width=16, in_channels=16, filters=16
)
BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
OPERATION = "DepthwiseConv2dNativeBackpropFilter"


@pytest.fixture(scope="module")
def plugin(tmp_path_factory):
    """The address of the Profile plug-in of a TensorBoard that serves one captured case."""
    folder = tmp_path_factory.mktemp("traces")
    told = []
    capturing.capture([CASE], folder / "run", told.append)
    assert told == []
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    log = folder / "tensorboard.log"
    with log.open("w") as output:
        server = subprocess.Popen(
            [sys.executable, "-m", "tensorboard.main", "--logdir", folder, "--port", str(port)],
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    address = f"http://127.0.0.1:{port}/data/plugin/profile"
    try:
        for _ in range(120):
            time.sleep(0.5)
            if server.poll() is not None:
                pytest.fail(log.read_text())
            try:
                urllib.request.urlopen(f"{address}/runs", timeout=5).read()
                break
            except (urllib.error.URLError, ConnectionError, TimeoutError):
                continue
        yield address
    finally:
        server.kill()
        server.wait()


def fetched(address):
    with urllib.request.urlopen(address, timeout=60) as answer:
        content = answer.read()
        packed = answer.headers.get("Content-Encoding") == "gzip"
    return json.loads(gzip.decompress(content) if packed else content)


def run_name(plugin):
    (name,) = fetched(f"{plugin}/runs")
    return name


def test_every_case_is_a_run_with_a_readable_name(plugin):
    assert run_name(plugin).startswith(f"run/{CASE.id}/")


def test_the_table_of_operations_holds_the_depthwise_gradient(plugin):
    (host,) = fetched(f"{plugin}/hosts?run={run_name(plugin)}&tag=framework_op_stats")
    name = host["hostname"] if isinstance(host, dict) else host
    table = fetched(f"{plugin}/data?run={run_name(plugin)}&tag=framework_op_stats&host={name}")
    assert OPERATION in json.dumps(table)


@pytest.mark.skipif(BROWSER is None, reason="there is no Chromium here")
def test_a_browser_shows_the_run(plugin, tmp_path):
    """Not the table: the plug-in draws it with a library that it loads from the network."""
    quiet = "--disable-background-networking --disable-component-update --disable-sync --no-first-run"
    done = subprocess.run(
        [
            *(BROWSER, "--headless", "--no-sandbox", "--disable-gpu", *quiet.split()),
            *(
                f"--user-data-dir={tmp_path}",
                "--virtual-time-budget=20000",
                "--dump-dom",
                f"{plugin}/index.html",
            ),
        ],
        capture_output=True,
        text=True,
        timeout=180,
    )
    assert CASE.id in done.stdout
