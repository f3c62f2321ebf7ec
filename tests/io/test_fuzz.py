"""Mutated headers do no harm: a few hundred of what `tests/support/fuzz_files.py` makes by the hundred thousand."""

from support import fuzz_files


def test_mutated_headers_are_told_of_or_read():
    words, failures = fuzz_files.Counter(), []
    fuzz_files.run(range(500), model="undin-nano", words=words, failures=failures)
    assert not failures
    assert sum(words.values()) == 500
    assert min(words[word] for word in ("refused", "told of", "done")) > 20, words
