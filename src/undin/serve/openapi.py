"""What the server says of itself: OpenAPI 3.1, and the same as a page that loads nothing from anywhere."""

from html import escape
from typing import Any

from undin.model.loading import FULL_BAND_FROM_HZ
from undin.recording import RAW_FORMATS
from undin.serve.house import House
from undin.serve.limits import KINDS
from undin.serve.websocket import PATH

CLOSE_CODES = ", ".join(f"{close} {name}" for name, (_, close) in KINDS.items())
STREAM = f"""\
A WebSocket at `{PATH}`: binary messages are samples, text messages JSON. Parameters are those of `/enhance`, in the
query or in the first message. The server answers `{{"opened": {{"latency_samples": …}}}}`, and then each binary message
by one of the same length, which sounds `latency_samples` later; a message of more than 100 ms by several. Text messages
change `atten_lim_db` and `bypass` from the next sample on; `{{"flush": true}}` returns the last `latency_samples` and
`{{"flushed": true}}`, and a new signal may follow. An error is `{{"error": {{"code": …, "message": …}}}}`, and the
close code after it says the kind: {CLOSE_CODES}. A message that is too large, or no WebSocket at all, closes with 1009
or 1002 alone."""


def _default(house: House) -> str:
    text = f"the network; {house.default} if not given"
    if house.settings.is_by_rate:
        text += f", {house.default_at(FULL_BAND_FROM_HZ)} from {FULL_BAND_FROM_HZ} Hz up"
    return text


def description(house: House) -> dict[str, Any]:
    """The server in OpenAPI 3.1."""
    limits = house.limits
    errors = {
        str(status): {
            "description": f"refused: {code}",
            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}},
        }
        for code, (status, _) in KINDS.items()
    }
    rate = {"type": "integer", "minimum": limits.min_sample_rate, "maximum": limits.max_sample_rate, "default": 16_000}
    schemas = {
        "model": ({"enum": list(house.models)}, _default(house)),
        "sample_rate": (rate, "Hz, of samples without a header"),
        "channels": ({"type": "integer", "minimum": 1, "maximum": limits.channels, "default": 1}, "interleaved"),
        "encoding": ({"enum": list(RAW_FORMATS), "default": "s16le"}, "mulaw and alaw are those of ITU-T G.711"),
        "atten_lim_db": ({"type": "number", "minimum": 0}, "no sound is attenuated by more, dB; no limit if not given"),
        "bypass": ({"type": "boolean", "default": False}, "the delayed input comes out as it is; of voices alone"),
    }
    parameters = [
        {"name": name, "in": "query", "schema": schema, "description": text} for name, (schema, text) in schemas.items()
    ]
    audio = {"schema": {"type": "string", "format": "binary"}}
    enhance = {
        "summary": "Enhance a recording, while it comes",
        "description": "The body is a WAV, FLAC, Ogg … file, and comes back as one, or raw samples. WAV and raw "
        f"samples come back while they are sent, other files at their end. At most {limits.upload_bytes:,} bytes.",
        "parameters": parameters,
        "requestBody": {"required": True, "content": {"application/octet-stream": audio}},
        "responses": {"200": {"description": "the enhanced recording", "content": {"audio/*": audio}}, **errors},
        "security": [{"token": []}] if house.settings.tokens else [],
    }

    def get(summary: str, kind: str) -> dict[str, Any]:
        return {"get": {"summary": summary, "responses": {"200": {"description": summary, "content": {kind: {}}}}}}

    return {
        "openapi": "3.1.0",
        "info": {"title": "undin", "version": "1", "description": STREAM},
        "paths": {
            "/enhance": {"post": enhance},
            "/models": get("Models, and the processor time that each takes", "application/json"),
            "/healthz": get("Whether another voice can come in: 200, or 503", "application/json"),
            "/metrics": get("Counts for Prometheus, of all workers", "text/plain"),
        },
        "components": {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            "schemas": {
                "Error": {
                    "type": "object",
                    "properties": {
                        "error": {
                            "type": "object",
                            "properties": {"code": {"enum": list(KINDS)}, "message": {"type": "string"}},
                        }
                    },
                }
            },
        },
    }


def as_page(told: dict[str, Any]) -> str:
    """A description of OpenAPI as HTML for people."""
    parts = [f"<h1>{escape(told['info']['title'])}</h1>", f"<p>{escape(told['info']['description'])}</p>"]
    for path, methods in told["paths"].items():
        for method, what in methods.items():
            parts.append(f"<h2><code>{method.upper()} {escape(path)}</code></h2><p>{escape(what['summary'])}</p>")
            parts.append(f"<p>{escape(what.get('description', ''))}</p>")
            if "parameters" in what:
                rows = (
                    f"<tr><td><code>{one['name']}</code><td>{escape(_values(one['schema']))}"
                    f"<td>{escape(one['description'])}"
                    for one in what["parameters"]
                )
                parts.append(f"<table>{''.join(rows)}</table>")
    style = (
        "body{font:1rem/1.5 system-ui;max-width:60rem;margin:2rem auto;padding:0 1rem}td{padding:.2rem 1rem .2rem 0}"
    )
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>undin</title><style>{style}</style>'
        f'{"".join(parts)}<p><a href="openapi.json">openapi.json</a></html>'
    )


def _values(schema: dict[str, Any]) -> str:
    if "enum" in schema:
        return ", ".join(schema["enum"])
    edges = [str(schema[name]) for name in ("minimum", "maximum") if name in schema]
    return " ".join([schema["type"], " to ".join(edges) if len(edges) == 2 else "".join(f"from {e}" for e in edges)])
