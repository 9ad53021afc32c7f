"""Commands on what is not a run: agents and tokens."""
from __future__ import annotations

from typing import Iterator, Optional

from . import _names as names
from . import fermata_pb2 as pb
from ._core import Core, Moment, built, micros


class Administration(Core):
    """``by``, ``reason`` and ``request_id`` are as for the commands on runs."""

    def put_agent(
        self,
        agent: names.Agent,
        *,
        if_version: Optional[int] = None,
        by: Optional[str] = None,
        reason: str = "",
        request_id: Optional[str] = None,
    ) -> pb.PutAgentReply:
        """Stores an agent under its name. With ``if_version`` only if that is the stored one's (0: there is none)."""
        message = pb.PutAgent(
            agent=built(agent, pb.Agent), if_version=if_version, **self._new(by, reason, request_id)
        )
        return self.request(message, pb.PutAgentReply)

    def create_token(
        self,
        name: str,
        scope: names.Scope,
        *,
        expires: Optional[Moment] = None,
        by: Optional[str] = None,
        reason: str = "",
        request_id: Optional[str] = None,
    ) -> pb.CreateTokenReply:
        """Makes a token; ``.secret`` of the reply is what a client is given."""
        message = pb.CreateToken(
            name=name, scope=scope, expires_at=micros(expires), **self._new(by, reason, request_id)
        )
        return self.request(message, pb.CreateTokenReply)

    def list_tokens(self, *, page: int = 0) -> Iterator[pb.Token]:
        """All tokens, without their secrets."""
        message = pb.ListTokens(limit=page)
        while True:
            reply = self.request(message, pb.ListTokensReply)
            yield from reply.tokens
            if not reply.next:
                return
            message.after = reply.next

    def revoke_token(
        self, id: str, *, by: Optional[str] = None, reason: str = "", request_id: Optional[str] = None
    ) -> pb.RevokeTokenReply:
        """Makes a token invalid, at once."""
        return self.request(pb.RevokeToken(id=id, **self._new(by, reason, request_id)), pb.RevokeTokenReply)
