"""Bad blocks, places, settings and parameters are refused before anything happens."""

import numpy as np
import pytest
from support.streams import noise

from undin import Stream, enhance


@pytest.mark.parametrize("name", ["attn_lim_db", "sample_rate", "channels", "model", "latency_samples", "levels"])
def test_what_is_no_setting_cannot_be_set(models, name):
    stream = Stream(model=models["identity"])
    with pytest.raises(AttributeError, match=name):
        setattr(stream, name, 8_000)


READ_ONLY = np.zeros((9, 2), np.float32)
READ_ONLY.flags.writeable = False


@pytest.mark.parametrize(
    "out",
    [
        np.zeros((9, 2)),
        np.zeros((9, 2), np.int16),
        np.zeros((8, 2), np.float32),
        np.zeros((9, 1), np.float32),
        np.zeros(18, np.float32),
        np.zeros((9, 4), np.float32)[:, ::2],
        np.zeros((2, 9), np.float32).T,
        READ_ONLY,
    ],
)
def test_places_that_do_not_fit_are_refused_before_anything_happens(models, out):
    stream, samples = Stream(channels=2, model=models["fading"]), noise(3_000, 2)
    expected = Stream(channels=2, model=models["fading"]).process(samples)
    with pytest.raises(ValueError, match="out must be a contiguous"):
        stream.process(samples[:9], out=out)
    np.testing.assert_array_equal(stream.process(samples), expected)


@pytest.mark.parametrize(
    ("block", "channels", "reason"),
    [
        (np.zeros(10, np.int16), 1, "float32 in \\[-1, 1\\], got int16"),
        (np.zeros(10, np.complex64), 1, "got complex64"),
        (np.zeros(10, np.float16), 1, r"got float16: convert with .astype\(numpy.float32\)"),
        (np.zeros((10, 2), np.float16), 2, "got float16"),
        (np.array(["0.5"]), 1, "float32 in"),
        (np.zeros(10, np.float32), 2, r"shape \(samples, 2\), got \(10,\)"),
        (np.zeros((10, 2), np.float32), 1, r"shape \(samples, 1\), got \(10, 2\)"),
        (np.zeros((10, 1, 1), np.float32), 1, "shape"),
        (np.float32(0), 1, "shape"),
    ],
)
def test_blocks_that_do_not_fit_are_refused(models, block, channels, reason):
    with pytest.raises(ValueError, match=reason):
        Stream(channels=channels, model=models["identity"]).process(block)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({"sample_rate": 0}, "sample_rate"),
        ({"sample_rate": 16_000.5}, "sample_rate"),
        ({"sample_rate": 1_000_000}, "sample_rate"),
        *(({"sample_rate": odd}, "sample_rate must be .* got") for odd in ("16000", b"16000", None, "high", [16_000])),
        *(
            ({"sample_rate": odd}, "sample_rate must be .* got")
            for odd in (float("nan"), float("inf"), 10**400, 16_000j)
        ),
        *(({"channels": odd}, "channels must be .* got") for odd in ("2", None, float("nan"), 1.5)),
        *(({"atten_lim_db": odd}, "atten_lim_db must be .* got") for odd in ("12", [], float("nan"))),
        *(({"model": odd}, "named by its name or its path, or loaded; got") for odd in (3, b"undin-tiny")),
        ({"channels": 0}, "channels"),
        ({"channels": 48_000}, r"channels must be 1 to 64, got 48000: arrays have the shape \(samples, channels\)"),
        ({"atten_lim_db": -3}, "atten_lim_db"),
    ],
)
def test_parameters_out_of_range_are_refused(models, arguments, reason):
    with pytest.raises(ValueError, match=reason):
        Stream(**({"model": models["identity"]} | arguments))


@pytest.mark.parametrize("rate", [np.int32(48_000), np.float64(48_000), np.array(48_000), 48_000.0])
def test_numbers_of_any_kind_are_taken(models, rate):
    stream = Stream(rate, channels=np.int64(2), model=models["identity"], atten_lim_db=np.float32(6))
    assert (stream.sample_rate, stream.channels, stream.atten_lim_db) == (48_000, 2, 6)
    assert type(stream.sample_rate) is int


def test_enhance_refuses_integers_and_channels_first(models):
    with pytest.raises(ValueError, match="float32"):
        enhance(np.zeros(100, np.int16), sample_rate=16_000, model=models["identity"])
    with pytest.raises(ValueError, match="shape"):
        enhance(np.zeros((2, 48_000), np.float32), sample_rate=48_000, model=models["identity"])
