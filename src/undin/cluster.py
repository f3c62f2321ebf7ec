"""Work spread over the processes of one machine or over a Ray cluster: blocks of items in, what became of them out.

Neither engine plans anything of its own: processes take the next block when they are free, and Ray Data does what it
does. Both keep one promise: what has come out is done, and a block whose process or node was lost does not come out,
so whoever asked sees what is missing and asks again. What is done to an item is `batch/work.py`, `data/freeze.py` and
`cli/files.py`.
"""

import logging
import os
import pickle
import signal
import threading
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, Protocol

from undin.workers import Workers, is_orphaned

if TYPE_CHECKING:
    from multiprocessing.sharedctypes import SynchronizedArray
    from multiprocessing.synchronize import Event

log = logging.getLogger(__name__)

Tell = Callable[[float], None]
"""Told how much more is done, in whatever unit; raises `InterruptedError` where the work shall end."""

Work = Callable[[Any, Tell], Any]
"""What is done to one item: a function that pickles, of the item and of what is to be told of progress."""


class Engine(Protocol):
    """Does work to blocks of items.

    Attributes
    ----------
    workers : int
        How many blocks are worked at, at a time.
    block_items : int
        So many small items make it worth while to hand them out.
    """

    workers: int
    block_items: int

    def __call__(self, work: Work, blocks: Sequence[Sequence[Any]], tell: Tell) -> Iterator[list[Any]]:
        """Yield a list of results for each block that was not lost, as they are done."""


END_SIGNALS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
"""Signals that ask a program to end: they are for this process, which lets its workers stop between blocks."""

LOOK_SECONDS = 0.2
"""How often is looked at what processes have told."""

CPUS_A_TASK = 0.9
"""Of Ray: with whole cores, Ray Data waits long or for ever on two of them, since it keeps some of them for itself."""

OBJECT_STORE_BYTES = 300_000_000
"""Of a Ray that is started here: it holds names and numbers, never sound, but with less Ray Data starts no task."""

ROUNDS = 5
"""How often is asked for what was lost with a process or a node; after the first time one by one."""

BLOCKS_A_WORKER = 8
"""At the least, as far as there are items, so that no worker waits long for the last one."""

TRIES = 2
"""How often Ray itself tries a block whose process or node was lost, before it is given up as lost."""


