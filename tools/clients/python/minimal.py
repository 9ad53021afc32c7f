#!/usr/bin/env python3
"""A client of Fermata in one file, made of nothing but nng and the messages: what the package beside it does for you.
Launches a run, prints its events, pauses it at its first model call, resumes it, and prints how it ended.

    pip install .                          (here: for pynng, protobuf and the messages)
    python3 minimal.py ipc:///path/of/control.sock --model MODEL --task TEXT

Exits with 0 when the run finished or waits for a person, with 1 when it failed or the server refused something.
"""
import argparse, random, struct, sys, time, uuid
import pynng
from fermata import messages as pb


def ask(socket, kind, message, reply):
    """Sends one frame and returns its reply: eight bytes of header, then a message."""
    body = message.SerializeToString()
    socket.send(struct.pack(">IHBB", len(body), kind, 1, 0) + body)
    answer = socket.recv()
    length, answered, _, _ = struct.unpack_from(">IHBB", answer)
    if answered == pb.ERROR:
        error = pb.Error.FromString(answer[8 : 8 + length])
        sys.exit(f"refused: {error.code}: {error.message}")
    return reply.FromString(answer[8 : 8 + length])


def new():
    """What every command carries: an id of its own (sent twice, it acts once), and who sends it."""
    return {"request_id": str(uuid.uuid4()), "by": "minimal.py"}


def pause():
    """A server that has no place for one more who waits answers at once: whoever asks again at once does so for ever."""
    time.sleep(random.uniform(0, 1))


def wait(socket, run, *statuses):
    """Waits for one of these statuses, for as long as it takes: the server answers when it comes, nobody polls."""
    while True:
        got = ask(socket, pb.GET_RUN, pb.GetRun(run=run, until=statuses, wait_ms=20_000), pb.GetRunReply)
        if got.matched:
            return got.run
        pause()


def main():
    options = argparse.ArgumentParser(description="Launch, watch, pause and resume a run.")
    options.add_argument("control", help="URL of the control socket")
    options.add_argument("--model", default="", help="provider/model; the server's default without it")
    options.add_argument("--task", required=True, help="the run's first message")
    given = options.parse_args()
    with pynng.Req0(dial=given.control, block_on_dial=True, recv_timeout=40_000) as socket:
        hello = ask(socket, pb.HELLO, pb.Hello(client="minimal.py"), pb.HelloReply)
        print(f"{hello.server}, protocol {hello.protocol_version}")
        launch = pb.Launch(task=given.task, model=given.model, **new())
        run = ask(socket, pb.LAUNCH, launch, pb.CommandReply).run.id
        print(f"launched {run}")
        seen, paused = 0, False
        while True:  # every event once, in order: read what comes after the last one, and wait where there is none
            read = pb.ReadEvents(run=run, after=seen, wait_ms=20_000)
            events = ask(socket, pb.READ_EVENTS, read, pb.ReadEventsReply).events
            for event in events:
                print(f"{event.seq:4}  {event.WhichOneof('kind')}", flush=True)
                seen = event.seq
                if event.HasField("model_called") and not paused:
                    paused = True
                    ask(socket, pb.PAUSE, pb.Pause(run=run, reason="to show that it works", **new()), pb.CommandReply)
                    print(f"      {pb.Status.Name(wait(socket, run, pb.PAUSED).status)}")
                    ask(socket, pb.RESUME, pb.Resume(run=run, **new()), pb.CommandReply)
            if not events:
                pause()
            now = ask(socket, pb.GET_RUN, pb.GetRun(run=run), pb.GetRunReply).run
            if now.status in (pb.WAITING, pb.FINISHED, pb.FAILED, pb.STOPPED) and now.last_seq == seen:
                print(f"{pb.Status.Name(now.status)}: {now.last_message or now.failure.message}")
                sys.exit(now.status in (pb.FAILED, pb.STOPPED))


if __name__ == "__main__":
    main()
