"""Lines of oneDNN's log, for a separable layer of 64 channels."""

DEPTHWISE = "g64mb8_ic64oc64_ih32oh32kh3sh1dh0ph1_iw32ow32kw3sw1dw0pw1"
POINTWISE = "mb8_ic64oc64_ih32oh32kh1sh1dh0ph0_iw32ow32kw1sw1dw0pw0"


def line(kind, implementation, propagation, problem, milliseconds, version="v1,primitive,"):
    layout = "src:f32::blocked:acdb::f0 dst:f32::blocked:acdb::f0,,alg:convolution_direct"
    fields = (f"onednn_verbose,{version}exec,cpu", kind, implementation, propagation, layout, problem)
    return ",".join((*fields, f"{milliseconds}\n"))
