"""Events without gaps, whatever the sockets lose, double or turn around."""
import random
import threading
import unittest
import uuid

import fermata
from fermata import messages as pb

from .fake_server import FakeServer, refused, reply

RUN = str(uuid.uuid4())


class Journal:
    """What the fake server has in its journal, and how it is read."""

    def __init__(self):
        self.events = []
        self.lock = threading.Lock()
        self.reads = 0

    def add(self):
        with self.lock:
            number = len(self.events) + 1
            event = pb.Event(run=RUN, seq=number, offset=number, stopped=pb.Stopped(), reason=f"reason {number}")
            self.events.append(event)
            return event

    def answer(self, found):
        if found[0].type == pb.GET_RUN:
            return reply(pb.GET_RUN, pb.GetRunReply(run=pb.RunSummary(id=RUN)))
        asked = pb.ReadEvents.FromString(found[0].body)
        with self.lock:
            self.reads += 1
            page = self.events[asked.after : asked.after + 7]
            more = asked.after + 7 < len(self.events)
            return reply(pb.READ_EVENTS, pb.ReadEventsReply(events=page, last=len(self.events), more=more))


class Collector(threading.Thread):
    """Reads a tail on a thread of its own."""

    def __init__(self, tail):
        super().__init__(daemon=True)
        self.tail = tail
        self.found = []
        self.arrived = threading.Condition()
        self.start()

    def run(self):
        for event in self.tail:
            with self.arrived:
                self.found.append(event)
                self.arrived.notify_all()

    def wait(self, count):
        with self.arrived:
            return self.arrived.wait_for(lambda: len(self.found) >= count, 30)


class Tails(unittest.TestCase):
    def collect(self, server, run):
        tail = fermata.Client(server.url).tail(run)
        collector = Collector(tail)
        server.subscribers.acquire()
        self.addCleanup(collector.join, 10)
        self.addCleanup(tail.close)
        return collector

    def expect_all(self, collector, journal):
        self.assertTrue(collector.wait(len(journal.events)), f"{len(collector.found)} of {len(journal.events)}")
        self.assertEqual(collector.found, journal.events)

    def test_random_losses_doubles_and_disorder(self):
        chance = random.Random(7)
        for run in ["", RUN]:
            journal = Journal()
            for _ in range(20):
                journal.add()
            with FakeServer(journal.answer) as server:
                collector = self.collect(server, run)
                waiting = []
                for number in range(2000):
                    event = journal.add()
                    if chance.random() < 0.1:
                        event = pb.Event(run=RUN, seq=event.seq, offset=event.offset, truncated=True)
                    waiting.extend([event] * chance.choice([0, 1, 1, 1, 1, 2]))
                    if chance.random() < 0.2:
                        chance.shuffle(waiting)
                    while waiting and chance.random() < 0.7:
                        server.publish(b"e", pb.EVENT, waiting.pop(0))
                server.publish(b"t", pb.TICK, pb.Tick(last_offset=len(journal.events)))
                self.expect_all(collector, journal)

    def test_what_arrives_live_is_not_read(self):
        journal = Journal()
        with FakeServer(journal.answer) as server:
            collector = self.collect(server, RUN)
            for _ in range(100):
                server.publish(b"e", pb.EVENT, journal.add())
                self.expect_all(collector, journal)
            # It reads at its beginning, and after its connection.
            self.assertLess(journal.reads, 10)

    def test_a_loss_that_no_event_shows_is_shown_by_a_tick(self):
        for run in ["", RUN]:
            journal = Journal()
            with FakeServer(journal.answer) as server:
                collector = self.collect(server, run)
                server.publish(b"e", pb.EVENT, journal.add())
                self.assertTrue(collector.wait(1))
                journal.add()
                server.publish(b"t", pb.TICK, pb.Tick(last_offset=2))
                self.expect_all(collector, journal)

    def test_a_restart_with_events_meanwhile(self):
        journal = Journal()
        with FakeServer(journal.answer) as server:
            collector = self.collect(server, RUN)
            for _ in range(3):
                server.publish(b"e", pb.EVENT, journal.add())
                self.expect_all(collector, journal)
                server.stop()
                for _ in range(20):
                    journal.add()
                server.start()
                self.expect_all(collector, journal)

    def test_events_of_others_and_what_is_no_event_are_skipped(self):
        journal = Journal()
        with FakeServer(journal.answer) as server:
            collector = self.collect(server, RUN)
            server.publish(b"e", pb.EVENT, pb.Event(run=str(uuid.uuid4()), seq=1, offset=1))
            for data in [b"", b"e", b"e" * 17, b"e" * 40, b"t" + bytes(16) + b"\0\0\0\1\1\0\1\0\xff"]:
                server.publish_raw(b"e" + uuid.UUID(RUN).bytes + data)
            server.publish(b"t", 300, pb.Tick())
            server.publish(b"e", pb.EVENT, journal.add())
            self.expect_all(collector, journal)

    def test_a_refusal_ends_it(self):
        def answer(found):
            return refused("FORBIDDEN", "INVALID") if found[0].type == pb.READ_EVENTS else journal.answer(found)

        journal = Journal()
        with FakeServer(answer) as server:
            with self.assertRaises(fermata.FermataError) as caught:
                next(fermata.Client(server.url).tail(RUN))
            self.assertEqual(caught.exception.code, "FORBIDDEN")

    def test_overload_does_not(self):
        journal = Journal()
        journal.add()

        def answer(found):
            if found[0].type == pb.READ_EVENTS and len(server.requests) < 6:
                return refused("OVERLOADED", "UNAVAILABLE", True, 1)
            return journal.answer(found)

        with FakeServer(answer) as server:
            self.assertEqual(next(fermata.Client(server.url, timeout=0.05).tail(RUN)).seq, 1)

    def test_closing_it_ends_a_wait(self):
        journal = Journal()
        with FakeServer(journal.answer) as server:
            collector = self.collect(server, "")
            collector.tail.close()
            collector.join(10)
            self.assertFalse(collector.is_alive())

    def test_after(self):
        journal = Journal()
        for _ in range(30):
            journal.add()
        with FakeServer(journal.answer) as server, fermata.Client(server.url).tail(after=25) as tail:
            self.assertEqual([next(tail).offset for _ in range(5)], [26, 27, 28, 29, 30])


class Texts(unittest.TestCase):
    def test_text_as_it_streams(self):
        with FakeServer(lambda _: None) as server, fermata.Client(server.url).text() as text:
            # The race: the client's end of the connection is there, and the server's is not yet.
            server.readers_of_text.acquire()
            for number in range(1, 4):
                server.publish(b"d", pb.TEXT_DELTA, pb.TextDelta(run=RUN, number=number, text="a"), socket=2)
            self.assertEqual([next(text).number for _ in range(3)], [1, 2, 3])
