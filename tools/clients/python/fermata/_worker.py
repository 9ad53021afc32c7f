"""Serving tools: typed Python functions that agents call."""
from __future__ import annotations

import asyncio
import contextvars
import dataclasses
import inspect
import json
import logging
import os
import signal
import socket
import threading
import time
import uuid
from typing import Any, Callable, Dict, Iterable, List, Optional, TypeVar, Union, overload

from . import _names as names
from . import fermata_pb2 as pb
from ._call import CurrentCall, Pause, ToolError, _current
from ._content import Content, is_content
from ._core import built
from ._schema import arguments_from, schema_of_parameters
from ._reads import LONG_POLL
from ._waiting import Cancelled, Pauses, Waker, wait
from ._client import Client
from ._errors import FermataError, NotRunning

log = logging.getLogger("fermata.worker")

Function = TypeVar("Function", bound=Callable[..., Any])

#: Seconds between two tries while the server is away.
_RETRY = 0.5


@dataclasses.dataclass(frozen=True)
class _Tool:
    function: Callable[..., Any]
    spec: pb.ToolSpec


class Worker:
    """Serves tools to agents, for as long as it runs, restarts of the server included.

        worker = fermata.Worker(fermata.Client())

        @worker.tool(idempotent=True)
        def weather(city: str, days: int = 1) -> str:
            '''The weather forecast of a city.'''
            return ...

        worker.run()

    ``threads`` is how many calls it executes at once. ``lease`` is, in seconds, after how much silence of this worker
    its calls are taken from it: then an idempotent call goes to another worker, and of any other people are asked what
    became of it.
    """

    def __init__(
        self, client: Client, *, name: Optional[str] = None, threads: int = 4, lease: float = 30.0
    ) -> None:
        self.client = client
        self.name = name or f"{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:6]}"
        self.threads = threads
        self.lease = lease
        self._tools: Dict[str, _Tool] = {}
        self._lock = threading.Condition()
        self._executions: List[_Execution] = []
        self._stopping = Waker()
        self._grace: Optional[float] = None

    @overload
    def tool(self, function: Function) -> Function: ...

    @overload
    def tool(
        self,
        *,
        name: Optional[str] = None,
        description: Optional[str] = None,
        idempotent: bool = False,
        idempotent_when: Iterable[names.Condition] = (),
        parallel: bool = False,
    ) -> Callable[[Function], Function]: ...

    def tool(
        self,
        function: Optional[Function] = None,
        *,
        name: Optional[str] = None,
        description: Optional[str] = None,
        idempotent: bool = False,
        idempotent_when: Iterable[names.Condition] = (),
        parallel: bool = False,
    ) -> Union[Function, Callable[[Function], Function]]:
        """Makes a function a tool; a decorator, with or without arguments.

        The tool's parameters are the function's: their types become a JSON Schema, those with a default may be left
        out, ``Annotated[str, "…"]`` describes one. Its description is the docstring. What the function returns is the
        call's result: text as it is, attachments and lists of texts
        and attachments as such, anything else as JSON. An exception is an error that the model is told;
        ``fermata.Pause`` asks people. The function may be ``async``.

        ``idempotent``: executing it twice does what executing it once does. ``idempotent_when``: it does for calls to
        whose arguments all these conditions apply, for example ``[{"pointer": "/mode", "equals": '"read"'}]``.
        ``parallel``: it may execute beside other calls of the same step that may as well.

        Raises ``TypeError`` for a parameter that JSON has no value for.
        """

        def register(function: Function) -> Function:
            spec = pb.ToolSpec(
                name=name or function.__name__,
                description=inspect.cleandoc(description or function.__doc__ or ""),
                parameters=json.dumps(schema_of_parameters(function), ensure_ascii=False),
                idempotent=idempotent,
                idempotent_when=[c for c in (built(s, pb.Condition) for s in idempotent_when) if c],
                parallel=parallel,
                by_worker=True,
            )
            if spec.name in self._tools:
                raise ValueError(f"there is a tool {spec.name} already")
            self._tools[spec.name] = _Tool(function, spec)
            return function

        return register if function is None else register(function)

    @property
    def tools(self) -> List[pb.ToolSpec]:
        """What it serves, as the server is told."""
        return [tool.spec for tool in self._tools.values()]

    def run(self, *, ready: Optional[Callable[[], None]] = None, on_signals: bool = True) -> None:
        """Serves until ``stop``, then lets the calls that execute come to their end. ``ready`` is called once the
        tools are registered: agents can be launched with them from then on.

        On the main thread SIGTERM and SIGINT stop it, unless ``on_signals`` is false; the second one cancels the calls
        that execute and does not wait for them.

        Raises ``FermataError`` when the server refuses the worker or its tools, or is not there at the beginning.
        """
        if not self._tools:
            raise ValueError("a worker without tools has nothing to do")
        signals = [signal.SIGTERM, signal.SIGINT] if on_signals else []
        if threading.current_thread() is not threading.main_thread():
            signals = []
        before = {number: signal.signal(number, lambda *_: self._on_signal()) for number in signals}
        if signals:
            # Whoever started the process may have handed its own thread's mask on.
            signal.pthread_sigmask(signal.SIG_UNBLOCK, signals)
        leases = threading.Thread(target=self._keep_leases, name="fermata-leases", daemon=True)
        try:
            self.client.register_tools(self.name, self.tools, cancel=self._stopping)
            log.info("%s serves %s", self.name, ", ".join(self._tools))
            leases.start()
            if ready is not None:
                ready()
            self._take()
        except Cancelled:
            pass
        finally:
            self._stopping.ring()
            self._finish()
            for number, handler in before.items():
                signal.signal(number, handler)

    def stop(self, grace: Optional[float] = None) -> None:
        """Takes no more calls. ``run`` returns when those that execute have come to their end; with ``grace`` they are
        cancelled after so many seconds and not waited for. Threads: any."""
        if grace is not None:
            self._grace = time.monotonic() + grace
        self._stopping.ring()

    def _on_signal(self) -> None:
        # In the middle of anything on the main thread: takes no lock that it may hold.
        if self._stopping.is_ringing:
            self._grace = time.monotonic()
        else:
            self.stop()

    def _take(self) -> None:
        """Takes calls until the worker is to stop."""
        pauses = Pauses()
        was_away = False
        while True:
            free = self._free_threads()
            asked = time.monotonic()
            offers: List[pb.CallOffer] = []
            failure: Optional[FermataError] = None
            try:
                if was_away:
                    self._register_again()
                    was_away = False
                offers = self.client._take_calls_once(
                    self.name, list(self._tools), limit=free, wait=LONG_POLL, cancel=self._stopping
                )
            except FermataError as error:
                if not error.retryable:
                    raise
                was_away = was_away or isinstance(error, NotRunning)
                failure = error
            was_held = bool(offers) or time.monotonic() - asked >= LONG_POLL / 2
            wait(time.monotonic() + pauses.after(was_held, failure), cancel=self._stopping)
            for offer in offers:
                execution = _Execution(self, offer)
                with self._lock:
                    self._executions.append(execution)
                execution.start()

    def _register_again(self) -> None:
        """The server that comes back may be one that does not know the tools."""
        try:
            self.client.register_tools(self.name, self.tools, cancel=self._stopping)
        except FermataError as error:
            if not error.retryable:
                raise

    def _free_threads(self) -> int:
        """How many more calls may execute: waits until it is one at least."""
        with self._lock:
            while len(self._executions) >= self.threads:
                self._lock.wait(0.2)
                if self._stopping.is_ringing:
                    raise Cancelled
            return self.threads - len(self._executions)

    def _keep_leases(self) -> None:
        """Extends the leases of the calls that execute, until there is none and none comes any more."""
        while True:
            with self._lock:
                self._lock.wait(self.lease / 3)
                executions = list(self._executions)
            if not executions and self._stopping.is_ringing:
                return
            for execution in executions:
                execution.extend()

    def _finish(self) -> None:
        """Waits for the calls that execute."""
        while True:
            with self._lock:
                if not self._executions:
                    self._lock.notify_all()
                    return
                if self._grace is not None and time.monotonic() >= self._grace:
                    for execution in self._executions:
                        execution.cancel()
                    return
                self._lock.wait(0.2)

    def _ended(self, execution: "_Execution") -> None:
        with self._lock:
            self._executions.remove(execution)
            self._lock.notify_all()


