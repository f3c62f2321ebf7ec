"""What is defined in src/undin and used by nobody: Python by its syntax trees, C by its words.

A name of a Python module is used where somebody imports it, or names it in its own module outside of itself. A method
or a field is used where anything has an attribute of that name. In C, a name is used where it occurs once more than it
is defined; outside of C, where a string, an attribute or an argument of Python has it, or a file in another language.
"""

import ast
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatch
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src"
PACKAGE = SOURCE / "undin"
USERS = ("bindings", "research", "benchmarks", "scripts", "examples", "apps", "release")
"""Folders beside the package whose use counts; that of tests alone does not."""

OTHER_LANGUAGES = {".js", ".mjs", ".ts", ".c", ".h", ".cc", ".cpp", ".java", ".swift", ".html"}

PUBLIC = "undin.h"
"""The header whose fields anybody may read."""

Place = tuple[str, int]
"""A module and a line."""


@dataclass(frozen=True)
class Definition:
    """A name of a module or, where there is an owner, of a class in it."""

    module: str
    owner: str
    name: str
    lines: range

    def __str__(self) -> str:
        return ".".join(filter(None, (self.module, self.owner, self.name)))

    def holds(self, place: Place) -> bool:
        """Whether a place is inside of it."""
        return place[0] == self.module and place[1] in self.lines


@cache
def python_files() -> dict[Path, ast.Module]:
    """Syntax trees of the package, and of whoever may use it."""
    beside = [path for folder in USERS for path in sorted((ROOT / folder).rglob("*.py"))]
    paths = [*sorted(PACKAGE.rglob("*.py")), *beside, *sorted(ROOT.glob("*.py"))]
    return {path: ast.parse(path.read_text(encoding="utf-8")) for path in paths}


def module_of(path: Path) -> str:
    """``undin.io.audio``; of a file beside the package its path."""
    if not path.is_relative_to(SOURCE):
        return str(path.relative_to(ROOT))
    return ".".join(path.relative_to(SOURCE).with_suffix("").parts).removesuffix(".__init__")


def definitions(module: str, tree: ast.Module) -> Iterator[Definition]:
    """Functions, classes and constants of a module; methods, fields and constants of its classes."""
    classes = [(node.name, node.body) for node in tree.body if isinstance(node, ast.ClassDef)]
    for owner, body in (("", tree.body), *classes):
        for node in body:
            for name in names_of(node):
                if not (name.startswith("_") and name.endswith("_")):  # what Python and ctypes look for
                    yield Definition(module, owner, name, range(node.lineno, node.end_lineno + 1))


