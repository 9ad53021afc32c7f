"""Reads that wait, at a server that has no place for one more who waits, or is short of connections, or stopped."""
import threading
import time
import unittest
from unittest import mock

import pynng

import fermata
from fermata import messages as pb
from fermata._waiting import Pauses

from .fake_server import FakeServer, reply

RUN = "01a1fd62-0ace-73f3-b7a9-654f5c091bd4"


def got_run(matched):
    return reply(pb.GET_RUN, pb.GetRunReply(run=pb.RunSummary(id=RUN, status=pb.FINISHED), matched=matched))


class Waits(unittest.TestCase):
    def setUp(self):
        #: The spans of which pauses were a random part; the part is none, so that no test waits.
        self.spans = []

        def uniform(low, high):
            self.spans.append(high)
            return low

        patch = mock.patch("fermata._waiting.random.uniform", uniform)
        patch.start()
        self.addCleanup(patch.stop)

    def test_who_is_not_held_pauses_longer_each_time(self):
        with FakeServer(lambda _: got_run(len(server.requests) == 9)) as server:
            found = fermata.Client(server.url).wait_until(RUN, "FINISHED")
            self.assertEqual((found.id, len(server.requests)), (RUN, 9))
        self.assertEqual(self.spans, [0.1, 0.2, 0.4, 0.8, 1.6, 2.0, 2.0, 2.0])

    def test_who_was_held_asks_again_at_once(self):
        # Whatever takes longer than half of nothing was held.
        with FakeServer(lambda _: got_run(len(server.requests) == 9)) as server:
            with mock.patch("fermata._reads.LONG_POLL", 0.0):
                fermata.Client(server.url).wait_until(RUN, "FINISHED")
            self.assertEqual(len(server.requests), 9)
        self.assertEqual(self.spans, [])

    def test_a_time_of_ones_own_ends_a_pause(self):
        with mock.patch("fermata._waiting.random.uniform", lambda low, high: 3600.0):
            with FakeServer(lambda _: got_run(False)) as server:
                with self.assertRaises(fermata.TimedOut):
                    fermata.Client(server.url).wait_until(RUN, "FINISHED", timeout=0.3)

    def test_who_was_held_begins_with_the_shortest_pause(self):
        pauses = Pauses()
        for was_held in [False, False, False, True, False, False]:
            pauses.after(was_held, None)
        self.assertEqual(self.spans, [0.1, 0.2, 0.4, 0.1, 0.2])

    def test_a_connection_that_is_closed_in_the_midst_of_a_wait(self):
        arrived, back = threading.Event(), threading.Event()

        def answer(_):
            if back.is_set():
                return got_run(True)
            arrived.set()
            return None

        with FakeServer(answer) as server:
            client = fermata.Client(server.url)
            found = []
            thread = threading.Thread(target=lambda: found.append(client.wait_until(RUN, "FINISHED")))
            thread.start()
            self.assertTrue(arrived.wait(20))
            self.assertEqual(self.spans, [])
            back.set()
            server.close_connections()
            thread.join(20)
            self.assertEqual(found[0].id, RUN)
        self.assertEqual(self.spans, [0.1])

    def test_a_worker_that_is_not_held_pauses(self):
        started = threading.Event()

        def answer(found):
            if found[0].type == pb.REGISTER_TOOLS:
                return reply(pb.REGISTER_TOOLS, pb.RegisterToolsReply())
            if found[0].type == pb.START_CALL:
                started.set()
                return reply(pb.START_CALL, pb.CommandReply(call=pb.Call(tool="tool", arguments="{}")))
            if found[0].type == pb.COMPLETE_CALL:
                worker.stop()
                return reply(pb.COMPLETE_CALL, pb.CommandReply())
            self.asked += 1
            offers = [pb.CallOffer(run=RUN, call=1, attempt=1, tool="tool")] if self.asked == 7 else []
            return reply(pb.TAKE_CALLS, pb.TakeCallsReply(offers=offers))

        self.asked = 0
        with FakeServer(answer) as server:
            worker = fermata.Worker(fermata.Client(server.url))
            worker.tool(lambda: "done", name="tool")
            thread = threading.Thread(target=worker.run)
            thread.start()
            self.assertTrue(started.wait(20))
            thread.join(20)
            self.assertFalse(thread.is_alive())
        self.assertEqual(self.spans[:6], [0.1, 0.2, 0.4, 0.8, 1.6, 2.0])


class Connections(unittest.TestCase):
    def test_a_server_that_does_not_shake_hands_is_waited_for(self):
        # It is stopped: nng gives up after ten seconds, each time, and the server is there nevertheless.
        dial = pynng.Req0.dial
        tries = []

        def dial_in_vain(socket, *arguments, **options):
            tries.append(socket)
            if len(tries) < 4:
                raise pynng.Timeout("Timed out", 5)
            return dial(socket, *arguments, **options)

        with FakeServer(lambda _: reply(pb.INTERRUPT, pb.CommandReply(changed=True))) as server:
            with mock.patch.object(pynng.Req0, "dial", dial_in_vain):
                self.assertTrue(fermata.Client(server.url).interrupt(RUN).changed)
        self.assertEqual(len(tries), 4)

    def test_and_for_no_longer_than_one_wants(self):
        def dial(socket, *arguments, **options):
            raise pynng.Timeout("Timed out", 5)

        with FakeServer(lambda _: None) as server, mock.patch.object(pynng.Req0, "dial", dial):
            with self.assertRaises(fermata.TimedOut):
                fermata.Client(server.url, timeout=0.2).interrupt(RUN)

    def test_a_server_that_closes_newcomers_is_asked_again(self):
        dial = pynng.Req0.dial
        errors = [pynng.TryAgain("Try again", 8), pynng.NNGException("Connection shutdown", 31)]

        def dial_in_vain(socket, *arguments, **options):
            if errors:
                raise errors.pop()
            return dial(socket, *arguments, **options)

        with FakeServer(lambda _: reply(pb.INTERRUPT, pb.CommandReply(changed=True))) as server:
            with mock.patch.object(pynng.Req0, "dial", dial_in_vain):
                self.assertTrue(fermata.Client(server.url).interrupt(RUN).changed)

    def test_an_idle_connection_that_was_closed_does_not_come_back_before_it_is_needed(self):
        with FakeServer(lambda _: reply(pb.PAUSE, pb.CommandReply())) as server:
            client = fermata.Client(server.url)
            client.pause(RUN)
            self.assertEqual((len(client._connections._idle), server.connections), (1, 1))
            server.close_connections()
            while client._connections._idle[0].is_connected:
                time.sleep(0.01)
            client.pause(RUN)
            self.assertEqual(server.connections, 2)

    def test_of_few_connections_a_quarter_is_kept(self):
        for limit, kept in [(0, 6), (2, 1), (6, 1), (12, 3), (1000, 6)]:
            together = threading.Barrier(6)

            def answer(_):
                together.wait(20)
                return reply(pb.PAUSE, pb.CommandReply())

            with self.subTest(limit), FakeServer(answer) as server:
                server.hello.max_connections = limit
                client = fermata.Client(server.url)
                threads = [threading.Thread(target=client.pause, args=(RUN,)) for _ in range(6)]
                for thread in threads:
                    thread.start()
                for thread in threads:
                    thread.join(20)
                self.assertEqual(len(client._connections._idle), kept)
