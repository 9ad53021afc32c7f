"""Serving tools, against a server that hands out calls."""
import json
import queue
import threading
import time
import unittest
from typing import Annotated

import fermata
from fermata import messages as pb

from .fake_server import FakeServer, refused, reply

RUN = "01a1fd62-0ace-73f3-b7a9-654f5c091bd4"


class Desk:
    """What the fake server has for workers: calls to offer, and how they ended."""

    def __init__(self):
        self.server = None
        self.offers = queue.Queue()
        self.completed = queue.Queue()
        self.extended = queue.Queue()
        self.refused = queue.Queue()
        self.registered = []
        self.ended = set()
        self.refusals = {}
        self.arguments = {}

    def offer(self, tool, arguments, number=1, attempt=1):
        self.arguments[number] = (tool, arguments)
        self.offers.put(pb.CallOffer(run=RUN, call=number, attempt=attempt, tool=tool, arguments=arguments))

    def answer(self, found):
        kind, body = found[0].type, found[0].body
        if kind == pb.REGISTER_TOOLS:
            self.registered.append(pb.RegisterTools.FromString(body))
            return reply(kind, pb.RegisterToolsReply(changed=True))
        if kind == pb.TAKE_CALLS:
            return reply(kind, pb.TakeCallsReply(offers=self.wait(pb.TakeCalls.FromString(body).wait_ms / 1000)))
        if self.refusals.get(kind):
            self.refused.put(kind)
            return self.refusals[kind].pop()
        if kind == pb.START_CALL:
            start = pb.StartCall.FromString(body)
            tool, arguments = self.arguments[start.call]
            call = pb.Call(number=start.call, tool=tool, arguments=arguments, attempt=start.attempt)
            return reply(kind, pb.CommandReply(call=call, workspace="/work"))
        if kind == pb.EXTEND_CALL:
            extend = pb.ExtendCall.FromString(body)
            self.extended.put(extend)
            return refused("CALL_ENDED") if extend.call in self.ended else reply(kind, pb.ExtendCallReply())
        complete = pb.CompleteCall.FromString(body)
        if len(body) > 1 << 20:
            return refused("INVALID_ARGUMENT", "INVALID", message="the result is too long")
        self.completed.put(complete)
        return reply(kind, pb.CommandReply())


    def wait(self, seconds):
        """As the server does: holds the worker until there is a call."""
        end = time.monotonic() + seconds
        while time.monotonic() < end and not self.server.is_ending:
            try:
                return [self.offers.get(timeout=0.05)]
            except queue.Empty:
                pass
        return []