def in_rounds(
    engine: Engine,
    work: Work,
    left: dict[Any, Any],
    *,
    key: Callable[[Any], Any],
    pack: Callable[[Iterable[Any], int], Iterable[list[Any]]],
    tell: Tell = lambda amount: None,
) -> Iterator[list[Any]]:
    """Do work to items until all of it is done, or some were lost too often; yield results as engines do.

    Parameters
    ----------
    engine, work, tell
        As above.
    left : dict
        Items by key. What is done goes out of it, so that in the end it holds what was lost every time.
    key : function
        The key of the item that a result is of.
    pack : function
        Makes blocks of items, of so many at the most.
    """
    for turn in range(ROUNDS):
        if not left:
            return
        most = 1 if turn else max(1, min(engine.block_items, len(left) // (BLOCKS_A_WORKER * engine.workers)))
        for results in engine(work, list(pack(left.values(), most)), tell):
            for result in results:
                left.pop(key(result), None)
            yield results


class Alone:
    """This process: an `Engine`."""

    workers, block_items = 1, 1

    def __call__(self, work: Work, blocks: Sequence[Sequence[Any]], tell: Tell) -> Iterator[list[Any]]:
        for block in blocks:
            yield [work(item, tell) for item in block]


class Processes:
    """Processes of this machine, an `Engine`; they end with this one, however that ends.

    Each is a pool of its own, so that one that is killed takes no other's work with it.
    """

    block_items = 4

    def __init__(self, workers: int):
        self.workers = workers

    def __call__(self, work: Work, blocks: Sequence[Sequence[Any]], tell: Tell) -> Iterator[list[Any]]:
        lanes = min(self.workers, len(blocks))
        context = get_context("spawn")  # as that of the workers
        stop, told = context.Event(), context.RawArray("d", lanes)
        done: SimpleQueue[list[Any] | BaseException | None] = SimpleQueue()
        ahead, taking = iter(blocks), threading.Lock()

        def run(lane: int) -> None:
            if hasattr(signal, "pthread_sigmask"):  # a process starts with the mask of the thread that starts it
                signal.pthread_sigmask(signal.SIG_BLOCK, END_SIGNALS)
            pool = None
            try:
                while not stop.is_set():
                    with taking:
                        block = next(ahead, None)
                    if block is None:
                        return
                    pool = pool or Workers(1, initializer=_obey, initargs=(stop, told, lane))
                    try:
                        done.put(pool.submit(_do, work, block).result())
                    except BrokenProcessPool:
                        pool.shutdown(wait=False)
                        pool = None
            except BaseException as error:
                done.put(error)
            finally:
                if pool:
                    pool.shutdown(cancel_futures=True)
                done.put(None)

        threads = [threading.Thread(target=run, args=(lane,), daemon=True) for lane in range(lanes)]
        for thread in threads:
            thread.start()
        running, so_far = lanes, 0.0
        try:
            while running:
                try:
                    result = done.get(timeout=LOOK_SECONDS)
                except Empty:
                    result = ()
                if (now := sum(told)) > so_far:
                    tell(now - so_far)
                    so_far = now
                if isinstance(result, BaseException):
                    raise result
                if result is None:
                    running -= 1
                elif result:
                    yield result
        finally:
            stop.set()
            for thread in threads:
                thread.join()


def _obey(stop: "Event", told: "SynchronizedArray", lane: int) -> None:
    """Prepare a process: keep the event that tells it to stop, and where it tells how far it is."""
    global _stop, _told, _lane
    _stop, _told, _lane = stop, told, lane
    for number in END_SIGNALS:  # those are for the process that started this one; on Windows no mask is inherited
        signal.signal(number, signal.SIG_IGN)


def _tell(amount: float) -> None:
    if _stop.is_set() or is_orphaned():
        raise InterruptedError("interrupted")
    _told[_lane] += amount  # nobody else writes there, so that no lock can be left closed by a process that is killed


def _do(work: Work, block: Sequence[Any]) -> list[Any]:
    return [work(item, _tell) for item in block]


class Ray:
    """Ray Data, an `Engine`: on the cluster of an address or on one of this machine alone.

    Parameters
    ----------
    address : str, optional
        As `ray.init` takes it: ``"auto"``, ``"10.0.0.1:6379"``; without, Ray is started here and ends with the run.
    workers : int, optional
        Cores of the Ray that is started here; default: all.

    Raises
    ------
    ModuleNotFoundError
        Ray is not installed: the extra ``batch`` brings it.
    OSError
        There is no cluster at the address, or undin does not run on one of its nodes.
    """

    block_items = 256  # a block costs Ray Data some tens of milliseconds

    def __init__(self, address: str | None = None, *, workers: int | None = None):
        import ray

        quiet = {"log_to_driver": False, "logging_level": "ERROR"}
        if not ray.is_initialized():
            os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nobody was asked whether to tell
            own = {"num_cpus": workers, "include_dashboard": False, "object_store_memory": OBJECT_STORE_BYTES}
            try:
                ray.init(address, **quiet) if address else ray.init("local", **own, **quiet)
            except (ConnectionError, ValueError, RuntimeError) as error:
                raise OSError(f"Ray at {address or 'this machine'} cannot be reached: {error}") from error
        _refuse_strangers(ray)
        self.workers = int(ray.cluster_resources().get("CPU", 1))

    def __call__(self, work: Work, blocks: Sequence[Sequence[Any]], tell: Tell) -> Iterator[list[Any]]:
        import ray.data

        def do(batch: dict[str, Any]) -> dict[str, list[bytes]]:
            block = pickle.loads(batch["block"][0])
            return {"results": [pickle.dumps([work(item, lambda amount: None) for item in block])]}

        logging.getLogger("ray.data").setLevel(logging.ERROR)
        context = ray.data.DataContext.get_current()
        context.max_errored_blocks = -1  # what was lost does not come out, and nothing else is stopped by it
        context.enable_progress_bars = False
        context.print_on_execution_start = False
        # What becomes of an item is nobody's business there, so it travels as bytes: no column has to have one type.
        packed = [{"block": pickle.dumps(list(block))} for block in blocks]
        items = ray.data.from_items(packed, override_num_blocks=len(packed))
        with warnings.catch_warnings(action="ignore"):  # Ray 2.60 would have no limit to be set, and has no other way
            done = items.map_batches(do, batch_size=1, num_cpus=CPUS_A_TASK, max_retries=TRIES - 1)
        try:
            for row in done.iter_rows():
                yield pickle.loads(row["results"])
        except ray.exceptions.RayError as error:  # more than a block was lost: the rest is asked for again
            log.warning("Ray gave up: %s", str(error).strip().splitlines()[-1])


def _refuse_strangers(ray: Any) -> None:
    """Raise where a node has no undin, or another: its files would come out differently, or not at all."""

    def version() -> str:
        import undin

        return undin.__version__

    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    import undin

    nodes = [node for node in ray.nodes() if node["Alive"] and node["Resources"].get("CPU")]
    if not nodes:
        raise OSError("the Ray cluster has no node with a processor")
    for node in nodes:
        there = NodeAffinitySchedulingStrategy(node["NodeID"], soft=True)
        try:
            found = ray.get(ray.remote(version).options(num_cpus=0, scheduling_strategy=there).remote(), timeout=120)
        except ray.exceptions.RayError as error:
            reason = str(error).strip().splitlines()[-1]
            raise OSError(
                f"undin does not run on node {node['NodeManagerAddress']}: {reason}; install it there"
            ) from error
        if found != undin.__version__:
            raise OSError(
                f"node {node['NodeManagerAddress']} has undin {found} and this machine {undin.__version__}: "
                f"install the same on all"
            )
