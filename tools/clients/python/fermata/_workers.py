"""The commands that a worker serves tools with. ``fermata.Worker`` uses them; few others need to."""
from __future__ import annotations

from typing import Iterable, Iterator, List, Optional

from . import _names as names
from . import fermata_pb2 as pb
from ._blobs import BlobCommands
from ._content import Content, taken_apart
from ._core import built
from ._waiting import Waker


class WorkerCommands(BlobCommands):
    """Leases and waits are in seconds here."""

    def register_tools(
        self,
        worker: str,
        tools: Iterable[names.ToolSpec],
        *,
        by: Optional[str] = None,
        reason: str = "",
        request_id: Optional[str] = None,
        cancel: Optional[Waker] = None,
    ) -> pb.RegisterToolsReply:
        """Tells which tools workers serve. Agents and runs can name them from then on."""
        specs = [spec for spec in (built(tool, pb.ToolSpec) for tool in tools) if spec]
        message = pb.RegisterTools(worker=worker, tools=specs, **self._new(by, reason, request_id))
        return self.request(message, pb.RegisterToolsReply, cancel=cancel)

    def list_tools(self, *, page: int = 0) -> Iterator[pb.RegisteredTool]:
        """The server's own tools, then those that workers serve, by name."""
        message = pb.ListTools(limit=page)
        while True:
            reply = self.request(message, pb.ListToolsReply)
            yield from reply.tools
            if not reply.next:
                return
            message.after = reply.next

    def take_calls(
        self,
        worker: str,
        tools: Iterable[str],
        *,
        limit: int = 1,
        wait: float = 20.0,
        cancel: Optional[Waker] = None,
    ) -> List[pb.CallOffer]:
        """Waits, at most ``wait`` seconds (25 is the most), for calls of these tools. An offer is no promise:
        ``start_call`` says who has the call. A server that has no place for one more who waits answers at once, without
        calls: pause before you ask again, as ``fermata.Worker`` does."""
        message = pb.TakeCalls(worker=worker, tools=tools, limit=limit, wait_ms=round(wait * 1000))
        reply = self.request(message, pb.TakeCallsReply, timeout=self.timeout + wait, cancel=cancel)
        return list(reply.offers)

    def _take_calls_once(
        self, worker: str, tools: Iterable[str], *, limit: int, wait: float, cancel: Waker
    ) -> List[pb.CallOffer]:
        """As ``take_calls``, but what passes is raised: for whoever pauses and asks again."""
        message = pb.TakeCalls(worker=worker, tools=tools, limit=limit, wait_ms=round(wait * 1000))
        reply = self._request_once(message, pb.TakeCallsReply, timeout=self.timeout + wait, cancel=cancel)
        return list(reply.offers)

    def start_call(
        self,
        offer: pb.CallOffer,
        worker: str,
        *,
        lease: float = 30.0,
        by: Optional[str] = None,
        reason: str = "",
        request_id: Optional[str] = None,
    ) -> pb.CommandReply:
        """Takes an offered call. Once the reply is there it is the worker's, until the lease ends; ``.call`` of the
        reply is the call as it is to be executed. Refused as CALL_TAKEN when another worker was first."""
        message = pb.StartCall(
            run=offer.run,
            call=offer.call,
            attempt=offer.attempt,
            worker=worker,
            lease_ms=round(lease * 1000),
            **self._new(by, reason, request_id),
        )
        return self.request(message, pb.CommandReply)

    def extend_call(
        self,
        run: str,
        call: int,
        attempt: int,
        worker: str,
        *,
        lease: float = 30.0,
        output: str = "",
        timeout: Optional[float] = None,
    ) -> int:
        """Keeps a call; returns until when, in microseconds since 1970. Refused as CALL_ENDED when there is nothing to
        keep any more: whatever the worker does for it then counts for nothing."""
        message = pb.ExtendCall(
            run=run, call=call, attempt=attempt, worker=worker, lease_ms=round(lease * 1000), output=output
        )
        return self.request(message, pb.ExtendCallReply, timeout=timeout).lease_until

    def complete_call(
        self,
        run: str,
        call: int,
        attempt: int,
        worker: str,
        *,
        result: Optional[Content] = None,
        error: Optional[Content] = None,
        pause: Optional[names.Question] = None,
        by: Optional[str] = None,
        reason: str = "",
        request_id: Optional[str] = None,
    ) -> pb.CommandReply:
        """Ends a call, with exactly one of: its result, why it could not be done (both can have attachments), or a
        question to people whose answer becomes its result."""
        if [result, error, pause].count(None) != 2:
            raise ValueError("a call is completed with one of result, error and pause")
        content = result if result is not None else error
        text, blocks = taken_apart(content, self._put) if content is not None else (None, [])
        message = pb.CompleteCall(
            run=run,
            call=call,
            attempt=attempt,
            worker=worker,
            result=text if result is not None else None,
            error=text if error is not None else None,
            blocks=blocks,
            pause=built(pause, pb.Question),
            **self._new(by, reason, request_id),
        )
        return self.request(message, pb.CommandReply)
