"""Requests and replies, against a server that misbehaves."""
import os
import random
import signal
import threading
import unittest

import fermata
from fermata import messages as pb
from fermata._address import control_url
from fermata._frames import Frame, frames

from .fake_server import FakeServer, refused, reply

RUN = "01a1fd62-0ace-73f3-b7a9-654f5c091bd4"


def command_reply(_):
    return reply(pb.PAUSE, pb.CommandReply(changed=True))


class Requests(unittest.TestCase):
    def test_a_command_and_what_it_carries(self):
        with FakeServer(command_reply) as server, fermata.Client(server.directory, by="me") as client:
            self.assertTrue(client.pause(RUN, reason="lunch", if_seq=0).changed)
            client.pause(RUN)
            first, second = (pb.Pause.FromString(frames(data)[0].body) for data in server.requests)
            self.assertEqual((first.run, first.by, first.reason, first.if_seq), (RUN, "me", "lunch", 0))
            self.assertTrue(first.HasField("if_seq"))
            self.assertFalse(second.HasField("if_seq"))
            self.assertNotEqual(first.request_id, second.request_id)
            self.assertEqual(len(first.request_id), 36)

    def test_a_refusal_is_an_exception_with_all_of_it(self):
        error = pb.Error(code="WRONG_STATUS", message="the run is stopped", retry_after_ms=7)
        setattr(error, "class", "STATE")
        error.details.add(key="status", value="STOPPED")
        with FakeServer(lambda _: Frame(pb.ERROR, error.SerializeToString()).encoded()) as server:
            with self.assertRaises(fermata.FermataError) as caught:
                fermata.Client(server.url).pause(RUN)
            found = caught.exception
            self.assertEqual((found.code, found.class_, found.message), ("WRONG_STATUS", "STATE", "the run is stopped"))
            self.assertEqual((found.retryable, found.retry_after_ms), (False, 7))
            self.assertEqual(found.details, {"status": "STOPPED"})
            self.assertEqual(len(server.requests), 1)

    def test_what_passes_is_sent_again_the_same_bytes(self):
        answers = [
            refused("OVERLOADED", "UNAVAILABLE", True, 5),
            refused("SHUTTING_DOWN", "UNAVAILABLE", True),
            refused("A_CODE_OF_TOMORROW", "UNAVAILABLE", True),
            command_reply(None),
        ]
        with FakeServer(lambda _: answers[len(server.requests) - 1]) as server:
            fermata.Client(server.url).pause(RUN)
            self.assertEqual(len(server.requests), 4)
            self.assertEqual(len(set(server.requests)), 1)

    def test_patience_ends_with_the_last_refusal(self):
        with FakeServer(lambda _: refused("OVERLOADED", "UNAVAILABLE", True, 20)) as server:
            with self.assertRaises(fermata.FermataError) as caught:
                fermata.Client(server.url, timeout=0.3).pause(RUN)
            self.assertEqual(caught.exception.code, "OVERLOADED")
            self.assertGreater(len(server.requests), 1)

    def test_a_full_store_is_not_waited_for(self):
        with FakeServer(lambda _: refused("STORE_FULL", "UNAVAILABLE", True)) as server:
            with self.assertRaises(fermata.FermataError):
                fermata.Client(server.url).pause(RUN)
            self.assertEqual(len(server.requests), 1)

    def test_no_answer_is_a_time_out_and_the_next_request_works(self):
        with FakeServer(lambda _: None if len(server.requests) == 1 else command_reply(None)) as server:
            client = fermata.Client(server.url, timeout=0.2)
            with self.assertRaises(fermata.TimedOut) as caught:
                client.pause(RUN)
            self.assertIsInstance(caught.exception, TimeoutError)
            client.pause(RUN)

    def test_nobody_there_is_told_at_once(self):
        with self.assertRaises(fermata.NotRunning) as caught:
            fermata.Client("/nowhere/at/all").hello()
        self.assertIsInstance(caught.exception, ConnectionError)
        self.assertIn("ipc:///nowhere/at/all/control.sock", str(caught.exception))
        for wrong in ["carrier://pigeon", "tcp://no port", "ipc://"]:
            with self.subTest(wrong), self.assertRaises(fermata.NotRunning):
                fermata.Client(wrong).hello()

    def test_a_restart_in_the_middle_of_a_request(self):
        # The race: the connection breaks when the server has the command and its reply has not come.
        arrived, back = threading.Event(), threading.Event()

        def answer(_):
            if back.is_set():
                return command_reply(None)
            arrived.set()
            return None

        with FakeServer(answer) as server:
            client = fermata.Client(server.url)
            found = []
            thread = threading.Thread(target=lambda: found.append(client.pause(RUN)))
            thread.start()
            arrived.wait()
            server.stop()
            back.set()
            server.start()
            thread.join(20)
            self.assertTrue(found and found[0].changed)
            self.assertEqual(len(set(server.requests)), 1)

    def test_control_c_ends_a_wait(self):
        def answer(_):
            signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)

        with FakeServer(answer) as server:
            before = signal.signal(signal.SIGINT, signal.default_int_handler)
            # Whoever started this process may have blocked it.
            signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])
            try:
                with self.assertRaises(KeyboardInterrupt):
                    fermata.Client(server.url).pause(RUN)
            finally:
                signal.signal(signal.SIGINT, before)

    def test_what_is_larger_than_a_message_is_not_sent(self):
        with FakeServer(command_reply) as server:
            with self.assertRaises(fermata.TooLarge):
                fermata.Client(server.url).send(RUN, "x" * (4 << 20))
            self.assertEqual(server.requests, [])

    def test_the_token_comes_first(self):
        def answer(found):
            if pb.Auth.FromString(found[0].body).token != "secret":
                return refused("UNAUTHENTICATED") * 2
            return reply(pb.AUTH, pb.AuthReply()) + command_reply(None)

        with FakeServer(answer) as server:
            fermata.Client(server.url, token="secret").pause(RUN)
            with self.assertRaises(fermata.FermataError) as caught:
                fermata.Client(server.url, token="guess").pause(RUN)
            self.assertEqual(caught.exception.code, "UNAUTHENTICATED")
            self.assertEqual([frame.type for frame in frames(server.requests[0])], [pb.AUTH, pb.PAUSE])

    def test_a_hundred_threads(self):
        def answer(found):
            run = pb.GetRun.FromString(found[0].body).run
            return reply(pb.GET_RUN, pb.GetRunReply(run=pb.RunSummary(id=run)))

        with FakeServer(answer) as server:
            client = fermata.Client(server.url)
            wrong = []

            def ask(number):
                for count in range(10):
                    run = f"{number}-{count}"
                    if client.get_run(run).run.id != run:
                        wrong.append(run)

            threads = [threading.Thread(target=ask, args=(number,)) for number in range(100)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            self.assertEqual((wrong, len(server.requests)), ([], 1000))


class HostileReplies(unittest.TestCase):
    def test_none_is_taken_for_a_reply(self):
        good = command_reply(None)
        for name, data in [
            ("nothing", b""),
            ("half a header", good[:5]),
            ("half a body", good[:-1]),
            ("a byte too many", good + b"\0"),
            ("two replies", good + good),
            ("another reply", reply(pb.STOP, pb.CommandReply())),
            ("a request", Frame(pb.PAUSE, b"").encoded()),
            ("another version", Frame(pb.PAUSE | 0x8000, b"", version=2).encoded()),
            ("a body that is no message", Frame(pb.PAUSE | 0x8000, b"\xff\xff\xff").encoded()),
            ("an error that is no message", Frame(pb.ERROR, b"\xff\xff\xff").encoded()),
            ("a length without end", b"\xff\xff\xff\xff" + good[4:]),
            ("a reply to a token that was not sent", reply(pb.AUTH, pb.AuthReply()) + good),
        ]:
            with self.subTest(name), FakeServer(lambda _: data) as server:
                with self.assertRaises(fermata.BadReply):
                    fermata.Client(server.url).pause(RUN)

    def test_random_ones(self):
        chance = random.Random(2)
        good = command_reply(None)

        def answer(_):
            data = bytearray(good)
            for _ in range(chance.randint(1, 4)):
                data[chance.randrange(len(data))] = chance.randrange(256)
            return bytes(data)

        with FakeServer(answer) as server:
            client = fermata.Client(server.url, timeout=5)
            for _ in range(1000):
                try:
                    self.assertIsInstance(client.pause(RUN), pb.CommandReply)
                except fermata.FermataError as error:
                    self.assertTrue(error.code in ("BAD_REPLY", ""), error.code)

    def test_unknown_fields_are_skipped(self):
        with FakeServer(lambda _: Frame(pb.PAUSE | 0x8000, b"\x10\x01\xf8\x3f\x01").encoded()) as server:
            self.assertTrue(fermata.Client(server.url).pause(RUN).changed)


class Reading(unittest.TestCase):
    def test_lists_have_all_pages(self):
        def answer(found):
            after = pb.ListRuns.FromString(found[0].body).after
            number = int(after or 0)
            runs = [pb.RunSummary(id=str(number * 2 + each)) for each in range(2 if number < 2 else 0)]
            return reply(pb.LIST_RUNS, pb.ListRunsReply(runs=runs, next=str(number + 1) if number < 2 else ""))

        with FakeServer(answer) as server:
            found = [run.id for run in fermata.Client(server.url).list_runs(status=["PAUSED"])]
            self.assertEqual(found, ["0", "1", "2", "3"])
            self.assertEqual(pb.ListRuns.FromString(frames(server.requests[0])[0].body).status, [pb.PAUSED])

    def test_a_checkpoint_in_parts(self):
        text = "né€😀" * 400_000
        stored = {}

        def answer(found):
            if found[0].type == pb.EXPORT:
                after = int(pb.Export.FromString(found[0].body).after or 0)
                end = after + 300_000
                page = pb.ExportReply(text=text[after:end], next=str(end) if end < len(text) else "")
                return reply(pb.EXPORT, page)
            part = pb.Import.FromString(found[0].body)
            stored[part.part] = part
            return reply(pb.IMPORT, pb.CommandReply(run=pb.RunSummary(id=RUN)))

        with FakeServer(answer) as server:
            client = fermata.Client(server.url)
            self.assertEqual(client.export(RUN), text)
            self.assertEqual(client.import_(text, start=True, answer="").run.id, RUN)
            parts = [stored[number] for number in range(1, len(stored) + 1)]
            self.assertGreater(len(parts), 1)
            self.assertEqual("".join(part.text for part in parts), text)
            self.assertEqual(len({part.upload for part in parts}), 1)
            self.assertEqual(len({part.request_id for part in parts}), len(parts))
            self.assertEqual([part.last for part in parts], [False] * (len(parts) - 1) + [True])
            self.assertTrue(parts[-1].start and parts[-1].HasField("answer"))

    def test_waiting_goes_on_over_a_restart(self):
        asked, back = threading.Event(), threading.Event()

        def answer(_):
            if not back.is_set():
                asked.set()
                return reply(pb.GET_RUN, pb.GetRunReply()) if len(server.requests) == 1 else None
            return reply(pb.GET_RUN, pb.GetRunReply(matched=True, run=pb.RunSummary(id=RUN)))

        with FakeServer(answer) as server:
            client = fermata.Client(server.url)
            found = []
            thread = threading.Thread(target=lambda: found.append(client.wait_until(RUN, "FINISHED", pb.FAILED)))
            thread.start()
            asked.wait()
            server.stop()
            back.set()
            server.start()
            thread.join(20)
            self.assertEqual(found[0].id, RUN)

    def test_waiting_for_a_time(self):
        with FakeServer(lambda _: reply(pb.GET_RUN, pb.GetRunReply())) as server:
            with self.assertRaises(fermata.TimedOut):
                fermata.Client(server.url).wait_until(RUN, "FINISHED", timeout=0.1)

    def test_an_answer_to_an_approval_names_what_was_shown(self):
        ask = pb.Ask(run=RUN, number=3, arguments_sha256="ab")
        with FakeServer(lambda _: reply(pb.ANSWER, pb.CommandReply())) as server:
            client = fermata.Client(server.url)
            client.approve(ask, sticky=[{"pointer": "/amount", "less": 10}])
            client.edit(ask, {"amount": 1})
            client.reject(ask, "too much")
            approved, edited, rejected = (pb.Answer.FromString(frames(data)[0].body) for data in server.requests)
            for answer in (approved, edited, rejected):
                self.assertEqual((answer.run, answer.ask), (RUN, 3))
            self.assertEqual((approved.verdict, approved.arguments_sha256), (pb.APPROVE, "ab"))
            self.assertEqual(approved.sticky.when[0].less, 10)
            self.assertEqual((edited.verdict, edited.arguments), (pb.EDIT, '{"amount": 1}'))
            self.assertEqual((rejected.verdict, rejected.text), (pb.REJECT, "too much"))
            self.assertFalse(rejected.HasField("sticky"))

    def test_names_that_the_schema_does_not_have(self):
        client = fermata.Client("/nowhere")
        for wrong in [
            lambda: client.send(RUN, "x", delivery="LATER"),
            lambda: client.launch(policy={"tolls": []}),
            lambda: client.wait_until(RUN),
            lambda: client.wait_until(RUN, "DONE"),
            lambda: client.complete_call(RUN, 1, 1, "w", result="a", error="b"),
        ]:
            # Before anything is sent: nobody listens there.
            with self.assertRaises(ValueError):
                wrong()


class Address(unittest.TestCase):
    def test_the_first_that_is_there(self):
        with FakeServer(None) as server:
            folder = server.directory
            file = os.path.join(folder, "fermata.yaml")
            with open(file, "w", encoding="utf-8") as out:
                out.write("# mine\nmodel: openai/gpt-4o\ndir: '/in/file'  # here\n")
            home = {"HOME": "/home/me"}
            for server_, environment, url in [
                ("tcp://host:1", home, "tcp://host:1"),
                ("/a/b/", {"FERMATA_DIR": "/c"}, "ipc:///a/b/control.sock"),
                (None, {**home, "FERMATA_CONTROL": "ipc:///x", "FERMATA_DIR": "/c"}, "ipc:///x"),
                (None, {**home, "FERMATA_CONFIG": file, "FERMATA_DIR": "/c"}, "ipc:///c/control.sock"),
                (None, {**home, "FERMATA_CONFIG": file}, "ipc:///in/file/control.sock"),
                (None, {**home, "XDG_STATE_HOME": "/s"}, "ipc:///s/fermata/control.sock"),
                (None, home, "ipc:///home/me/.local/state/fermata/control.sock"),
            ]:
                self.assertEqual(control_url(server_, environment), url)
