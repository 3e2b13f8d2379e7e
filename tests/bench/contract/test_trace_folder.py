from bench.contract.cases import ConvCase
from bench.contract.trace_folder import Capture

CAPTURED = Capture(
    case=ConvCase(),
    steps=2,
    inter_op_threads=1,
    untraced_step_seconds=(0.1, 0.2),
    traced_step_seconds=(0.3, 0.4),
    caller_cpu_seconds=(0.05, 0.06),
)


def test_a_capture_is_read_as_it_was_written():
    assert Capture.from_dict(CAPTURED.as_dict()) == CAPTURED


def test_a_file_without_what_nobody_reads_is_still_read():
    fields = CAPTURED.as_dict()
    for name in ("steps", "inter_op_threads", "traced_step_seconds"):
        del fields[name]
    assert Capture.from_dict(fields).untraced_step_seconds == (0.1, 0.2)
