from analysis.traces.formats import hlo

#: As XLA writes a depthwise weight gradient on CPU: a full one, masked; names and shapes shortened.
MASKED = """HloModule gradients

%add (lhs: f32[], rhs: f32[]) -> f32[] {
  %lhs = f32[] parameter(0)
  %rhs = f32[] parameter(1)
  ROOT %sum = f32[] add(%lhs, %rhs)
}

%fused (param_0: f32[64,3,3,64]) -> f32[3,3,64,64] {
  %param_0 = f32[64,3,3,64]{3,2,1,0} parameter(0)
  %iota.5 = s32[3,3,64,64]{3,2,1,0} iota(), iota_dimension=2
  %iota.4 = s32[3,3,64,64]{3,2,1,0} iota(), iota_dimension=3
  %compare.1 = pred[3,3,64,64]{3,2,1,0} compare(%iota.5, %iota.4), direction=EQ
  %transpose.14 = f32[3,3,64,64]{3,1,0,2} transpose(%param_0), dimensions={1,2,0,3}
  %constant.4 = f32[] constant(0)
  %broadcast.3 = f32[3,3,64,64]{3,2,1,0} broadcast(%constant.4), dimensions={}
  ROOT %select.1 = f32[3,3,64,64]{3,2,1,0} select(%compare.1, %transpose.14, %broadcast.3)
}

%moved (param_0.1: f32[8,32,32,64]) -> f32[64,32,32,8] {
  %param_0.1 = f32[8,32,32,64]{3,2,1,0} parameter(0)
  ROOT %transpose.1 = f32[64,32,32,8]{0,2,1,3} transpose(%param_0.1), dimensions={3,1,2,0}
}

ENTRY %main (arg0: f32[8,32,32,64], arg1: f32[8,32,32,64]) -> (f32[3,3,1,64], /*index=1*/f32[64]) {
  %arg0 = f32[8,32,32,64]{3,2,1,0} parameter(0)
  %arg1 = f32[8,32,32,64]{3,2,1,0} parameter(1)
  %moving = f32[64,32,32,8]{3,2,1,0} fusion(%arg0), kind=kLoop, calls=%moved
  %convolution.3 = f32[64,3,3,64]{3,2,1,0} convolution(%moving, %arg1), window={size=32x32 pad=1_1x1_1}
  %masking = f32[3,3,64,64]{3,2,1,0} fusion(%convolution.3), kind=kLoop, calls=%fused
  %zero = f32[] constant(0)
  ROOT %reduce = f32[3,3,1,64]{3,2,1,0} reduce-window(%masking, %zero), to_apply=%add, metadata={op_type="DepthwiseConv2dNativeBackpropFilter" op_name="x"}
}
"""  # noqa: E501


def program():
    (found,) = hlo.parse_programs(MASKED)
    return found


def test_a_convolution_without_metadata_takes_the_type_of_what_uses_it():
    assert program().find_op_type("convolution.3") == "DepthwiseConv2dNativeBackpropFilter"
    assert program().find_op_type("moving") == "DepthwiseConv2dNativeBackpropFilter"


def test_what_multiplies_what_masks_and_what_only_moves_is_told_apart():
    found = program()
    assert [name for name in found.entry if found.multiplies(name)] == ["convolution.3"]
    assert [name for name in found.entry if found.masks(name)] == ["masking"]
    assert found.only_moves("moving")
    assert not found.only_moves("masking")


def test_groups_of_a_convolution_are_read():
    text = MASKED.replace("window={size=32x32 pad=1_1x1_1}", "window={size=3x3}, feature_group_count=64")
    (found,) = hlo.parse_programs(text)
    assert found.entry["convolution.3"].groups == 64


def test_the_program_that_ran_is_found_among_several_by_its_instructions():
    other = MASKED.replace("convolution.3", "convolution.9")
    programs = hlo.parse_programs(MASKED + "\n" + other)
    assert len(programs) == 2
    assert hlo.find_program(programs, {"convolution.9", "moving"}) is programs[1]
    assert hlo.find_program(programs, {"elsewhere"}) is None


def test_a_program_that_lacks_a_traced_instruction_is_another():
    programs = hlo.parse_programs(MASKED)
    assert hlo.find_program(programs, {"convolution.3", "masking"}) is programs[0]
    assert hlo.find_program(programs, {"convolution.3", "depthwise.1"}) is None


def test_a_computation_that_calls_itself_ends():
    (found,) = hlo.parse_programs(MASKED.replace("add(%lhs, %rhs)", "add(%lhs, %rhs), to_apply=%add"))
    assert "reduce-window" in found.find_opcodes("reduce")


def test_foreign_text_holds_no_program():
    assert hlo.parse_programs("") == hlo.parse_programs("hello\nworld = 3\n") == []


def test_a_library_call_is_what_it_computes():
    text = """HloModule jit_train

ENTRY %main (p: f32[8,32,32,64]) -> f32[8,32,32,64] {
  %conv.1 = f32[8] custom-call(%p), custom_call_target="__cudnn$convForward", metadata={op_type="Conv2D"}
  %cublas.2 = f32[64,64] custom-call(%p), custom_call_target="__cublas$lt$matmul"
  ROOT %other.3 = f32[64] custom-call(%p), custom_call_target="mine"
}
"""
    (program,) = hlo.parse_programs(text)
    assert [program.multiplies(name) for name in program.entry] == [True, True, False]
    assert program.find_op_type("conv.1") == "Conv2D"
