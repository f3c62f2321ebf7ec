"""C text of a program: a function for every kind of step, and one that calls them in order and reads like a diagram.

A model of undin gets its whole hop around that (``hop``), any other network that has a state a step that carries it
(``state``).
"""

import re
from dataclasses import dataclass, field

import numpy as np

from undin.compiler.emit import hop, state
from undin.compiler.emit.instances import share
from undin.compiler.ir.program import C_TYPES, Program, Step
from undin.compiler.ir.views import Buffer, View
from undin.compiler.passes.plan import ALIGNMENT, plan
from undin.model.metadata import Metadata, c_prefix

KERNELS = ("undin_math.h", "undin_pointwise.h", "undin_matmul.h", "undin_lanes.h", "undin_recurrent.h")
INTEGER_KERNELS = ("undin_int8_matmul.h", "undin_int8_lanes.h", "undin_int8_recurrent.h")
WEIGHTS_IN_A_LINE = 32
"""Bytes."""

REPRODUCIBLE = """\
/* To be compiled with -ffp-contract=off: then every processor computes the same bits. */
#define UNDIN_REPRODUCIBLE
"""

ESCAPES = np.array([b"\\%03o" % byte for byte in range(256)])
"""Every byte as a string of C writes it."""


@dataclass(frozen=True)
class Source:
    """Generated files and the sizes they need.

    Attributes
    ----------
    prefix : str
        What public names begin with, such as ``undin_tiny``.
    files : dict of str to str
        Text by file name: ``<prefix>.h``, ``<prefix>.c`` and ``<prefix>_weights.c``.
    arena_bytes, weight_bytes : int
        Of the network alone; the arena of a network with a state of its own has room for the next.
    in_integers : bool
        All processors are to compute the same bits, so that multiplications and additions must not be fused.
    is_model : bool
        It is a model of undin, an `undin_model`; else it is the network alone.
    state_bytes : int
        What the step of a network with a state keeps; 0 for all others, and for models of undin.
    state_places : dict of str to int
        Where in that each input begins, bytes.
    """

    prefix: str
    files: dict[str, str]
    arena_bytes: int
    weight_bytes: int
    in_integers: bool = False
    is_model: bool = False
    state_bytes: int = 0
    state_places: dict[str, int] = field(default_factory=dict)


def emit(program: Program, metadata: Metadata | None = None) -> Source:
    """Write a program as C, with its whole hop if it has the metadata of a model of undin."""
    return _Emitter(program, metadata).source()


