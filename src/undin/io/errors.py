"""What went wrong, in a sentence for people."""


def sentence(error: Exception) -> str:
    """Return an exception's message for people: the operating system's errors without their number."""
    if isinstance(error, OSError) and error.strerror:
        named = [name for name in (error.filename, error.filename2) if name is not None]
        return ": ".join([*(str(name) for name in named), error.strerror])
    return str(error)
