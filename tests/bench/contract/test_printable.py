from bench.contract.printable import make_printable, quote


def test_what_a_terminal_would_obey_becomes_a_question_mark():
    text = "a\x1b[31m\tb\n\u202ec"
    assert make_printable(text) == "a?[31m?b\n?c"
    assert make_printable(text, keep="\t") == "a?[31m\tb??c"
    assert make_printable(text, keep="") == "a?[31m?b??c"


def test_a_quoted_value_is_short_and_of_plain_letters():
    assert quote("é\n") == "'\\xe9\\n'"
    assert quote("a" * 100) == "'" + "a" * 59 + "... (102 characters)"
    assert quote(10**5000) == "such a int"