def names_of(node: ast.stmt) -> list[str]:
    """What a statement defines."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return [node.name]
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
    return [name.id for target in targets for name in ast.walk(target) if isinstance(name, ast.Name)]


@dataclass
class Uses(ast.NodeVisitor):
    """Where names are used, of modules by (module, name), of anything else by attribute."""

    modules: set[str]
    of_modules: dict[tuple[str, str], list[Place]] = field(default_factory=dict)
    of_attributes: dict[str, list[Place]] = field(default_factory=dict)

    def read(self, module: str, tree: ast.Module) -> None:
        """Add what a file uses."""
        self.module, self.known = module, {}
        self.visit(tree)

    def add(self, module: str, name: str, line: int) -> None:
        self.of_modules.setdefault((module, name), []).append((self.module, line))

    def visit_Import(self, node: ast.Import) -> None:
        self.known |= {alias.asname: alias.name for alias in node.names if alias.asname and alias.name in self.modules}

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        for alias in node.names:
            if (whole := f"{node.module}.{alias.name}") in self.modules:
                self.known[alias.asname or alias.name] = whole
            else:
                self.add(node.module or "", alias.name, node.lineno)

    def visit_Name(self, node: ast.Name) -> None:
        if isinstance(node.ctx, ast.Load):
            self.add(self.module, node.id, node.lineno)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        """Of a module that is known by its name; of a variable that may be any of those; or of an object."""
        of = node.value.id if isinstance(node.value, ast.Name) else None
        for module in [self.known[of]] if of in self.known else self.known.values() if of else ():
            self.add(module, node.attr, node.lineno)
        if of not in self.known and isinstance(node.ctx, ast.Load):
            self.of_attributes.setdefault(node.attr, []).append((self.module, node.lineno))
        self.generic_visit(node)

    def visit_Constant(self, node: ast.Constant) -> None:
        """A string may be an annotation, or a name that is looked up."""
        if isinstance(node.value, str) and re.fullmatch(r"[\w.]+([\[\], |]+[\w.]+)*\]*", node.value):
            for name in re.findall(r"\w+", node.value):
                self.add(self.module, name, node.lineno)
                self.of_attributes.setdefault(name, []).append((self.module, node.lineno))

    def visit_Expr(self, node: ast.Expr) -> None:
        if not isinstance(node.value, ast.Constant):  # a docstring uses nothing
            self.generic_visit(node)

    def of(self, definition: Definition) -> list[Place]:
        """Where a definition may be used."""
        of_objects = self.of_attributes.get(definition.name, []) if definition.owner else []
        return self.of_modules.get((definition.module, definition.name), []) + of_objects


@cache
def places_of_use() -> dict[Definition, list[Place]]:
    """Where each definition of the package may be used."""
    package = {module_of(path): tree for path, tree in python_files().items() if path.is_relative_to(PACKAGE)}
    uses = Uses(set(package))
    for path, tree in python_files().items():
        uses.read(module_of(path), tree)
    return {item: uses.of(item) for module, tree in package.items() for item in definitions(module, tree)}


def fits(name: str, patterns: Sequence[str]) -> bool:
    return any(fnmatch(name, pattern) for pattern in patterns)


def unused_python(used: Sequence[str] = ()) -> list[str]:
    """What nothing uses but itself and what is unused itself; names that fit a pattern of `used` are."""
    rest = {definition: places for definition, places in places_of_use().items() if not fits(str(definition), used)}
    unused: list[Definition] = []
    while True:
        more = [
            definition
            for definition, places in rest.items()
            if all(any(other.holds(place) for other in (definition, *unused)) for place in places)
        ]
        if not more:
            return sorted(map(str, unused))
        unused += more
        rest = {definition: places for definition, places in rest.items() if definition not in more}


FUNCTION = re.compile(r"^[a-zA-Z_][\w *]*?(?:__attribute__\(\(.*?\)\) ?[\w *]*?)?\b(\w+)\((?=[^;{}]*\) ?\{)", re.M)
MACRO = re.compile(r"^ *# *define (\w+)", re.M)
VARIABLE = re.compile(r"^(?:static |const |extern )[\w *]*?\b(\w+)(?:\[.*?\])*(?: = |;)", re.M)
STRUCTURE = re.compile(r"\b(struct|union|enum)\s*(\w*)\s*\{([^{}]*)\}\s*(\w*)")
AT = r"(?:\.|->)(\w+)\b(?:\[[^]]*\])*"
READ = re.compile(rf"(?<=[\w)\]]){AT}(?! [-+*/|&]?= )")
WRITTEN = re.compile(rf"{AT}(?: [-+*/|&]?= |\+\+|--)")
CHANGED = re.compile(r"(?:\+\+|--|&)([\w.>()-]+)")
FORM = re.compile(r"UNDIN_FORM\((?!name\))(\w+)\)")


@cache
def c_files() -> dict[str, str]:
    """C of the package by file name, without comments, both forms of undin_math_forms.h under one name."""
    texts = {path.name: path.read_text(encoding="utf-8") for path in sorted((PACKAGE / "c").rglob("*.[ch]"))}
    texts = {name: re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL) for name, text in texts.items()}
    forms = {form for text in texts.values() for form in FORM.findall(text)}
    vector = re.compile(rf"\bundin_vector_({'|'.join(forms)})\b")
    return {name: vector.sub(r"undin_\1", FORM.sub(r"undin_\1", text)) for name, text in texts.items()}


@cache
def words_beside_c() -> frozenset[str]:
    """Words by which all else may name what is in C."""
    found: set[str] = set()
    for tree in python_files().values():
        docstrings = {node.value for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in docstrings:
                found.update(re.findall(r"\w+", node.value))
            elif isinstance(node, ast.Attribute):
                found.add(node.attr)
            elif isinstance(node, ast.keyword) and node.arg:
                found.add(node.arg)
    for path in (path for folder in USERS for path in (ROOT / folder).rglob("*")):
        if path.suffix in OTHER_LANGUAGES and "node_modules" not in path.parts:
            found.update(re.findall(r"\w+", path.read_text(encoding="utf-8")))
    return frozenset(found)


def names_in_c(text: str) -> Iterator[str]:
    """Functions, macros, constants, types and enumerators that a file defines."""
    for pattern in (FUNCTION, MACRO, VARIABLE):
        yield from pattern.findall(text)
    for kind, tag, body, name in STRUCTURE.findall(text):
        yield from filter(None, (tag, name))
        if kind == "enum":
            yield from re.findall(r"(\w+)[^,]*(?:,|$)", body)


def fields_in_c(text: str) -> Iterator[str]:
    """Fields of the structures that a file defines."""
    for kind, _, body, _ in STRUCTURE.findall(text):
        if kind != "enum":
            plain = re.sub(r"\[[^]]*\]|__attribute__\(\(.*?\)\)", "", re.sub(r"\(\*(\w+)\)\([^)]*\)", r" \1", body))
            for names in plain.split(";"):
                yield from (re.findall(r"\w+", name)[-1] for name in names.split(",") if name.strip())


def unused_c(used: Sequence[str] = ()) -> list[str]:
    """What occurs nowhere but where it is defined, and fields that nobody reads or nobody writes."""
    return [name for name in all_unused_c() if not fits(name, used)]


@cache
def all_unused_c() -> list[str]:
    """The same with what fits a pattern."""
    beside, whole, found = words_beside_c(), "\n".join(c_files().values()), []
    counted, defined = Counter(re.findall(r"\w+", whole)), Counter(names_in_c(whole))
    read = set(READ.findall(whole))
    written = {*WRITTEN.findall(whole), *re.findall(r"(?:\.|->)(\w+)", "\n".join(CHANGED.findall(whole)))}
    for file, text in c_files().items():
        for name in sorted(set(names_in_c(text))):
            if counted[name] <= defined[name] and name not in beside:
                found.append(f"{file}: {name}")
        for name in sorted(set(fields_in_c(text))):
            if name not in read and file != PUBLIC:
                found.append(f"{file}: nobody reads {name}")
            if name not in written and name not in beside:
                found.append(f"{file}: nobody writes {name}")
    return found
