"""Reads: they change nothing."""
from __future__ import annotations

import time
from typing import Iterable, Iterator, Optional

from . import _names as names
from . import fermata_pb2 as pb
from ._core import NAME, Core, Moment, micros
from ._waiting import Pauses
from ._waiting import wait as rest
from ._errors import FermataError, TimedOut

#: Seconds that a waiting read waits at the server at a time.
LONG_POLL = 20.0


class Reads(Core):
    """Each raises ``FermataError``."""

    def hello(self) -> pb.HelloReply:
        """Who the server is, its limits, and the URLs of its event sockets."""
        return self.request(pb.Hello(client=NAME), pb.HelloReply)

    def get_run(
        self, run: str, *, until: Iterable[names.Status] = (), wait: float = 0.0, calls: bool = False
    ) -> pb.GetRunReply:
        """One run; with ``calls`` also the calls of its current step and the messages not delivered yet.

        With ``until`` it waits at the server, at most ``wait`` seconds (25 is the most), until the run has had one of
        these statuses; ``.matched`` says whether it had. Refused as WRONG_STATUS when none of them can come any more.
        A server that has no place for one more who waits answers at once: ``wait_until`` pauses then.
        """
        message = pb.GetRun(run=run, until=until, wait_ms=round(wait * 1000), calls=calls)
        return self.request(message, pb.GetRunReply, timeout=self.timeout + wait)

    def wait_until(self, run: str, *statuses: names.Status, timeout: Optional[float] = None) -> pb.RunSummary:
        """Waits until the run has had one of these statuses, for as long as it takes, restarts of the server
        included; or, with ``timeout``, so many seconds and then raises ``TimedOut``.

        The summary is the run's as it is then: it may have moved on already. A status that lasted for a moment only
        is not missed, but for a server that has no place for one more who waits: that is asked every two seconds or more
        often.

        Raises ``FermataError`` with the code WRONG_STATUS as soon as none of them can come any more: the run was stopped.
        """
        if not statuses:
            raise ValueError("a status to wait for is needed")
        deadline = None if timeout is None else time.monotonic() + timeout
        known = self._connections.has_connected
        pauses = Pauses()
        while True:
            asked = time.monotonic()
            left = LONG_POLL if deadline is None else min(LONG_POLL, max(0.0, deadline - asked))
            # Who waits for a time only is not kept longer by a server that is away.
            patience = left + (self.timeout if deadline is None else min(self.timeout, 1.0))
            message = pb.GetRun(run=run, until=statuses, wait_ms=round(left * 1000))
            failure: Optional[FermataError] = None
            try:
                reply = self._request_once(message, pb.GetRunReply, timeout=patience)
                if reply.matched:
                    return reply.run
                known = True
            except FermataError as error:
                # It was there a moment ago, or has taken the question: it is asked again until it is back.
                if not error.retryable or not (known or error.code == "TIMED_OUT"):
                    raise
                failure = error
            until = time.monotonic() + pauses.after(time.monotonic() - asked >= left / 2, failure)
            rest(until if deadline is None else min(until, deadline))
            if deadline is not None and time.monotonic() >= deadline:
                raise TimedOut(f"the run has had none of these statuses in {timeout} s")

    def list_runs(
        self,
        *,
        status: Iterable[names.Status] = (),
        agent: str = "",
        parent: str = "",
        created_after: Optional[Moment] = None,
        created_before: Optional[Moment] = None,
        oldest_first: bool = False,
        page: int = 0,
    ) -> Iterator[pb.RunSummary]:
        """All runs that fit, newest first; read page by page (of ``page`` rows) as they are asked for."""
        message = pb.ListRuns(
            status=status,
            agent=agent,
            parent=parent,
            created_after_at=micros(created_after),
            created_before_at=micros(created_before),
            oldest_first=oldest_first,
            limit=page,
        )
        while True:
            reply = self.request(message, pb.ListRunsReply)
            yield from reply.runs
            if not reply.next:
                return
            message.after = reply.next

    def list_asks(self, run: str = "", *, tokens: bool = False, page: int = 0) -> Iterator[pb.Ask]:
        """Open asks of a run, or of all, oldest first; with ``tokens`` each has the token that answers it from
        outside."""
        message = pb.ListAsks(run=run, tokens=tokens, limit=page)
        while True:
            reply = self.request(message, pb.ListAsksReply)
            yield from reply.asks
            if not reply.next:
                return
            message.after = reply.next

    def read_events(
        self, run: str = "", *, after: int = 0, limit: int = 0, wait: float = 0.0
    ) -> pb.ReadEventsReply:
        """A page of events after number ``after``: of a run by ``seq``, without ``run`` of all runs by ``offset``.
        With ``wait`` it waits at the server, at most so many seconds (25 is the most), for one to exist. A server that
        has no place for one more who waits answers at once, without events: pause before you ask again."""
        message = pb.ReadEvents(run=run, after=after, limit=limit, wait_ms=round(wait * 1000))
        return self.request(message, pb.ReadEventsReply, timeout=self.timeout + wait)

    def get_agent(self, name: str) -> pb.StoredAgent:
        """An agent as it is stored."""
        return self.request(pb.GetAgent(name=name), pb.GetAgentReply).agent

    def list_agents(self, *, page: int = 0) -> Iterator[pb.StoredAgent]:
        """Stored agents in order of their names, without their system prompts."""
        message = pb.ListAgents(limit=page)
        while True:
            reply = self.request(message, pb.ListAgentsReply)
            yield from reply.agents
            if not reply.next:
                return
            message.after = reply.next

    def get_usage(
        self,
        *,
        run: str = "",
        agent: str = "",
        since: Optional[Moment] = None,
        until: Optional[Moment] = None,
    ) -> Iterator[pb.UsageRow]:
        """What model calls have used, by run, model and day (UTC). Several rows may be of the same three: add them up."""
        message = pb.GetUsage(run=run, agent=agent, since_at=micros(since), until_at=micros(until))
        while True:
            reply = self.request(message, pb.GetUsageReply)
            yield from reply.rows
            if not reply.next:
                return
            message.after = reply.next

    def stats(self) -> pb.StatsReply:
        """Counts and sizes of the server."""
        return self.request(pb.Stats(), pb.StatsReply)
