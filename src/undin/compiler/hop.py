"""C text of what surrounds a network step: the public header of a model, and the constants that undin_hop.h needs.

The step itself is written by ``emit``; what the C does with it is in c/undin_hop.h, the tables in ``fft_tables``.
"""

from undin.compiler import fft_tables
from undin.metadata import Metadata

LINE_BYTES = 64
"""A cache line, and the widest vector; buffers of a hop begin on one."""


def state_bytes(metadata: Metadata) -> int:
    """Bytes of the state of one stream: what the network, the last frames and the queue of blocks leave behind."""
    history, overlap, queue = _history(metadata), metadata.window - metadata.hop, metadata.hop
    return 4 * (metadata.state_size + history + overlap + queue + 2)


def arena_bytes(metadata: Metadata, *, network_arena_bytes: int) -> int:
    """Bytes of working memory of one hop, which streams may share, and that of the network in it."""
    spectra = 2 * _whole_lines(8 * metadata.bins)
    transform = _whole_lines(4 * metadata.n_fft) + _whole_lines(4 * 2 * (metadata.n_fft // 2 + metadata.bins))
    network = _whole_lines(4 * metadata.state_size) + _whole_lines(max(1, network_arena_bytes))
    return spectra + max(transform, network) + LINE_BYTES  # the last to move the start to a whole line


def _whole_lines(size: int) -> int:
    return -(-size // LINE_BYTES) * LINE_BYTES


def _history(metadata: Metadata) -> int:
    """Input samples to keep: the delayed dry signal and the newest hop, the last frame among them."""
    return metadata.latency_samples + 1


def source(prefix: str, metadata: Metadata, *, network_arena_bytes: int) -> str:
    """The end of a generated C file, after the network step.

    Parameters
    ----------
    prefix : str
        What public names begin with, such as ``undin_tiny``.
    metadata : Metadata
    network_arena_bytes : int
        Working memory of the step.

    Raises
    ------
    ValueError
        If ``n_fft`` is odd.
    """
    return f"""\
#define UNDIN_STATE {prefix}_state
#define UNDIN_ARENA {prefix}_arena
#define UNDIN_NETWORK_ARENA_BYTES {max(1, network_arena_bytes)}
#define UNDIN_LATENCY {metadata.latency_samples}
{fft_tables.c_source(metadata.n_fft, metadata.window, metadata.hop)}
#include "undin_hop.h"
"""


def public_name(prefix: str) -> str:
    """Definition of UNDIN_PUBLIC, for the start of a generated C file; the build of a variant may define another."""
    return f"#ifndef UNDIN_PUBLIC\n#define UNDIN_PUBLIC(name) {prefix}_##name\n#endif\n"


def header(prefix: str, metadata: Metadata, *, network_arena_bytes: int) -> str:
    """The public header of a model, for programs in C and C++."""
    upper = prefix.upper()
    hop, overlap = metadata.hop, metadata.window - metadata.hop
    delay = metadata.latency_samples - (hop - 1)
    arena = arena_bytes(metadata, network_arena_bytes=network_arena_bytes)
    name, commit, licence = (text.replace("*/", "* /") for text in (metadata.name, metadata.commit, metadata.licence))
    return f"""\
/* {prefix}.h: {name} takes the noise out of speech as it comes, {metadata.sample_rate} samples a second.
 *
 *     static {prefix}_state state; // of a stream; zeros are a fresh one
 *     static {prefix}_arena arena; // working memory, the same for all streams of a thread
 *     {prefix}_process(&state, &arena, in, out); // {hop} samples
 *
 * Samples are floats, full scale is 1. Nothing is allocated, nothing global is written: streams that do not share an
 * arena may run in several threads. Any memory that suits a float will do for both structures, malloc's too, and a
 * state may be copied. Samples that are not finite, or a million times full scale, are taken as silence.
 *
 * Generated from a model of undin {commit}; the model's licence is {licence}.
 */
#ifndef {upper}_H
#define {upper}_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {{
#endif

#define {upper}_SAMPLE_RATE_HZ {metadata.sample_rate}
#define {upper}_HOP_SAMPLES {hop}
#define {upper}_LATENCY_SAMPLES {metadata.latency_samples} /* of blocks of any length */
#define {upper}_HOP_DELAY_SAMPLES {delay} /* of whole hops, which need not wait to be complete */
#define {upper}_STATE_SIZE {state_bytes(metadata)} /* bytes */
#define {upper}_ARENA_SIZE {arena} /* bytes */

/* One stream. The members are nobody's business but undin's. */
typedef struct {prefix}_state {{
    float network[{metadata.state_size}];
    float history[{_history(metadata)}];
    float overlap[{overlap}];
    float queue[{hop}];
    int queued;
    float gain_floor;
}} {prefix}_state;

/* Working memory. What is in it between two calls does not matter. */
typedef struct {prefix}_arena {{
    float memory[{arena // 4}];
}} {prefix}_arena;

/* The sizes again, for programs that load undin at run time. */
size_t {prefix}_state_size(void);
size_t {prefix}_arena_size(void);
int {prefix}_latency_samples(void);

/* Make a state fresh, whatever the memory holds: silence came before, and no limit of attenuation is set. */
void {prefix}_reset({prefix}_state *state);

/* Attenuate no sound by more than this, dB, from the next hop on. 0 returns the delayed input bit for bit, INFINITY
 * sets no limit. Returns 0, or -1 and changes nothing if the limit is negative or not a number. */
int {prefix}_set_atten_lim_db({prefix}_state *state, float atten_lim_db);

/* Enhance the next {hop} samples; they come out {upper}_HOP_DELAY_SAMPLES later. out may be in. */
void {prefix}_process({prefix}_state *state, {prefix}_arena *arena, const float *in, float *out);

/* Enhance `hops` times {hop} samples: the same as so many calls of the function above. out may be in. */
void {prefix}_process_hops({prefix}_state *state, {prefix}_arena *arena, const float *in, float *out, size_t hops);

/* Enhance a block of any length; samples come out {upper}_LATENCY_SAMPLES later, whatever the lengths. out may be in.
 * A stream comes in blocks or in hops; to change from one to the other, reset it. */
void {prefix}_process_block({prefix}_state *state, {prefix}_arena *arena, const float *in, float *out, size_t samples);

/* What the model says of itself, as JSON. */
const char *{prefix}_metadata(void);

/* The network alone: {metadata.bins} bins, real and imaginary part, and {metadata.state_size} numbers of state,
 * zeros if fresh. `arena`: {max(1, network_arena_bytes)} bytes at a multiple of {LINE_BYTES}. Nothing may overlap. */
void {prefix}_run(const float *spec, const float *state, float *enhanced, float *next_state, void *arena);

#ifdef __cplusplus
}}
#endif

#endif
"""
