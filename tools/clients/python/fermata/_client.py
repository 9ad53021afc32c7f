"""A client of a Fermata server."""
from __future__ import annotations

from types import TracebackType
from typing import Optional, Type

from ._administration import Administration
from ._asks import AskCommands
from ._runs import RunCommands
from ._tail import Streams
from ._workers import WorkerCommands


class Client(RunCommands, AskCommands, Streams, WorkerCommands, Administration):
    """Every command of a Fermata server as a method. Threads: any; not across ``fork``.

        client = fermata.Client()
        run = client.launch("Tell me a story").run.id
        print(client.wait_until(run, "FINISHED", "FAILED").last_message)

    ``server`` is the URL of its control socket, or its directory; left out, the server is found as the command line
    finds it (FERMATA_CONTROL, FERMATA_DIR, the configuration file, ~/.local/state/fermata). ``token`` is needed over the
    network. ``timeout`` is for how many seconds a request is tried. ``by`` is who sends the commands, as the journal
    will have it; without it the server sees who the user is.

    Nothing is connected before the first request. Each method raises ``FermataError``: ``NotRunning`` at once if no
    server was ever there, other failures that pass (a restart, too much to do) when the time is over. A command acts
    once, however often it had to be sent.
    """

    def __enter__(self) -> "Client":
        return self

    def __exit__(
        self, kind: Optional[Type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        self.close()
