"""Small networks with what real ones have that is odd."""

import keras
import numpy as np

from bench.networks.loading import Network

BATCH = 2
IMAGE = (8, 8, 3)

layers = keras.layers


def as_network(model, *shapes):
    """``model`` as it is loaded; ``shapes`` of its inputs where they are not those of one small image."""
    return Network("Made", "made.py:build", model, BATCH, shapes or (IMAGE,))


def build_sequential():
    """Named so that one name is the beginning of another."""
    return keras.Sequential(
        [
            keras.Input(IMAGE),
            layers.Rescaling(1 / 255, name="scale"),
            layers.Conv2D(4, 3, activation="relu", name="conv"),
            layers.Conv2D(5, 3, padding="same", strides=2, use_bias=False, name="conv_1"),
            layers.BatchNormalization(name="norm"),
            layers.SeparableConv2D(6, 3, padding="same", depth_multiplier=2, name="separable"),
            layers.Conv2D(7, 1, name="pointwise"),
            layers.GlobalAveragePooling2D(name="pool"),
            layers.Dense(2, name="dense"),
        ],
        name="plain",
    )


def build_unet():
    image = keras.Input(IMAGE)
    down = layers.Conv2D(4, 3, padding="same", name="down")(image)
    low = layers.Conv2D(6, 3, strides=2, padding="same", name="low")(down)
    up = layers.Conv2DTranspose(4, 3, strides=2, padding="same", name="up")(low)
    both = layers.Concatenate(name="both")([down, up])
    return keras.Model(image, layers.SeparableConv2D(2, 3, padding="same", name="last")(both))


def build_encoder(name="encoder"):
    image = keras.Input(IMAGE)
    features = layers.Conv2D(4, 3, padding="same", name="conv")(image)
    features = layers.Conv2D(4, 3, padding="same", name="conv_1")(layers.ReLU(name="relu")(features))
    return keras.Model(image, features, name=name)


def build_nested():
    """A Functional model in a Functional model in a Sequential one."""
    image = keras.Input(IMAGE)
    middle = keras.Model(
        image, layers.SeparableConv2D(3, 3, name="conv")(build_encoder()(image)), name="middle"
    )
    return keras.Sequential(
        [keras.Input(IMAGE), middle, layers.Flatten(name="flat"), layers.Dense(2, name="dense")]
    )


def build_siamese():
    left, right = keras.Input(IMAGE, name="left"), keras.Input(IMAGE, name="right")
    encoder = build_encoder()
    apart = layers.Subtract(name="apart")([encoder(left), encoder(right)])
    return keras.Model([left, right], layers.Conv2D(2, 3, name="last")(apart))


def build_shared():
    """One layer at two sizes, first on the image and then on what another layer made of it."""
    image = keras.Input(IMAGE)
    shared = layers.Conv2D(3, 3, padding="same", name="shared")
    large = shared(image)
    small = shared(layers.Conv2D(3, 3, strides=2, padding="same", name="half")(image))
    pool = layers.GlobalMaxPooling2D
    return keras.Model(image, layers.Add(name="sum")([pool(name="a")(large), pool(name="b")(small)]))


def build_two_inputs():
    image, numbers = keras.Input(IMAGE, name="image"), keras.Input((5,), name="numbers")
    seen = layers.Flatten(name="flat")(layers.Conv2D(3, 3, name="conv")(image))
    told = layers.Dense(4, name="told")(numbers)
    return keras.Model(
        [image, numbers], layers.Dense(1, name="last")(layers.Concatenate(name="both")([seen, told]))
    )


def build_inverted_residuals():
    """As in MobileNetV2: two equal blocks, the second of them skipped by its input."""
    image = keras.Input(IMAGE)
    x = layers.Conv2D(4, 3, strides=2, padding="same", use_bias=False, name="stem")(image)
    for number in (1, 2):
        y = layers.Conv2D(8, 1, use_bias=False, name=f"expand_{number}")(x)
        y = layers.ReLU(6.0, name=f"expand_relu_{number}")(y)
        y = layers.DepthwiseConv2D(3, padding="same", use_bias=False, name=f"depthwise_{number}")(y)
        y = layers.BatchNormalization(name=f"norm_{number}")(y)
        y = layers.ReLU(6.0, name=f"relu_{number}")(y)
        y = layers.Conv2D(4, 1, use_bias=False, name=f"project_{number}")(y)
        x = layers.Add(name="skip")([x, y]) if number == 2 else y
    return keras.Model(image, layers.GlobalAveragePooling2D(name="pool")(x))


