from analysis.environments.naming import name_environments


def environment(version="2.21.0", backend="tensorflow", keras="3.15.1", fingerprint="f", **flags):
    return {
        "backend": backend, backend: version, "keras": keras, "fingerprint": fingerprint, "flags": flags
    }  # fmt: skip


def test_releases_are_told_apart_by_their_version_alone():
    found = name_environments([environment("2.20.0", A="1"), environment("2.21.0")])
    assert found == ["TensorFlow 2.20.0", "TensorFlow 2.21.0"]


def test_one_release_is_told_apart_by_the_flags_that_differ():
    found = name_environments([environment(A="1", B="2"), environment(B="2")])
    assert found == ["TensorFlow 2.21.0, A=1", "TensorFlow 2.21.0"]


def test_one_release_with_the_same_flags_is_told_apart_by_keras():
    found = name_environments([environment(keras="3.14.0"), environment()])
    assert found == ["TensorFlow 2.21.0, Keras 3.14.0", "TensorFlow 2.21.0, Keras 3.15.1"]


def test_what_nothing_else_tells_apart_has_its_fingerprint():
    found = name_environments([environment(fingerprint="a"), environment(fingerprint="b")])
    assert [name.endswith(f", {one}") for name, one in zip(found, "ab", strict=True)] == [True, True]


def test_an_environment_alone_has_its_version():
    assert name_environments([environment(backend="torch", version="2.15.0")]) == ["PyTorch 2.15.0"]
