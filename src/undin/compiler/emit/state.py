"""C text around the network of a model that is not undin's: its state, and a step that carries it."""

from undin.compiler.ir.program import C_TYPES, Program
from undin.compiler.ir.views import Buffer
from undin.compiler.passes.plan import ALIGNMENT


def places(program: Program) -> dict[str, int]:
    """Where each input that is state begins in the memory of the state, bytes, in the order of the inputs."""
    found, end = {}, 0
    for old in program.states.values():
        found[old] = end
        end += _whole_lines(program.inputs[old])
    return found


def size(program: Program) -> int:
    """Bytes of the state."""
    return sum(_whole_lines(program.inputs[old]) for old in program.states.values())


def _whole_lines(buffer: Buffer) -> int:
    return -(-buffer.size * buffer.dtype.itemsize // ALIGNMENT) * ALIGNMENT


def source(program: Program, names: dict[Buffer, str], *, network_arena_bytes: int) -> str:
    """The end of a generated C file: what the header declares beside the network.

    Parameters
    ----------
    program : Program
        With states.
    names : dict of Buffer to str
        Of the parameters that are inputs and outputs of the network.
    network_arena_bytes : int
        Where in the arena the next state is computed.
    """
    begins = places(program)
    arguments = []
    for name, buffer in program.inputs.items():
        place = f"(const {_type(buffer)} *)(old + {begins[name]})" if name in begins else names[buffer]
        arguments.append(place)
    for name, buffer in program.outputs.items():
        old = program.states.get(name)
        arguments.append(names[buffer] if old is None else f"({_type(buffer)} *)(next + {begins[old]})")
    pairs = "\n".join(f"     * {old}: {new}".replace("*/", "* /") for new, old in program.states.items())
    return f"""
#include <string.h>

void UNDIN_PUBLIC(reset)(void *state) {{ memset(state, 0, {size(program)}); }}

void UNDIN_PUBLIC(step)({parameters(program, names)}) {{
    /* What is read from the state, and what takes its place:
{pairs}
     */
    char *const old = (char *)state, *const next = (char *)arena_memory + {network_arena_bytes};
    UNDIN_PUBLIC(run)({", ".join([*arguments, "arena_memory"])});
    memcpy(old, next, {size(program)});
}}
"""


def parameters(program: Program, names: dict[Buffer, str]) -> str:
    """Parameters of the step: the state, inputs and outputs beside it, and the arena."""
    states = program.states
    inputs = [f"const {_type(b)} *{names[b]}" for name, b in program.inputs.items() if name not in states.values()]
    outputs = [f"{_type(b)} *{names[b]}" for name, b in program.outputs.items() if name not in states]
    return ", ".join(["void *state", *inputs, *outputs, "void *arena_memory"])


def header(prefix: str, program: Program, names: dict[Buffer, str]) -> str:
    """What the header of the network declares beside it."""
    return f"""
/* A stream: the network once for every frame, and between two the state that it leaves. Streams share an arena, each
 * has memory of its own for its state: zeros are a fresh one, and a copy keeps a moment. */
#define {prefix.upper()}_STATE_SIZE {size(program)} /* bytes, at a multiple of {ALIGNMENT} */

void {prefix}_reset(void *state);

/* The next frame: as the function above, with the state in place of those inputs and outputs that are state. */
void {prefix}_step({parameters(program, names)});
"""


def _type(buffer: Buffer) -> str:
    return C_TYPES[str(buffer.dtype)]
