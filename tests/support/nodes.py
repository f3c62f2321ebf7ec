"""Two machines that this one plays: network namespaces with a link between them."""

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass


@dataclass(frozen=True)
class Node:
    """A namespace, its link and the address that it has there."""

    name: str
    link: str
    address: str

    def command(self, *words: object) -> list[str]:
        """A command that runs there."""
        return ["ip", "netns", "exec", self.name, *map(str, words)]

    def kill(self) -> None:
        """End all that runs there at once, as a loss of power does."""
        found = subprocess.run(["ip", "netns", "pids", self.name], capture_output=True, text=True, check=True)
        for number in map(int, found.stdout.split()):
            with suppress(ProcessLookupError):
                os.kill(number, signal.SIGKILL)


@contextmanager
def two_nodes() -> Iterator[tuple[Node, Node]]:
    """Make two nodes that reach each other, gone afterwards with all that runs there."""
    own = os.getpid()
    nodes = tuple(Node(f"undin-{own}-{end}", f"u{own}{end}", f"10.79.1.{end}") for end in (1, 2))
    first, second = nodes
    try:
        for node in nodes:
            _ip("netns", "add", node.name)
        peer = ("type", "veth", "peer", "name", second.link, "netns", second.name)
        _ip("link", "add", first.link, "netns", first.name, *peer)
        for node in nodes:
            _ip("-n", node.name, "addr", "add", f"{node.address}/24", "dev", node.link)
            for link in ("lo", node.link):
                _ip("-n", node.name, "link", "set", link, "up")
        yield first, second
    finally:
        for node in nodes:
            with suppress(subprocess.CalledProcessError):
                node.kill()
                _ip("netns", "del", node.name)


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True)