def build_mobile():
    """As in MobileNet: blocks of other strides and with other things in between."""
    return keras.Sequential(
        [
            keras.Input(IMAGE),
            layers.ZeroPadding2D(((0, 1), (0, 1)), name="pad"),
            layers.DepthwiseConv2D(3, strides=2, depth_multiplier=2, activation="relu", name="depthwise_1"),
            layers.Conv2D(5, 1, activation="relu", name="pointwise_1"),
            layers.DepthwiseConv2D((1, 3), padding="same", name="depthwise_2"),
            layers.Dropout(0.5, name="drop"),
            layers.Conv2D(4, 1, name="pointwise_2"),
            layers.DepthwiseConv2D(3, padding="same", name="depthwise_3"),
        ]
    )


def build_squeeze_excite():
    image = keras.Input(IMAGE)
    x = layers.DepthwiseConv2D(3, padding="same", name="depthwise")(image)
    x = layers.Activation("relu", name="relu")(x)
    weight = layers.GlobalAveragePooling2D(keepdims=True, name="squeeze")(x)
    weight = layers.Conv2D(3, 1, activation="sigmoid", name="excite")(weight)
    x = layers.Multiply(name="scale")([x, weight])
    return keras.Model(image, layers.Conv2D(4, 1, name="project")(x))


def build_wavenet():
    """1-D, causal, dilated; and a block of 1-D."""
    sound = keras.Input((16, 3))
    x = layers.Conv1D(4, 2, padding="causal", dilation_rate=4, activation="tanh", name="dilated")(sound)
    x = layers.SeparableConv1D(4, 3, padding="same", name="separable")(x)
    x = layers.DepthwiseConv1D(3, padding="same", name="depthwise")(x)
    return keras.Model(sound, layers.Conv1D(2, 1, name="pointwise")(x))


@keras.utils.register_keras_serializable("made")
class ConvThenRelu(layers.Layer):
    """A layer that holds layers, all called by one name."""

    def __init__(self, filters, **options):
        super().__init__(**options)
        self.filters = filters
        self.parts = [layers.Conv2D(filters, 3, name="part"), layers.ReLU(name="part")]

    def call(self, x):
        for part in self.parts:
            x = part(x)
        return x

    def get_config(self):
        return {**super().get_config(), "filters": self.filters}


def build_composite():
    return keras.Sequential(
        [
            keras.Input(IMAGE),
            layers.Conv2D(4, 3, name="conv"),
            ConvThenRelu(3, name="block"),
            layers.Conv2D(2, 3, name="last"),
        ]
    )


class Subclassed(keras.Model):
    """Holds a Functional model and layers, and adds outside of layers."""

    def __init__(self):
        super().__init__(name="subclassed")
        self.encoder = build_encoder()
        self.head = layers.Conv2D(4, 3, padding="same", name="head")
        self.norm = layers.BatchNormalization(name="norm")

    def call(self, x):
        features = self.encoder(x)
        return features + self.norm(self.head(features))


def build_subclassed():
    model = Subclassed()
    model(np.zeros((1, *IMAGE), "float32"))
    return model


def build_grouped():
    return keras.Sequential(
        [
            keras.Input((8, 8, 4)),
            layers.Conv2D(4, 3, groups=2, name="grouped"),
            layers.Conv2D(4, 3, name="conv"),
        ]
    )


def build_mixed():
    """In float16 but for the last layer, as Keras advises; the policy goes back afterwards."""
    before = keras.mixed_precision.global_policy() if _IS_KERAS_2 else keras.config.dtype_policy()
    keras.mixed_precision.set_global_policy("mixed_float16")
    try:
        image = keras.Input(IMAGE)
        x = build_encoder()(image)
        x = layers.SeparableConv2D(3, 3, name="separable")(x)
        return keras.Model(image, layers.Activation("softmax", dtype="float32", name="softmax")(x))
    finally:
        keras.mixed_precision.set_global_policy(before)


_IS_KERAS_2 = keras.__version__.startswith("2.")


def build_frozen():
    """A frozen encoder inside, a frozen layer, and one whose pointwise layer is frozen."""
    image = keras.Input(IMAGE)
    encoder = build_encoder()
    encoder.trainable = False
    x = layers.Conv2D(4, 3, trainable=False, name="frozen")(encoder(image))
    x = layers.Conv2D(4, 3, name="conv")(x)
    x = layers.DepthwiseConv2D(3, padding="same", name="depthwise")(x)
    return keras.Model(image, layers.Conv2D(2, 1, trainable=False, name="pointwise")(x))


def build_over_time():
    video = keras.Input((5, *IMAGE))
    x = layers.TimeDistributed(layers.Conv2D(4, 3, name="inner"), name="frames")(video)
    return keras.Model(video, layers.ConvLSTM2D(2, 3, name="recurrent")(x))


def build_repeated():
    """Equal layers, the first of which is the network's first."""
    names = ("first", "second", "third")
    stack = [layers.Conv2D(3, 3, padding="same", name=name) for name in names]
    return keras.Sequential([keras.Input(IMAGE), *stack])
