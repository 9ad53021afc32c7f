import Testing
import Threads

@Suite struct MailboxTests {
    /// Whoever interrupts waits for a commit: it is of so many bytes, and of one item at least.
    @Test func aBatchHasSoManyBytes() {
        let mailbox = Mailbox<Int>()
        for number in 1...6 { mailbox.put(number, bytes: number * 10) }
        mailbox.put(0, isUrgent: true, bytes: 1000)
        func take(_ bytes: Int, atMost limit: Int = 100) -> [Int] {
            mailbox.take(until: 0, atMost: limit, bytes: bytes)
        }
        #expect(take(30) == [0, 1, 2])
        #expect(take(5) == [3])
        #expect(take(1000, atMost: 1) == [4])
        #expect(take(50) == [5])
        mailbox.put(7)
        #expect(take(60) == [6, 7])
        #expect(take(60).isEmpty && mailbox.count == 0)
    }
}
