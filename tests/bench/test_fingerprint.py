from bench.fingerprint import differences, fingerprint

FACTS = {
    "host": "a", "tensorflow": "2.21.0", "cores": 2, "flags": {"TF_NUM_INTEROP_THREADS": "1"},
    "load_at_start": 0.1, "turbo": None,
}  # fmt: skip


def test_the_fingerprint_changes_with_what_lasts_and_with_nothing_else():
    one = fingerprint(FACTS)
    assert fingerprint({**FACTS, "load_at_start": 7.0}) == one
    assert fingerprint({**FACTS, "tensorflow": "2.22.0"}) != one
    assert fingerprint(dict(reversed(FACTS.items()))) == one


def test_differences_name_what_lasts_and_differs():
    other = {**FACTS, "tensorflow": "2.20.0", "load_at_start": 3.0}
    (found,) = differences(other, FACTS)
    assert str(found) == "tensorflow: 2.20.0 → 2.21.0"
    assert not found.is_of_machine


def test_nested_facts_are_told_one_by_one():
    other = {**FACTS, "host": "b", "flags": {}}
    host, flag = differences(FACTS, other)
    assert (host.name, host.is_of_machine) == ("host", True)
    assert str(flag) == "flags.TF_NUM_INTEROP_THREADS: 1 → none"