class _Emitter:
    def __init__(self, program: Program, metadata: Metadata | None):
        self.program, self.metadata = program, metadata
        self.prefix = c_prefix(program.name)
        self.arena, self.network_arena_bytes = plan(program)
        self.is_model = metadata is not None
        self.state_bytes = 0 if self.is_model else state.size(program)
        self.arena_bytes = self.network_arena_bytes + self.state_bytes
        self.constants: dict[Buffer, int] = {}
        self.weights = bytearray()
        self.parameter_names = _parameter_names(program)

    def source(self) -> Source:
        functions: dict[tuple[str, str], str] = {}
        calls: list[str] = []
        guard = ""
        for step in self.program.steps:
            # Layers of the same sizes share a function: compilers take most of their time for these.
            text = self.function(step)
            name = functions.setdefault((step.label, text), f"{step.label}_{len(functions)}")
            arguments = ", ".join(self.pointer(view) for view in (*step.writes, *step.reads))
            comment = step.comment.replace("*/", "* /")
            if (asked := self.condition(step)) != guard:
                calls += ["    }"] * bool(guard) + [f"    if ({asked}) {{"] * bool(asked)
                guard = asked
            indent = "    " * (2 if guard else 1)
            calls.append(f"{indent}/* {comment} */\n{indent}{name}({arguments});")
        calls += ["    }"] * bool(guard)
        shared, texts = share([f"static void {name}{text}" for (_, text), name in functions.items()])
        definitions = "\n".join([*shared, *texts])
        kernels = KERNELS + INTEGER_KERNELS * self.program.in_integers
        includes = "\n".join(f'#include "{name}"' for name in kernels)
        attributes = f'__attribute__((aligned({ALIGNMENT}), visibility("hidden")))'
        weights = f"const char {self.prefix}_weights[{len(self.weights) + 1}] {attributes}"
        text = f"""/* {self.prefix}.c: the network {self.program.name}: read its last function first. */
{REPRODUCIBLE * self.program.in_integers}#include "{self.header_of_network()}"
{includes}

{hop.public_name(self.prefix)}
extern {weights};

{definitions}
void UNDIN_PUBLIC(run)({self.parameters()}) {{
    char *const arena = (char *)arena_memory;
    (void)arena;
{chr(10).join(calls)}
}}
{self.surroundings()}"""
        files = {
            f"{self.prefix}.h": self.header(),
            f"{self.prefix}.c": text,
            f"{self.prefix}_weights.c": f"""/* Weights of {self.program.name}, the lowest byte of each first. */
#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "undin needs a processor that stores the lowest byte of a number first"
#endif

{weights} =
{_string(self.weights)};
{self.model_value()}""",
        }
        return Source(
            self.prefix,
            files,
            self.arena_bytes,
            len(self.weights),
            self.program.in_integers,
            self.is_model,
            self.state_bytes,
            state.places(self.program) if self.state_bytes else {},
        )

    def parameters(self) -> str:
        """Inputs, outputs and the arena, as the function that runs the network takes them."""
        inputs = [f"const {C_TYPES[str(b.dtype)]} *{self.parameter_names[b]}" for b in self.program.inputs.values()]
        outputs = [f"{C_TYPES[str(b.dtype)]} *{self.parameter_names[b]}" for b in self.program.outputs.values()]
        return ", ".join([*inputs, *outputs, "void *arena_memory"])

    def surroundings(self) -> str:
        """What follows the network: in a model of undin its hop, in another the step that carries its state."""
        if self.metadata is None:
            if not self.state_bytes:
                return ""
            return state.source(self.program, self.parameter_names, network_arena_bytes=self.network_arena_bytes)
        return f"\n{hop.source(self.metadata, network_arena_bytes=self.arena_bytes)}"

    def header_of_network(self) -> str:
        """What the network includes first: of a model not its own header, whose name may be that of a kernel."""
        return f"{self.prefix}.h" if self.metadata is None else "undin.h"

    def model_value(self) -> str:
        """The `undin_model` of a model of undin."""
        if self.metadata is None:
            return ""
        value = hop.model_value(self.prefix, self.metadata, network_arena_bytes=self.arena_bytes)
        return f'\n#include "{self.prefix}.h"\n\n{value}'

    def header(self) -> str:
        if self.metadata is not None:
            return hop.header(self.prefix, self.metadata, network_arena_bytes=self.arena_bytes)
        guard = f"{self.prefix.upper()}_H"
        stream = state.header(self.prefix, self.program, self.parameter_names) if self.state_bytes else ""
        return f"""/* {self.prefix}.h: the network {self.program.name}, generated by undin. */
#ifndef {guard}
#define {guard}

#include <stdint.h>

#ifdef __cplusplus
extern "C" {{
#endif

#define {self.prefix.upper()}_ARENA_SIZE {max(self.arena_bytes, 1)} /* bytes, at a multiple of {ALIGNMENT} */

/* Run the network once. All tensors are dense, the last axis innermost; none may overlap another. */
void {self.prefix}_run({self.parameters()});
{stream}
#ifdef __cplusplus
}}
#endif

#endif
"""

    def condition(self, step: Step) -> str:
        """When a step runs, in C; '' where always."""
        return " && ".join(f"{'' if wanted else '!'}*({self.pointer(view)})" for view, wanted in step.guard)

    def function(self, step: Step) -> str:
        """The parameters and the body of the function of a step."""
        parameters = [
            *(f"{C_TYPES[str(view.buffer.dtype)]} *restrict y{i}" for i, view in enumerate(step.writes)),
            *(f"const {C_TYPES[str(view.buffer.dtype)]} *restrict x{i}" for i, view in enumerate(step.reads)),
        ]
        body = "\n".join(f"    {line}" for line in step.code())
        return f"({', '.join(parameters)}) {{\n{body}\n}}\n"

    def pointer(self, view: View) -> str:
        buffer, c_type = view.buffer, C_TYPES[str(view.buffer.dtype)]
        if buffer.kind == "arena":
            place = self.arena[buffer] + view.offset * buffer.dtype.itemsize
            return f"({c_type} *)(arena + {place})"
        if buffer.kind == "constant":
            place = self.constant(buffer) + view.offset * buffer.dtype.itemsize
            return f"(const {c_type} *)({self.prefix}_weights + {place})"
        name = self.parameter_names[buffer]
        return f"{name} + {view.offset}" if view.offset else name

    def constant(self, buffer: Buffer) -> int:
        """Place of a constant among the weights, bytes."""
        if buffer not in self.constants:
            self.constants[buffer] = len(self.weights)
            self.weights += buffer.data.astype(buffer.dtype.newbyteorder("<")).tobytes()
            self.weights += bytes(-len(self.weights) % ALIGNMENT)
        return self.constants[buffer]


def _string(data: bytearray) -> str:
    """A string of C with these bytes; compilers read one ten times faster than a list of numbers."""
    lines = ESCAPES[np.frombuffer(data, np.uint8)].view(f"S{ESCAPES.itemsize * WEIGHTS_IN_A_LINE}").tolist()
    return '"' + b'"\n"'.join(lines).decode() + '"'


def _parameter_names(program: Program) -> dict[Buffer, str]:
    """Names in C for inputs and outputs, no two the same, though those of ONNX may differ in what C does not know."""
    names: dict[Buffer, str] = {}
    for name, buffer in (*program.inputs.items(), *program.outputs.items()):
        identifier = "tensor_" + re.sub("[^0-9A-Za-z]+", "_", name)
        while identifier in names.values():
            identifier += "_"
        names[buffer] = identifier
    return names
