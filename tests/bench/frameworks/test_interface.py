"""What a framework said, in one line: the errors are what TensorFlow and Keras really print."""

import pytest

from bench.frameworks.interface import Unsupported, name_refusals, summarize_error

KERAS_3 = """Exception encountered when calling V.call().

\x1b[1monly images of 3 channels go in here\x1b[0m

Arguments received by V.call():
  • x=tf.Tensor(shape=(4, 6, 6, 7), dtype=float32)"""
KERAS_2 = """Exception encountered when calling layer 'm' (type M).

in user code:

    File "/tmp/model.py", line 15, in call  *
        def call(s,x): return s.a(x)
    File "/lib/keras/utils/traceback_utils.py", line 70, in error_handler  **
        raise e.with_traceback(filtered_tb) from None

    ValueError: Exception encountered when calling layer 'a' (type A).
    
    in user code:
    
        File "/tmp/model.py", line 9, in call  *
            return self.b(x)
    
        ValueError: Input 0 of layer "b" is incompatible with the layer
    

Call arguments received by layer 'm' (type M):
  • x=tf.Tensor(shape=(4, 6, 6, 7), dtype=float32)"""
TENSORFLOW_2_12 = """Graph execution error:

Detected at node 'conv/BiasAdd' defined at (most recent call last):
    File "/lib/keras/layers/convolutional/base_conv.py", line 311, in call
      outputs = tf.nn.bias_add(
Node: 'conv/BiasAdd'
Value for attr 'T' of bfloat16 is not in the list of allowed values: half, float, double
\t; NodeDef: {{node conv/BiasAdd}}; Op<name=_FusedConv2D; signature=input:T, filter:T>
\t [[conv/BiasAdd]] [Op:__inference_tf__forward_8226]"""


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("strides > 1 not supported\nsecond line", "strides > 1 not supported"),
        (KERAS_3, "only images of 3 channels go in here"),
        (KERAS_2, 'Input 0 of layer "b" is incompatible with the layer'),
        (
            TENSORFLOW_2_12,
            "Value for attr 'T' of bfloat16 is not in the list of allowed values: half, float, double",
        ),
        ("", "no message"),
        ("Exception encountered when calling V.call().", "no message"),
    ],
)
def test_the_words_that_say_what_is_wrong_are_found(text, said):
    assert summarize_error(ValueError(text)) == f"ValueError: {said}"


def test_a_refusal_is_told_from_a_fault_of_the_machine():
    with pytest.raises(Unsupported, match="no such kernel"), name_refusals(RuntimeError):
        raise RuntimeError("no such kernel")
    with pytest.raises(RuntimeError, match="out of memory"), name_refusals(RuntimeError):
        raise RuntimeError("CUDA out of memory")
