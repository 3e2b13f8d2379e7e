import pytest

from analysis.traces import naming
from analysis.traces.formats import hlo
from analysis.traces.libraries import name_library
from bench.contract.cases import ConvCase

SEPARABLE = ConvCase(layer="separable_conv2d", direction="train")


@pytest.mark.parametrize(
    ("raw", "case", "expected"),
    [
        ("Conv2D", ConvCase(), ("dense", "forward")),
        ("_MklNativeFusedConv2D", SEPARABLE, ("pointwise", "forward")),
        ("_FusedConv2D", ConvCase(layer="pointwise_conv2d", kernel_size=(1, 1)), ("pointwise", "forward")),
        ("_MklNativeConv2DBackpropFilterWithBias", ConvCase(), ("dense", "weight_gradient")),
        ("_MklNativeDepthwiseConv2dNativeBackpropInput", SEPARABLE, ("depthwise", "input_gradient")),
        ("_MklFusedDepthwiseConv2dNative", SEPARABLE, ("depthwise", "forward")),
        ("SpaceToBatchND", SEPARABLE, ("space-to-batch", "")),
        ("_MklTranspose", SEPARABLE, ("transpose", "")),
        ("BiasAddGrad", SEPARABLE, ("bias", "")),
        ("SomethingNew", SEPARABLE, ("SomethingNew", "")),
        # PyTorch's, and a kernel that nothing launched, whose name looks like one.
        ("aten::mkldnn_convolution 64x1x3x3", SEPARABLE, ("depthwise", "forward")),
        ("aten::mkldnn_convolution 64x64x1x1", SEPARABLE, ("pointwise", "forward")),
        ("at::native::conv_depthwise2d<int, 3>", SEPARABLE, ("pointwise", "forward")),
    ],
)
def test_types_of_operations_are_named_whatever_onednn_calls_them(raw, case, expected):
    assert naming.classify_type(raw, case) == expected


@pytest.mark.parametrize(
    ("case", "line", "expected"),
    [
        # As many elements as the weights, and a row a pixel.
        (
            ConvCase("separable_conv2d", "train", height=16, width=16, in_channels=2048, filters=2048),
            "f32[2048,2048] dot(%a, %b)",
            ("pointwise", "input_gradient"),
        ),
        (
            ConvCase("separable_conv2d", "train"),
            "f32[64,1,1,64] convolution(%a, %b), window={size=32x32}",
            ("pointwise", "weight_gradient"),
        ),
        (
            ConvCase("separable_conv2d", "train"),
            "f32[64,3,3,64] convolution(%a, %b), window={size=32x32 pad=1_1x1_1}",
            ("depthwise", "weight_gradient"),
        ),
        (
            ConvCase("conv2d", "train"),
            "f32[8,32,32,64] convolution(%a, %b), window={size=3x3 pad=1_1x1_1}",
            ("dense", "input_gradient"),
        ),
    ],
)
def test_a_gradient_in_jaxs_program_is_known_by_its_shape(case, line, expected):
    metadata = 'metadata={op_name="jit(train)/transpose(jvp())/conv_general_dilated"}'
    text = f"HloModule m\n\nENTRY %main (a: f32[1]) -> f32[1] {{\n  ROOT %it = {line}, {metadata}\n}}\n"
    (program,) = hlo.parse_programs(text)
    assert naming.classify_structure(program, "it", case) == expected


@pytest.mark.parametrize(
    ("kernel", "library"),
    [
        ("sm90_xmma_wgrad_implicit_gemm_bf16", "cuDNN"),
        ("cutlass__5x_cudnn::Kernel<cutlass_tensorop>", "cuDNN"),
        ("cutlass_80_tensorop_s1688gemm_64x64", "CUTLASS"),
        ("ampere_sgemm_128x64_nn", "cuBLAS"),
        ("sm80_xmma_gemm_f32f32_tf32f32", "cuBLAS"),
        ("nvjet_hsh_256x128", "cuBLAS"),
        ("gemm_fusion_dot_3", "XLA"),
        ("void at::native::conv_depthwise2d_forward_kernel<3>", "PyTorch"),
        ("loop_add_fusion", "XLA"),
        ("my_kernel", ""),
    ],
)
def test_a_kernels_name_says_whose_it_is(kernel, library):
    assert name_library(kernel) == library
