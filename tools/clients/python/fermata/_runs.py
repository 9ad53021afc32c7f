"""Commands that make and steer runs."""
from __future__ import annotations

import uuid
from typing import Iterable, Mapping, Optional

from . import _names as names
from . import fermata_pb2 as pb
from ._blobs import BlobCommands
from ._content import Content, taken_apart
from ._core import JSON, Moment, built, micros, text_of

#: Characters of a checkpoint in one message: each has at most four bytes.
_PART = 512 << 10


class RunCommands(BlobCommands):
    """What they have in common: ``run`` is a run's id or a prefix of it that no other has, ``by`` says who sends the
    command (the client's own ``by`` when left out), ``reason`` why, ``if_seq`` refuses it as STALE unless that is the
    run's last event, ``request_id`` is made when left out (give one to repeat a command of an earlier process).
    The reply has the run's summary after the command. Each raises ``FermataError``.
    """

    def launch(
        self,
        task: Content = "",
        *,
        agent: str = "",
        model: str = "",
        workspace: str = "",
        system_prompt: str = "",
        tools: Iterable[str] = (),
        model_attempts: int = 0,
        fallback_models: Iterable[str] = (),
        patience_ms: int = 0,
        labels: Optional[Mapping[str, str]] = None,
        model_options: Optional[names.ModelOptions] = None,
        limits: Optional[names.Limits] = None,
        policy: Optional[names.Policy] = None,
        hold_at: names.HoldAt = "UNSPECIFIED",
        worker_tools: Iterable[names.ToolSpec] = (),
        parent: str = "",
        by: Optional[str] = None,
        reason: str = "",
        request_id: Optional[str] = None,
    ) -> pb.CommandReply:
        """Makes a run and, with a task, sets it going; the task can have attachments. Its id is ``.run.id`` of the reply. With a ``parent`` it stands still
        and stops with that run."""
        text, blocks = taken_apart(task, self._put)
        message = pb.Launch(
            task=text,
            blocks=blocks,
            agent=agent,
            model=model,
            workspace=workspace,
            system_prompt=system_prompt,
            tools=tools,
            model_attempts=model_attempts,
            fallback_models=fallback_models,
            patience_ms=patience_ms,
            labels=[pb.LabelEntry(key=key, value=value) for key, value in (labels or {}).items()],
            model_options=built(model_options, pb.ModelOptions),
            limits=built(limits, pb.Limits),
            policy=built(policy, pb.Policy),
            hold_at=hold_at,
            worker_tools=[tool for tool in (built(tool, pb.ToolSpec) for tool in worker_tools) if tool],
            parent=parent,
            **self._new(by, reason, request_id),
        )
        return self.request(message, pb.CommandReply)

    def send(
        self,
        run: str,
        text: Content,
        *,
        delivery: names.Delivery = "NEXT_STEP",
        by: Optional[str] = None,
        reason: str = "",
        if_seq: Optional[int] = None,
        request_id: Optional[str] = None,
    ) -> pb.CommandReply:
        """Queues a message for the model: text, or a list of texts and attachments. ``.message`` of the reply is its
        number in the run."""
        said, blocks = taken_apart(text, self._put)
        message = pb.Send(
            run=run,
            text=said,
            blocks=blocks,
            delivery=delivery,
            if_seq=if_seq,
            **self._new(by, reason, request_id),
        )
        return self.request(message, pb.CommandReply)

    def withdraw(
        self,
        run: str,
        message: int,
        *,
        by: Optional[str] = None,
        reason: str = "",
        if_seq: Optional[int] = None,
        request_id: Optional[str] = None,
    ) -> pb.CommandReply:
        """Takes back a message that the model has not been shown."""
        command = pb.Withdraw(run=run, message=message, if_seq=if_seq, **self._new(by, reason, request_id))
        return self.request(command, pb.CommandReply)

    def pause(
        self,
        run: str,
        *,
        resume_at: Optional[Moment] = None,
        resume_after_ms: int = 0,
        resume_token: bool = False,
        by: Optional[str] = None,
        reason: str = "",
        if_seq: Optional[int] = None,
        request_id: Optional[str] = None,
    ) -> pb.CommandReply:
        """Lets what is in flight finish and starts nothing new."""
        message = pb.Pause(
            run=run,
            resume_at=micros(resume_at),
            resume_after_ms=resume_after_ms,
            resume_token=resume_token,
            if_seq=if_seq,
            **self._new(by, reason, request_id),
        )
        return self.request(message, pb.CommandReply)

    def interrupt(
        self,
        run: str,
        *,
        resume_at: Optional[Moment] = None,
        resume_after_ms: int = 0,
        resume_token: bool = False,
        by: Optional[str] = None,
        reason: str = "",
        if_seq: Optional[int] = None,
        request_id: Optional[str] = None,
    ) -> pb.CommandReply:
        """Cuts what is in flight, now; the run is on hold."""
        message = pb.Interrupt(
            run=run,
            resume_at=micros(resume_at),
            resume_after_ms=resume_after_ms,
            resume_token=resume_token,
            if_seq=if_seq,
            **self._new(by, reason, request_id),
        )
        return self.request(message, pb.CommandReply)

    def resume(
        self,
        run: str = "",
        *,
        text: str = "",
        token: str = "",
        hold_at: names.HoldAt = "UNSPECIFIED",
        model: str = "",
        base_url: str = "",
        by: Optional[str] = None,
        reason: str = "",
        if_seq: Optional[int] = None,
        request_id: Optional[str] = None,
    ) -> pb.CommandReply:
        """Lifts the hold, or tries a failed step again. With the token of a hold, ``run`` may be left out."""
        message = pb.Resume(
            run=run,
            text=text,
            token=token,
            hold_at=hold_at,
            model=model,
            base_url=base_url,
            if_seq=if_seq,
            **self._new(by, reason, request_id),
        )
        return self.request(message, pb.CommandReply)

    def stop(
        self,
        run: str,
        *,
        by: Optional[str] = None,
        reason: str = "",
        if_seq: Optional[int] = None,
        request_id: Optional[str] = None,
    ) -> pb.CommandReply:
        """Ends the run for good."""
        message = pb.Stop(run=run, if_seq=if_seq, **self._new(by, reason, request_id))
        return self.request(message, pb.CommandReply)

    def decide_call(
        self,
        run: str,
        call: int,
        verdict: names.Verdict,
        *,
        arguments: JSON = "",
        text: str = "",
        arguments_sha256: str = "",
        by: Optional[str] = None,
        reason: str = "",
        if_seq: Optional[int] = None,
        request_id: Optional[str] = None,
    ) -> pb.CommandReply:
        """Edits (EDIT, with ``arguments``) or rejects (REJECT, with ``text`` for the model) a call that is selected
        and not started, while the run is on hold. It approves nothing."""
        message = pb.DecideCall(
            run=run,
            call=call,
            verdict=verdict,
            arguments=text_of(arguments),
            text=text,
            arguments_sha256=arguments_sha256,
            if_seq=if_seq,
            **self._new(by, reason, request_id),
        )
        return self.request(message, pb.CommandReply)

    def set_policy(
        self,
        run: str,
        policy: names.Policy,
        *,
        by: Optional[str] = None,
        reason: str = "",
        if_seq: Optional[int] = None,
        request_id: Optional[str] = None,
    ) -> pb.CommandReply:
        """Replaces the run's policy, for example ``{"tools": [{"tool": "deploy", "gate": "ASK"}]}``."""
        message = pb.SetPolicy(
            run=run, policy=built(policy, pb.Policy), if_seq=if_seq, **self._new(by, reason, request_id)
        )
        return self.request(message, pb.CommandReply)

    def set_budget(
        self,
        run: str,
        limits: names.Limits,
        *,
        by: Optional[str] = None,
        reason: str = "",
        if_seq: Optional[int] = None,
        request_id: Optional[str] = None,
    ) -> pb.CommandReply:
        """Replaces the run's limits, for example ``{"maxSteps": 20}``. Those that are left out are none."""
        message = pb.SetBudget(
            run=run, limits=built(limits, pb.Limits), if_seq=if_seq, **self._new(by, reason, request_id)
        )
        return self.request(message, pb.CommandReply)

    def fork(
        self,
        run: str,
        *,
        at: int = 0,
        start: bool = False,
        message: int = 0,
        text: str = "",
        call: int = 0,
        arguments: JSON = "",
        workspace: str = "",
        by: Optional[str] = None,
        reason: str = "",
        if_seq: Optional[int] = None,
        request_id: Optional[str] = None,
    ) -> pb.CommandReply:
        """Makes a new run of the beginning of this one, on hold unless ``start``. The reply is about the new run."""
        command = pb.Fork(
            run=run,
            at=at,
            start=start,
            message=message,
            text=text,
            call=call,
            arguments=text_of(arguments),
            workspace=workspace,
            if_seq=if_seq,
            **self._new(by, reason, request_id),
        )
        return self.request(command, pb.CommandReply)

    def export(
        self,
        run: str,
        *,
        handoff: bool = False,
        by: Optional[str] = None,
        reason: str = "",
        if_seq: Optional[int] = None,
        request_id: Optional[str] = None,
    ) -> str:
        """The run as a checkpoint: one JSON document. With ``handoff`` the run ends here for good first, to go on
        where the checkpoint is imported."""
        message = pb.Export(run=run)
        if handoff:
            message = pb.Export(run=run, handoff=True, if_seq=if_seq, **self._new(by, reason, request_id))
        parts = []
        while True:
            reply = self.request(message, pb.ExportReply)
            parts.append(reply.text)
            if not reply.next:
                return "".join(parts)
            message = pb.Export(run=run, after=reply.next)

    def import_(
        self,
        checkpoint: str,
        *,
        start: bool = False,
        workspace: str = "",
        answer: Optional[str] = None,
        verdict: names.Verdict = "VERDICT_UNSPECIFIED",
        by: Optional[str] = None,
        reason: str = "",
    ) -> pb.CommandReply:
        """Makes a run of a checkpoint, on hold unless ``start``. ``answer`` answers its one open ask and goes on."""
        upload = str(uuid.uuid4())
        parts = [checkpoint[begin : begin + _PART] for begin in range(0, len(checkpoint), _PART)] or [""]
        for number, text in enumerate(parts[:-1], 1):
            part = pb.Import(upload=upload, part=number, text=text, **self._new(by, reason, None))
            self.request(part, pb.CommandReply)
        last = pb.Import(
            upload=upload,
            part=len(parts),
            text=parts[-1],
            last=True,
            start=start,
            workspace=workspace,
            answer=answer,
            verdict=verdict,
            **self._new(by, reason, None),
        )
        return self.request(last, pb.CommandReply)
