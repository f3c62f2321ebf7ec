"""What simpler graphs and longer steps save, and that they compute the same."""

import numpy as np
import onnx.parser
import pytest
from support.compiled_graphs import VECTORS, Compiled, compile_graphs

from undin.compiler.ir.reader import convert

pytestmark = pytest.mark.quick

HEADER = '<ir_version: 8, opset_import: ["" : 17]>\n'
WEIGHTS = {
    "w": (4, 4, 1, 1),
    "scale": (8, 1, 1),
    "shift": (1, 8, 1, 1),
    "row": (1, 1, 1, 21),
}
GRAPHS = {
    # A norm over sub-bands: channels and bands are seen as more channels, and back.
    "detour": """
        g (float[1, 4, 6, 3] x) => (float[1, 4, 6, 3] y)
        <int64[4] parted = {1, 8, 3, 3}, int64[4] whole = {1, 4, 6, 3}> {
            c = Conv(x, w)
            bands = Reshape(c, parted)
            scaled = Mul(bands, scale)
            shifted = Add(shift, scaled)
            back = Reshape(shifted, whole)
            y = Conv(back, w)
        }""",
    # Somebody else reads what is on the way.
    "fork": """
        g (float[1, 4, 6, 3] x) => (float[1, 4, 6, 3] y, float[1, 8, 3, 3] scaled)
        <int64[4] parted = {1, 8, 3, 3}, int64[4] whole = {1, 4, 6, 3}> {
            bands = Reshape(x, parted)
            scaled = Mul(bands, scale)
            y = Reshape(scaled, whole)
        }""",
    "bounded": """
        g (float[1, 4, 6, 3] x) => (float[1, 4, 6, 3] y, float[1, 4, 6, 3] z)
        <float low = {-0.4}, float[1] high = {0.3}> {
            c = Conv(x, w)
            leaky = LeakyRelu <alpha = 0.2> (c)
            y = Max(leaky, low)
            d = Conv(x, w)
            z = Max(high, d)
        }""",
    "vectors": """
        g (float[1, 2, 3, 21] x, float[1, 2, 3, 1] gain) => (float[1, 2, 3, 21] y, float[1, 2, 3, 21] z)
        <float third = {-0.3}> {
            s = Sigmoid(x)
            silu = Mul(s, x)
            louder = Mul(silu, gain)
            y = Add(louder, row)
            square = Mul(x, x)
            z = Pow(square, third)
        }""",
}


@pytest.fixture(scope="module")
def compiled(tmp_path_factory) -> dict[str, Compiled]:
    graphs = []
    for name, text in GRAPHS.items():
        model = onnx.parser.parse_model(HEADER + text)
        for weights, shape in WEIGHTS.items():
            model.graph.initializer.append(onnx.numpy_helper.from_array(noise(shape), weights))
        graphs.append(convert(model, name=name))
    folder = tmp_path_factory.mktemp("rewritten")
    return dict(zip(GRAPHS, compile_graphs(graphs, folder, flags=VECTORS), strict=True))


def noise(shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def convolved(x: np.ndarray) -> np.ndarray:
    return np.einsum("oi,bihw->bohw", noise(WEIGHTS["w"])[..., 0, 0], x)


def test_views_that_are_undone_are_no_copies(compiled):
    x = noise((1, 4, 6, 3), seed=1)
    bands = convolved(x).reshape(1, 8, 3, 3) * noise(WEIGHTS["scale"]) + noise(WEIGHTS["shift"])
    (y,) = compiled["detour"].run(x)
    np.testing.assert_allclose(y, convolved(bands.reshape(1, 4, 6, 3)).reshape(-1), rtol=1e-5, atol=1e-5)
    labels = [step.label for step in compiled["detour"].program.steps]
    assert labels.count("copy") == 2  # of the input and the output, whose channels lie outermost


def test_views_whose_insides_others_read_stay(compiled):
    x = noise((1, 4, 6, 3), seed=2)
    y, scaled = compiled["fork"].run(x)
    np.testing.assert_array_equal(scaled, (x.reshape(1, 8, 3, 3) * noise(WEIGHTS["scale"])).reshape(-1))
    np.testing.assert_array_equal(y, scaled)


def test_a_max_joins_its_product(compiled):
    x = noise((1, 4, 6, 3), seed=3)
    c = convolved(x)
    y, z = compiled["bounded"].run(x)
    np.testing.assert_allclose(y, np.maximum(np.where(c < 0, 0.2 * c, c), -0.4).reshape(-1), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(z, np.maximum(c, 0.3).reshape(-1), rtol=1e-5, atol=1e-6)
    assert not any("max" in step.label for step in compiled["bounded"].program.steps)


def test_costly_functions_run_on_vectors(compiled):
    x, gain = noise((1, 2, 3, 21), seed=4), noise((1, 2, 3, 1), seed=5)
    y, z = compiled["vectors"].run(x, gain)
    np.testing.assert_allclose(
        y, (x / (1 + np.exp(-x)) * gain + noise(WEIGHTS["row"])).reshape(-1), rtol=1e-5, atol=1e-6
    )
    np.testing.assert_allclose(z, (x * x).reshape(-1) ** np.float32(-0.3), rtol=1e-5)
    source = compiled["vectors"].source
    assert "undin_vector_sigmoid(" in source and "undin_vector_pow_small(" in source
