"""What a captured case leaves in its folder: written by ``bench.tracing``, read by ``analysis.traces``.

Needs nothing but the standard library.
"""

from __future__ import annotations

#: What oneDNN printed, on CPU.
ONEDNN_LOG = "onednn.log"
#: The program that XLA made of the case.
OPTIMIZED_HLO = "optimized_hlo.txt"
#: How the case was captured. It is written last, so a folder that has it is complete.
CAPTURE = "capture.json"
#: What a step is called: around it in the trace, and before it in oneDNN's log. The name is reserved: a
#: function of the same name in a trace would pass for a step.
STEP_NAME = "bench_step"
