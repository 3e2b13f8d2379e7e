"""Names of what can be tried against slowness: measured by ``bench.plan``, recommended by ``analysis``.

A saved file holds these names. Needs nothing but the standard library.
"""

from __future__ import annotations

from collections.abc import Mapping

#: What leaves mode xla or eager for mode graph.
XLA_OFF = "XLA off"
TF_FUNCTION = "tf.function"
JAX_JIT = "jax.jit"
TORCH_COMPILE_OFF = "torch.compile off"
#: What makes one call of many eager ones, by backend: a function's name and a remedy's. PyTorch has none
#: short of torch.compile, which is a mode of its own.
EAGER_COMPILERS: Mapping[str, str] = {"tensorflow": TF_FUNCTION, "jax": JAX_JIT}

BFLOAT16 = "bfloat16"
CHANNELS_LAST = "channels last"
SPLIT_DEPTH_MULTIPLIER = "split depth multiplier"
DEPTHWISE_FOR_GROUPED = "DepthwiseConv2D for grouped Conv2D"

#: These two compute something else. They say what the same layer gains where that is acceptable.
LARGER_BATCH = "batch 8 times as large"
SMALLER_KERNEL = "3x3 kernel"

#: Not measured as a remedy: every comparison measures Conv2D anyway.
DENSE_INSTEAD = "Conv2D instead"