class Workers(unittest.TestCase):
    def serve(self, *functions, lease=30.0, threads=4, **flags):
        self.desk = Desk()
        self.server = FakeServer(self.desk.answer)
        self.desk.server = self.server
        self.addCleanup(self.server.__exit__)
        self.worker = fermata.Worker(fermata.Client(self.server.url), name="w", lease=lease, threads=threads)
        for function in functions:
            self.worker.tool(**flags)(function) if flags else self.worker.tool(function)
        ready = threading.Event()
        self.thread = threading.Thread(target=lambda: self.worker.run(ready=ready.set))
        self.thread.start()
        self.assertTrue(ready.wait(10) and self.desk.registered)
        self.addCleanup(self.end)
        return self.desk

    def end(self):
        self.worker.stop()
        self.thread.join(10)
        self.assertFalse(self.thread.is_alive())

    def outcome(self):
        return self.desk.completed.get(timeout=10)

    def test_what_it_registers(self):
        def add(a: int, b: Annotated[int, "the other"] = 2) -> int:
            """Adds.

            Two numbers.
            """
            return a + b

        desk = self.serve(add, idempotent=True, parallel=True)
        desk.offer("add", '{"a": 40}')
        done = self.outcome()
        self.assertEqual((done.result, done.run, done.call, done.attempt, done.worker), ("42", RUN, 1, 1, "w"))
        spec = desk.registered[0].tools[0]
        self.assertEqual((spec.name, spec.description), ("add", "Adds.\n\nTwo numbers."))
        self.assertTrue(spec.idempotent and spec.parallel and spec.by_worker)
        self.assertEqual(json.loads(spec.parameters)["properties"]["b"]["description"], "the other")

    def test_results(self):
        values = ["text", None, {"a": [1, "é"]}, True]

        def tool(which: int):
            return values[which]

        desk = self.serve(tool)
        for number, text in enumerate(["text", "", '{"a": [1, "é"]}', "true"]):
            desk.offer("tool", json.dumps({"which": number}), number)
            done = self.outcome()
            self.assertEqual((done.WhichOneof("outcome"), done.result), ("result", text))

    def test_errors(self):
        def tool(how: str):
            if how == "value":
                raise ValueError("no such thing")
            if how == "told":
                raise fermata.ToolError("told as it is")
            if how == "exit":
                raise SystemExit(3)
            return object()

        desk = self.serve(tool)
        with self.assertLogs("fermata.worker"):
            for number, (arguments, error) in enumerate(
                [
                    ('{"how": "value"}', "ValueError: no such thing"),
                    ('{"how": "told"}', "told as it is"),
                    ('{"how": "exit"}', "SystemExit: 3"),
                    ('{"how": "strange"}', "TypeError: Object of type object is not JSON serializable"),
                    ('{"what": 1}', "ValueError: there is no parameter 'what'"),
                    ("no JSON", "JSONDecodeError: Expecting value: line 1 column 1 (char 0)"),
                ]
            ):
                desk.offer("tool", arguments, number)
                done = self.outcome()
                self.assertEqual((done.WhichOneof("outcome"), done.error), ("error", error))

    def test_a_result_that_is_refused_is_an_error(self):
        def tool():
            return "x" * (2 << 20)

        def larger():
            return "x" * (5 << 20)

        desk = self.serve(tool, larger)
        desk.offer("tool", "{}")
        self.assertIn("the result is too long", self.outcome().error)
        desk.offer("larger", "{}", 2)
        self.assertIn("more than the 4194304 of a message", self.outcome().error)

    def test_pauses(self):
        def returned():
            return fermata.Pause("Sure?", context="all of it", urgency="HIGH", yes_no=True)

        def raised():
            raise fermata.Pause("Which?", choices=["a", "b"], deadline=1.5, default="a")

        async def asked():
            return fermata.Pause("How much?", schema=float, deadline=60)

        desk = self.serve(returned, raised, asked)
        desk.offer("returned", "{}", 1)
        question = self.outcome().pause
        self.assertEqual((question.question, question.context, question.urgency), ("Sure?", "all of it", pb.HIGH))
        self.assertEqual((question.format.form, question.at_deadline), (pb.YES_NO, pb.NEVER))
        desk.offer("raised", "{}", 2)
        question = self.outcome().pause
        self.assertEqual((question.format.form, list(question.format.choices)), (pb.CHOICE, ["a", "b"]))
        self.assertEqual(
            (question.deadline_ms, question.at_deadline, question.default_answer), (1500, pb.DEFAULT, "a")
        )
        desk.offer("asked", "{}", 3)
        question = self.outcome().pause
        self.assertEqual((question.format.form, question.format.schema), (pb.JSON, '{"type": "number"}'))
        self.assertEqual(question.at_deadline, pb.REJECT_IT)

    def test_a_lease_is_kept_until_the_call_ends(self):
        go = threading.Event()

        def tool():
            fermata.current_call().show("begun")
            go.wait(20)
            return "done"

        desk = self.serve(tool, lease=0.3)
        desk.offer("tool", "{}")
        shown = desk.extended.get(timeout=10)
        self.assertEqual((shown.output, shown.lease_ms), ("begun", 300))
        for _ in range(5):
            self.assertEqual(desk.extended.get(timeout=10).worker, "w")
        go.set()
        self.assertEqual(self.outcome().result, "done")

    def test_a_cancelled_call_learns_it(self):
        def tool():
            call = fermata.current_call()
            found.append((call.run, call.number, call.attempt, call.tool, call.workspace, call.arguments))
            return str(call.wait_cancelled(20))

        found = []
        desk = self.serve(tool, lease=0.3)
        desk.ended.add(7)
        desk.offer("tool", "{}", 7, 2)
        self.assertEqual(self.outcome().result, "True")
        self.assertEqual(found, [(RUN, 7, 2, "tool", "/work", "{}")])
        self.assertRaises(LookupError, fermata.current_call)

    def test_who_comes_too_late_does_not_execute(self):
        def tool(number: int):
            found.append(number)

        found = []
        desk = self.serve(tool)
        desk.refusals[pb.START_CALL] = [refused("CALL_TAKEN")]
        desk.offer("tool", '{"number": 1}')
        desk.refused.get(timeout=10)
        desk.offer("tool", '{"number": 2}', 2)
        self.outcome()
        self.assertEqual(found, [2])

    def test_several_at_once_and_no_more(self):
        begun, go = queue.Queue(), threading.Event()

        def tool():
            begun.put(None)
            go.wait(20)

        desk = self.serve(tool, threads=3)
        for number in range(4):
            desk.offer("tool", "{}", number)
        for _ in range(3):
            begun.get(timeout=10)
        self.assertEqual(desk.offers.qsize(), 1)
        go.set()
        for _ in range(4):
            self.outcome()

    def test_an_orderly_end_waits_for_what_executes(self):
        begun, go = threading.Event(), threading.Event()

        def tool():
            begun.set()
            go.wait(20)
            return "done"

        desk = self.serve(tool)
        desk.offer("tool", "{}")
        begun.wait(10)
        self.worker.stop()
        go.set()
        self.thread.join(10)
        self.assertEqual(self.outcome().result, "done")

    def test_a_grace_does_not_wait_for_ever(self):
        begun = threading.Event()

        def tool():
            begun.set()
            self.assertTrue(fermata.current_call().wait_cancelled(20))

        desk = self.serve(tool)
        desk.offer("tool", "{}")
        begun.wait(10)
        self.worker.stop(grace=0.1)
        self.thread.join(10)
        self.assertFalse(self.thread.is_alive())

    def test_a_restart_of_the_server_loses_no_result(self):
        begun, go = threading.Event(), threading.Event()

        def tool():
            begun.set()
            go.wait(20)
            return "done"

        desk = self.serve(tool, lease=0.3)
        desk.offer("tool", "{}")
        begun.wait(10)
        self.server.stop()
        go.set()
        self.server.start()
        self.assertEqual(self.outcome().result, "done")
        desk.offer("tool", "{}", 2)
        self.assertEqual(self.outcome().call, 2)

    def test_a_refused_worker_ends(self):
        with FakeServer(lambda _: refused("FORBIDDEN", "INVALID")) as server:
            worker = fermata.Worker(fermata.Client(server.url))
            worker.tool(len_of_text)
            with self.assertRaises(fermata.FermataError) as caught:
                worker.run()
            self.assertEqual(caught.exception.code, "FORBIDDEN")

    def test_mistakes_are_told_when_the_tool_is_made(self):
        worker = fermata.Worker(fermata.Client("/nowhere"))
        worker.tool(len_of_text)
        with self.assertRaises(ValueError):
            worker.tool(len_of_text)
        with self.assertRaises(TypeError):
            worker.tool(lambda data, *more: 1)
        for wrong in [
            {"yes_no": True, "choices": ["a"]},
            {"default": "a"},
        ]:
            with self.assertRaises(ValueError):
                fermata.Pause("?", **wrong)


def len_of_text(text: str) -> int:
    return len(text)