class _Execution:
    """One call, from the offer to its completion, on a thread of its own."""

    def __init__(self, worker: Worker, offer: pb.CallOffer) -> None:
        self._worker = worker
        self._offer = offer
        self._call: Optional[CurrentCall] = None
        self._extended = time.monotonic()

    def start(self) -> None:
        name = f"fermata-{self._offer.tool}"
        threading.Thread(target=contextvars.copy_context().run, args=(self._run,), name=name, daemon=True).start()

    def cancel(self) -> None:
        if self._call is not None:
            self._call._cancelled.set()

    def extend(self, output: str = "") -> None:
        """Keeps the call; learns here that it was cancelled."""
        call, worker = self._call, self._worker
        if call is None or call.cancelled or not (output or time.monotonic() - self._extended >= worker.lease / 4):
            return
        try:
            self._extended = time.monotonic()
            worker.client.extend_call(
                call.run,
                call.number,
                call.attempt,
                worker.name,
                lease=worker.lease,
                output=output,
                timeout=max(1.0, worker.lease / 3),
            )
        except FermataError as error:
            if error.class_ in ("STATE", "NOT_FOUND"):
                log.info("%s of run %s is cancelled: %s", call.tool, call.run, error)
                call._cancelled.set()
            else:
                log.warning("the lease of %s could not be extended: %s", call.tool, error)

    def _run(self) -> None:
        worker, offer = self._worker, self._offer
        try:
            reply = worker.client.start_call(offer, worker.name, lease=worker.lease)
            self._extended = time.monotonic()
            self._call = CurrentCall(reply.call, offer.run, reply.workspace, lambda text: self.extend(text))
            _current.set(self._call)
            self._complete(self._outcome(worker._tools[offer.tool].function, reply.call.arguments))
        except FermataError as error:
            if error.code in ("CALL_TAKEN", "CALL_ENDED"):
                log.debug("%s of run %s: %s", offer.tool, offer.run, error)
            else:
                log.warning("%s of run %s: %s", offer.tool, offer.run, error)
                # What the server refuses it will offer again: not in a busy loop.
                time.sleep(_RETRY)
        except Exception:
            log.exception("%s of run %s", offer.tool, offer.run)
        finally:
            worker._ended(self)

    def _outcome(self, function: Callable[..., Any], text: str) -> Dict[str, Any]:
        """Runs the function: what the call is to be completed with."""
        try:
            result = function(**arguments_from(function, text))
            if inspect.iscoroutine(result):
                result = asyncio.run(result)
            return {"pause": result.question} if isinstance(result, Pause) else {"result": _shown(result)}
        except Pause as pause:
            return {"pause": pause.question}
        except ToolError as error:
            return {"error": str(error)}
        except (Exception, SystemExit) as error:
            log.exception("%s of run %s failed", self._offer.tool, self._offer.run)
            return {"error": f"{type(error).__name__}: {error}"}

    def _complete(self, outcome: Dict[str, Any]) -> None:
        """Tells the server, for as long as it is away: what was done must not be lost."""
        call, worker = self._call, self._worker
        assert call is not None
        request_id = str(uuid.uuid4())
        while True:
            try:
                worker.client.complete_call(
                    call.run, call.number, call.attempt, worker.name, request_id=request_id, **outcome
                )
                return
            except FermataError as error:
                if error.class_ in ("INVALID", "CLIENT") and not error.retryable and "error" not in outcome:
                    # Too long, for example. The model is to know, and to have its result.
                    outcome, request_id = {"error": f"the tool's result was refused: {error}"}, str(uuid.uuid4())
                elif not error.retryable or worker._grace is not None and time.monotonic() >= worker._grace:
                    raise
                else:
                    time.sleep(_RETRY)


def _shown(result: Any) -> Content:
    """What the model is shown of what a function returned."""
    if isinstance(result, str) or is_content(result):
        return result
    if result is None:
        return ""
    if dataclasses.is_dataclass(result) and not isinstance(result, type):
        result = dataclasses.asdict(result)
    return json.dumps(result, ensure_ascii=False)
