"""What the libraries that read models of others say of a file, as the end of a sentence of ours."""

MOST = 400
"""Letters; names in a model may have any number of them, and lines."""


def reason(error: Exception) -> str:
    """The first line of an error, or as much of it as anybody reads; the kind of one that says nothing."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0] if len(lines[0]) <= MOST else f"{lines[0][:MOST]}…"
