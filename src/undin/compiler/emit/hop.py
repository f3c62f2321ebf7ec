"""C text around a network step: the header of a model, its `undin_model` value, the constants of undin_hop.h.

The step itself is written by ``emit``; what C does with it is in c/stream/undin_hop.h, the tables in ``fft_tables``.
"""

import json

from undin.compiler.emit import fft_tables
from undin.compiler.passes.plan import ALIGNMENT
from undin.model.metadata import Metadata


def state_bytes(metadata: Metadata) -> int:
    """Bytes of the state of one channel: what the network and the last frames leave behind."""
    return 4 * (metadata.state_size + _history(metadata) + metadata.window - metadata.hop)


def arena_bytes(metadata: Metadata, *, network_arena_bytes: int) -> int:
    """Bytes of working memory of one hop, which streams may share, and that of the network in it."""
    spectrum = _whole_lines(8 * metadata.bins)
    scratch = _whole_lines(4 * 2 * (metadata.n_fft // 2 + metadata.bins))
    transform = _whole_lines(4 * metadata.n_fft) + scratch + spectrum + _whole_lines(4 * metadata.bins)
    network = _whole_lines(4 * metadata.state_size) + _whole_lines(max(1, network_arena_bytes))
    return 2 * spectrum + max(transform, network) + ALIGNMENT  # the last to move the start to a whole line


def stream_bytes(metadata: Metadata, *, network_arena_bytes: int) -> int:
    """Bytes that suffice for a stream at the model's own rate with one channel, by what undin_layout.h keeps.

    Beside state and arena these are the input that waits, and the queue, what the model heard and what it changed.
    """
    signals = 2 * (metadata.latency_samples + metadata.hop)
    arena = arena_bytes(metadata, network_arena_bytes=network_arena_bytes)
    return _whole_lines(state_bytes(metadata) + arena + 4 * signals + 1024)


def _whole_lines(size: int) -> int:
    return -(-size // ALIGNMENT) * ALIGNMENT


def _history(metadata: Metadata) -> int:
    """Input samples to keep: the newest frame, and as many before it as the network looks ahead."""
    return metadata.latency_samples + 1


def source(metadata: Metadata, *, network_arena_bytes: int) -> str:
    """The end of a generated C file, after the network step.

    Parameters
    ----------
    metadata : Metadata
    network_arena_bytes : int
        Working memory of the step.

    Raises
    ------
    ValueError
        If ``n_fft`` is odd.
    """
    return f"""\
#define UNDIN_SAMPLE_RATE {metadata.sample_rate}
#define UNDIN_LATENCY {metadata.latency_samples}
#define UNDIN_NETWORK_STATE {metadata.state_size}
#define UNDIN_NETWORK_ARENA_BYTES {max(1, network_arena_bytes)}
#define UNDIN_STATE_BYTES {state_bytes(metadata)}
#define UNDIN_ARENA_BYTES {arena_bytes(metadata, network_arena_bytes=network_arena_bytes)}
{fft_tables.c_source(metadata.n_fft, metadata.window, metadata.hop)}
#include "undin_hop.h"
"""


def public_name(prefix: str) -> str:
    """Definition of UNDIN_PUBLIC, for the start of a generated C file; the build of a variant may define another."""
    return f"#ifndef UNDIN_PUBLIC\n#define UNDIN_PUBLIC(name) {prefix}_##name\n#endif\n"


def model_value(prefix: str, metadata: Metadata, *, network_arena_bytes: int) -> str:
    """Definition of the model as a value of C, after its header."""
    return f"""\
const undin_model {prefix} = {{
    .abi = UNDIN_ABI,
    .sample_rate_hz = {metadata.sample_rate},
    .hop_samples = {metadata.hop},
    .latency_samples = {metadata.latency_samples},
    .state_bytes = {state_bytes(metadata)},
    .arena_bytes = {arena_bytes(metadata, network_arena_bytes=network_arena_bytes)},
    .reset = {prefix}_reset,
    .process_hops = {prefix}_process_hops,
    .metadata = {json.dumps(json.dumps(metadata.to_strings()))},
}};
"""


def header(prefix: str, metadata: Metadata, *, network_arena_bytes: int) -> str:
    """The header of a model, for programs in C and C++."""
    upper = prefix.upper()
    arena = arena_bytes(metadata, network_arena_bytes=network_arena_bytes)
    stream = stream_bytes(metadata, network_arena_bytes=network_arena_bytes)
    delay = metadata.latency_samples - (metadata.hop - 1)
    name, commit, licence = (text.replace("*/", "* /") for text in (metadata.name, metadata.commit, metadata.licence))
    return f"""\
/* {prefix}.h: the model {name}, for the streams of undin.h.
 *
 * Generated from a model of undin {commit}; the model's licence is {licence}.
 */
#ifndef {upper}_H
#define {upper}_H

#include "undin.h"

#ifdef __cplusplus
extern "C" {{
#endif

extern const undin_model {prefix};

/* What the value holds, for memory whose size must be known before the program runs. */
#define {upper}_SAMPLE_RATE_HZ {metadata.sample_rate}
#define {upper}_HOP_SAMPLES {metadata.hop}
#define {upper}_LATENCY_SAMPLES {metadata.latency_samples} /* of blocks of any length */
#define {upper}_STATE_BYTES {state_bytes(metadata)}
#define {upper}_ARENA_BYTES {arena}
#define {upper}_STREAM_BYTES {stream} /* suffice for a stream at this rate with one channel */

/* Its two functions, for firmware that gathers whole hops by itself: they come out {delay} samples later. */
{PROTOTYPES.format(prefix=prefix)}

/* The network alone: {metadata.bins} bins, real and imaginary part, and {metadata.state_size} numbers of state,
 * zeros if fresh. `arena`: {max(1, network_arena_bytes)} bytes at a multiple of {ALIGNMENT}. Nothing may overlap. */
void {prefix}_run(const float *spec, const float *state, float *enhanced, float *next_state, void *arena);

#ifdef __cplusplus
}}
#endif

#endif
"""


PROTOTYPES = """\
void {prefix}_reset(void *state);
void {prefix}_process_hops(void *const *states, void *arena, const float *const *in, float *const *out, int channels,
    int linked, size_t hops, float *energies);"""
"""Of the functions in an `undin_model`."""
