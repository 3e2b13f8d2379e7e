"""What differs between Keras backends, behind one small interface.

One module a backend, chosen like Keras itself by ``KERAS_BACKEND``.
"""
