"""Keras 3 on TensorFlow adds the bias along the width where the width equals the number of filters.

`keras.ops.add` takes an addition for `tf.nn.bias_add` where one operand has a single axis longer than 1, and
looks at the last axis first. With `data_format="channels_first"` the last axis is the width. Run it with
`KERAS_BACKEND=tensorflow python keras_bias_channels_first.py`; seen with Keras 3.15.1 and TensorFlow 2.21.0.
"""

import keras
import numpy as np

FILTERS = 4
for width in (5, 4):
    image = np.zeros((1, 3, 6, width), "float32")  # so that the output is the bias alone
    layer = keras.layers.SeparableConv2D(
        FILTERS, 3, padding="same", data_format="channels_first", bias_initializer="random_normal"
    )
    output = keras.ops.convert_to_numpy(layer(image))
    bias = keras.ops.convert_to_numpy(layer.bias)
    right = np.broadcast_to(bias.reshape(1, FILTERS, 1, 1), output.shape)
    wrong = np.broadcast_to(bias.reshape(1, 1, 1, FILTERS), output.shape) if width == FILTERS else None
    if np.allclose(output, right):
        print(f"width {width}, {FILTERS} filters: the bias is added to each channel, as it should be")
    elif wrong is not None and np.allclose(output, wrong):
        print(f"width {width}, {FILTERS} filters: WRONG, the bias is added along the width")
    else:
        print(f"width {width}, {FILTERS} filters: WRONG in another way")
