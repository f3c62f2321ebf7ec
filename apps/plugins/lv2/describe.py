"""What hosts read of the LV2 plug-ins without loading them: the files of their bundle, in Turtle."""

from collections.abc import Sequence

PREFIXES = """\
@prefix doap: <http://usefulinc.com/ns/doap#> .
@prefix foaf: <http://xmlns.com/foaf/0.1/> .
@prefix lv2: <http://lv2plug.in/ns/lv2core#> .
@prefix rdf: <http://www.w3.org/1999/02/22-rdf-syntax-ns#> .
@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .
@prefix ui: <http://lv2plug.in/ns/extensions/ui#> .
@prefix units: <http://lv2plug.in/ns/extensions/units#> .
"""

NAMES = {"mono": ("",), "stereo": (" L", " R")}
"""What the names of ports end with, a channel each."""

MANIFEST = """
<urn:undin:{kind}>
    a lv2:Plugin ;
    lv2:binary <{binary}> ;
    rdfs:seeAlso <{kind}.ttl> .
"""

PLUGIN = """
<urn:undin>
    a doap:Project ;
    doap:name "undin" ;
    doap:maintainer [ a foaf:Organization ; foaf:name "undin" ] .

<urn:undin:{kind}>
    a lv2:Plugin , lv2:FilterPlugin ;
    doap:name "undin ({kind})" ;
    doap:license <http://www.apache.org/licenses/LICENSE-2.0> ;
    lv2:project <urn:undin> ;
    rdfs:comment "Takes the din out of speech." ;
    lv2:minorVersion {minor} ;
    lv2:microVersion {micro} ;
    lv2:optionalFeature lv2:hardRTCapable ;{window}
    lv2:port {ports} .
"""

WINDOW = """
<urn:undin:{kind}#window>
    a ui:{type} ;
    ui:binary <{binary}> ;
    lv2:requiredFeature ui:idleInterface , <http://lv2plug.in/ns/ext/options#options> ,
        <http://lv2plug.in/ns/ext/urid#map> ;
    lv2:optionalFeature ui:parent , ui:touch , ui:noUserResize ;
    lv2:extensionData ui:idleInterface , ui:showInterface .
"""


def bundle(
    models: Sequence[str], *, version: str, binary: str, windows: dict[str, str], window_type: str
) -> dict[str, str]:
    """Texts of a bundle by file name.

    Parameters
    ----------
    models : sequence of str
        Names by number from 1 on; with 0 the rate chooses.
    version : str
        Of undin.
    binary : str
        File of the plug-ins.
    windows : dict of str to str
        File of each plug-in's window, for those that have one.
    window_type : str
        Kind of its window, a class of LV2's extension of windows.
    """
    texts = {"manifest.ttl": PREFIXES}
    minor, micro = (int(part) for part in version.split(".")[1:])
    for kind in NAMES:
        words = {"kind": kind, "binary": binary, "minor": minor, "micro": micro, "type": window_type, "window": ""}
        texts["manifest.ttl"] += MANIFEST.format(**words)
        if kind in windows:
            words["window"] = f"\n    ui:ui <urn:undin:{kind}#window> ;"
            texts["manifest.ttl"] += WINDOW.format(**words | {"binary": windows[kind]})
        texts[f"{kind}.ttl"] = PREFIXES + PLUGIN.format(**words, ports=ports(kind, models))
    return texts


def ports(kind: str, models: Sequence[str]) -> str:
    """All ports in the order of undin_lv2.c."""
    names = NAMES[kind]
    points = " , ".join(
        f'[ rdfs:label "{name}" ; rdf:value {number} ]' for number, name in enumerate(("by rate", *models))
    )
    control = "a lv2:InputPort , lv2:ControlPort"
    meter = "a lv2:OutputPort , lv2:ControlPort"
    level = f"{meter} ; units:unit units:db ; lv2:minimum -120 ; lv2:maximum 20"
    switch = f"{control} ; lv2:default 0 ; lv2:minimum 0 ; lv2:maximum 1 ; lv2:portProperty lv2:toggled"
    described = [
        *(("in" + side.strip().lower(), f"Input{side}", "a lv2:InputPort , lv2:AudioPort") for side in names),
        *(("out" + side.strip().lower(), f"Output{side}", "a lv2:OutputPort , lv2:AudioPort") for side in names),
        (
            *("latency", "Latency", f"{meter} ; units:unit units:frame ; lv2:minimum 0 ; lv2:maximum 16384"),
            "lv2:portProperty lv2:reportsLatency , lv2:integer ; lv2:designation lv2:latency",
        ),
        ("limit", "Limit", f"{control} ; units:unit units:db ; lv2:default 100 ; lv2:minimum 0 ; lv2:maximum 100"),
        ("bypass", "Bypass", switch),
        (
            *("model", "Model", f"{control} ; lv2:default 0 ; lv2:minimum 0 ; lv2:maximum {len(models)}"),
            f"lv2:portProperty lv2:integer , lv2:enumeration ; lv2:scalePoint {points}",
        ),
        *([("separate", "Separate channels", switch)] if len(names) > 1 else []),
        ("input_level", "Input level", level),
        ("output_level", "Output level", level),
        ("reduction", "Taken away", f"{meter} ; units:unit units:db ; lv2:minimum 0 ; lv2:maximum 120"),
    ]
    return " , ".join(
        f"[\n        {' ; '.join(kinds)} ;\n"
        f'        lv2:index {index} ; lv2:symbol "{symbol}" ; lv2:name "{name}"\n    ]'
        for index, (symbol, name, *kinds) in enumerate(described)
    )
