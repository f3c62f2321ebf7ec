"""Calls of a kernel with the same sizes become calls of one function, and others stay where they are."""

from undin.compiler.emit.instances import share

SIZES = "&(undin_matmul_shape){.rows = 1, .columns = 4, .tap_offset = {0, 3}}"
WIDE = "&(undin_matmul_shape){.rows = 9, .columns = 4, .tap_offset = {0, 3}}"
CELL = "&(undin_recurrent_shape){.rows = 1, .hidden = 4, .alpha = {0.0f, 0.0f}}"


def test_calls_that_differ_in_places_alone_share_a_function():
    first = f"    undin_matmul(y0, x0, x2 + 12, x1, 0, {SIZES});\n    undin_matmul(y0 + 4, x0, x2, x1, 0, {WIDE});\n"
    second = f"    undin_matmul(y0 + g * 8, x0 + 127, x2, x1, 0, {SIZES});\n"
    shared, changed = share([first, second])
    assert changed[0] == f"    matmul_of_0(y0, x0, x2 + 12, x1);\n    undin_matmul(y0 + 4, x0, x2, x1, 0, {WIDE});\n"
    assert changed[1] == "    matmul_of_0(y0 + g * 8, x0 + 127, x2, x1);\n"
    parameters = "float *restrict p0, const float *restrict p1, const float *restrict p2, const float *restrict p3"
    assert shared == [f"static void matmul_of_0({parameters}) {{\n    undin_matmul(p0, p1, p2, p3, 0, {SIZES});\n}}\n"]


def test_what_is_absent_is_a_size_too():
    texts = [f"    undin_matmul(y0, x0, x1, {bias}, 0, {SIZES});\n" for bias in ("0", "x2")]
    assert share(texts) == ([], texts)


def test_a_state_within_the_result_may_overlap_it():
    calls = [f"undin_gru_step(y0 + t * 4, x0, {past}, x2, x3, x4, x5, {CELL});" for past in ("x1", "y0 - 4 + t * 4")]
    (function,), _ = share(calls)
    assert function.startswith("static void gru_step_of_0(float *p0, const float *p1, const float *p2, ")
