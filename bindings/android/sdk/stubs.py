"""Java to compile against in place of Android's SDK: classes without bodies, out of `framework.txt`.

A line of it is `package NAME {`, a class, `ctor`, `method` or `field` of one, or `}`, as in AOSP's api/current.txt, so
that each can be looked up there. A class that has a dot in its name is nested. Methods become `native`, which need no
body, in interfaces abstract. Constructors call one of their parents that takes a `stub.Nothing`, which no other can.
"""

import re
import shutil
from pathlib import Path

import java

FRAMEWORK = Path(__file__).with_name("framework.txt")
CLASS = re.compile(
    r"(?P<modifiers>.*\b(?:class|interface|enum)) (?P<name>[\w.]+)(?P<parameters><.*?>|)(?P<parents>.*) \{"
)


def compile_framework(folder: Path, *more: str) -> Path:
    """Compile `framework.txt`, and further text like it, in a folder that is emptied; returns the folder of classes."""
    shutil.rmtree(folder, ignore_errors=True)
    java.compile_java(write(folder / "java", FRAMEWORK.read_text(encoding="utf-8"), *more), folder / "classes")
    return folder / "classes"


def write(folder: Path, *texts: str) -> list[Path]:
    """Write the classes of some texts like `framework.txt` into a folder, a package a folder; returns the Java files.

    A class may stand in several of them, with other members.

    Raises
    ------
    ValueError
        A line is none of these.
    """
    classes = {}  # by package and name, Outer.Inner behind Outer
    for text in texts:
        package = name = ""
        for line in map(str.strip, text.splitlines()):
            if match := re.fullmatch(r"package ([\w.]+) \{", line):
                package = match[1]
            elif match := CLASS.fullmatch(line):
                name = match["name"]
                classes.setdefault((package, name), opened(**match.groupdict()))
            elif line.startswith(("ctor ", "method ", "field ", "enum_constant ")):
                classes[package, name].append(member(line, of="".join(classes[package, name][:2])))
            elif line not in ("", "}") and not line.startswith("#"):
                raise ValueError(f"not a line of an API: {line}")
    files = [folder / "stub" / "Nothing.java"]
    files[0].parent.mkdir(parents=True, exist_ok=True)
    files[0].write_text("package stub;\npublic final class Nothing { private Nothing() {} }\n", encoding="utf-8")
    for package, name in (key for key in classes if "." not in key[1]):
        file = folder / package.replace(".", "/") / f"{name}.java"
        file.parent.mkdir(parents=True, exist_ok=True)
        inner = [text for key, text in classes.items() if key[0] == package and key[1].startswith(f"{name}.")]
        lines = [*classes[package, name], *(line for text in inner for line in (*text, "}")), "}"]
        file.write_text("\n".join((f"package {package};", *lines, "")), encoding="utf-8")
        files.append(file)
    return files


def opened(modifiers: str, name: str, parameters: str, parents: str) -> list[str]:
    """The beginning of a class, and the constructor that those of its children call."""
    own = name.split(".")[-1]
    parent, implements, interfaces = parents.partition(" implements ")
    lines = [f"{modifiers} {own}{parameters}{parent}{implements}{', '.join(interfaces.split())} {{"]
    if modifiers.endswith("class"):
        lines.append(f"protected {own}(stub.Nothing n) {{ super({'n' if parent else ''}); }}")
    return lines


def member(line: str, *, of: str) -> str:
    """A member as Java has it, of a class that begins with the lines `of`."""
    kind, declaration = line.rstrip(";").split(" ", 1)
    if kind == "field":
        return f"{declaration};"
    if kind == "enum_constant":
        return f"{declaration.split()[-1]},"
    head, parameters, rest = re.fullmatch(r"(.*?)\((.*)\)(.*)", declaration).groups()
    named = ", ".join(f"{kind} p{i}" for i, kind in enumerate(re.split(r", (?![^<]*>)", parameters)) if kind)
    if kind == "ctor":
        modifiers, name = head.rsplit(" ", 1)
        parent = "super((stub.Nothing) null);" if "super(n)" in of else ""
        return f"{modifiers} {name.split('.')[-1]}({named}){rest} {{ {parent} }}"
    if " interface " not in of and "abstract " not in head:
        head = re.sub(r"^(public|protected)( static)?( final)?", r"\g<0> native", head)
    return f"{head}({named}){rest};"
