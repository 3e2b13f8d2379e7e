"""The name of a kernel on a GPU -> the library that it is from."""

from __future__ import annotations

import re

#: Libraries and how their kernels are called; the first that fits counts.
_LIBRARIES = (
    ("XLA", r"^gemm_fusion"),
    ("cuBLAS", r"cublas|xmma_gemm|nvjet"),
    ("cuDNN", r"cudnn|xmma|winograd|implicit_convolve|convolve|[dw]grad|fprop|nchwToNhwc|nhwcToNchw"),
    ("CUTLASS", r"cutlass"),
    ("Triton", r"triton"),
    ("cuBLAS", r"gemm|gemv"),
    ("TensorFlow", r"tensorflow::|Eigen::|DepthwiseConv2d|SwapDimension|BiasNCHW|BiasNHWC"),
    ("PyTorch", r"at::native|at_cuda|c10::"),
    ("XLA", r"^(?:loop|input|fusion|wrapped|copy|reduce|transpose|select)[_.a-z]*"),
)


def name_library(kernel: str) -> str:
    """The library that ``kernel`` is from; empty where its name does not say."""
    for library, pattern in _LIBRARIES:
        if re.search(pattern, kernel):
            return library
    return ""
