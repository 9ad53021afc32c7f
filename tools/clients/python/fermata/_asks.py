"""Answers to what runs ask."""
from __future__ import annotations

from typing import Iterable, Optional

from . import _names as names
from . import fermata_pb2 as pb
from ._core import JSON, Core, built, text_of


class AskCommands(Core):
    """``by``, ``reason``, ``if_seq`` and ``request_id`` are as for the commands on runs."""

    def answer(
        self,
        run: str = "",
        ask: int = 0,
        text: str = "",
        *,
        verdict: names.Verdict = "VERDICT_UNSPECIFIED",
        arguments: JSON = "",
        arguments_sha256: str = "",
        sticky: Optional[Iterable[names.Condition]] = None,
        limits: Optional[names.Limits] = None,
        token: str = "",
        by: Optional[str] = None,
        reason: str = "",
        if_seq: Optional[int] = None,
        request_id: Optional[str] = None,
    ) -> pb.CommandReply:
        """Answers an ask: a question by its ``text``, any other by a ``verdict``.

        ``sticky`` makes the answer to an approval a rule for calls of the same tool to which these conditions apply
        (an empty list: to all of them). With an ask's ``token``, ``run`` and ``ask`` may be left out.
        """
        rule = None if sticky is None else pb.Sticky(when=[c for c in (built(s, pb.Condition) for s in sticky) if c])
        message = pb.Answer(
            run=run,
            ask=ask,
            text=text,
            verdict=verdict,
            arguments=text_of(arguments),
            arguments_sha256=arguments_sha256,
            sticky=rule,
            limits=built(limits, pb.Limits),
            token=token,
            if_seq=if_seq,
            **self._new(by, reason, request_id),
        )
        return self.request(message, pb.CommandReply)

    def approve(
        self,
        ask: pb.Ask,
        *,
        sticky: Optional[Iterable[names.Condition]] = None,
        by: Optional[str] = None,
        reason: str = "",
        request_id: Optional[str] = None,
    ) -> pb.CommandReply:
        """Lets exactly the call run that this ask shows: refused as STALE if it is another one by now."""
        return self.answer(
            ask.run,
            ask.number,
            verdict="APPROVE",
            arguments_sha256=ask.arguments_sha256,
            sticky=sticky,
            by=by,
            reason=reason,
            request_id=request_id,
        )

    def edit(
        self,
        ask: pb.Ask,
        arguments: JSON,
        *,
        by: Optional[str] = None,
        reason: str = "",
        request_id: Optional[str] = None,
    ) -> pb.CommandReply:
        """Lets the call that this ask shows run with other arguments."""
        return self.answer(
            ask.run,
            ask.number,
            verdict="EDIT",
            arguments=arguments,
            arguments_sha256=ask.arguments_sha256,
            by=by,
            reason=reason,
            request_id=request_id,
        )

    def reject(
        self,
        ask: pb.Ask,
        comment: str = "",
        *,
        sticky: Optional[Iterable[names.Condition]] = None,
        by: Optional[str] = None,
        reason: str = "",
        request_id: Optional[str] = None,
    ) -> pb.CommandReply:
        """Does not let the call run; the comment is its result."""
        return self.answer(
            ask.run,
            ask.number,
            comment,
            verdict="REJECT",
            sticky=sticky,
            by=by,
            reason=reason,
            request_id=request_id,
        )
