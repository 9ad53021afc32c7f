#!/usr/bin/env python3
"""Steers a run: it holds after each selection of calls, its calls of one tool get other arguments before they run, and
their approvals are given for exactly these.

    python3 orchestrator.py "Deploy the new version" --tool deploy --set environment=staging
"""
import argparse
import json

import fermata
from fermata import messages as pb


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("task", nargs="?", default="Deploy the new version")
    options.add_argument("--tool", default="deploy", help="whose calls are edited")
    options.add_argument("--set", default="environment=staging", help="the argument that they get", metavar="NAME=VALUE")
    given = options.parse_args()
    name, _, value = given.set.partition("=")
    client = fermata.Client(by="orchestrator")
    gate = {"tools": [{"tool": given.tool, "gate": "ASK"}]}
    run = client.launch(given.task, tools=[given.tool], hold_at="SELECTION", policy=gate).run.id

    def approve() -> None:
        for ask in client.list_asks(run):
            if ask.kind == pb.APPROVAL and json.loads(ask.arguments).get(name) == value:
                print("approved", ask.tool, ask.arguments)
                client.approve(ask)

    for event in client.tail(run):
        if event.HasField("held") and event.held.cause == pb.SELECTION:
            for call in client.get_run(run, calls=True).calls:
                if call.state in (pb.SELECTED, pb.ASKING) and call.tool == given.tool:
                    print("selected", call.tool, call.arguments)
                    edited = {**json.loads(call.arguments), name: value}
                    client.decide_call(run, call.number, "EDIT", arguments=edited)
            approve()
            client.resume(run)
        elif event.HasField("ask_opened"):
            approve()
        elif client.get_run(run).run.status in (pb.FINISHED, pb.FAILED, pb.STOPPED):
            break
    end = client.get_run(run).run
    print(f"{pb.Status.Name(end.status)}: {end.last_message or end.failure.message}")


if __name__ == "__main__":
    main()
