public import FermataProtocol
internal import SwiftProtobuf

extension Run {
    /// A message that the model has not been shown.
    public struct QueuedMessage: Sendable, Equatable {
        public let number: UInt32
        public let delivery: FermataDelivery
    }

    /// Messages to the run: those that wait, in the order in which they came. Their texts stay in the journal.
    public struct Messages: Sendable, Equatable, RandomAccessCollection {
        private var queue: [QueuedMessage] = []
        private var withdrawn = RecentNumbers()
        /// How many there have been: they are numbered from 1.
        private(set) var last: UInt32 = 0
        /// Messages that wait and are of delivery `NOW`.
        private(set) var urgent = 0
        /// The beginning of the first one: what the run is about.
        public private(set) var task = ""

        init() {}

        public var startIndex: Int { 0 }
        public var endIndex: Int { queue.count }
        public subscript(index: Int) -> QueuedMessage { queue[index] }

        /// Whether the message waits.
        func isWaiting(_ number: UInt32) -> Bool { place(of: number) != nil }

        /// Whether the message is known to have been shown to the model. Of old ones that is forgotten.
        func isDelivered(_ number: UInt32) -> Bool {
            RecentNumbers.remembers(number, of: last) && !withdrawn.contains(number) && !isWaiting(number)
        }

        private func place(of number: UInt32) -> Int? { queue.place(of: number, by: \.number) }

        mutating func apply(_ message: FermataMessageQueued) {
            last = Swift.max(last, message.number)
            queue.append(QueuedMessage(number: message.number, delivery: message.delivery))
            if message.delivery == .now { urgent += 1 }
            // A character can be of any length: the bytes are bounded first, a list of runs carries this for each.
            if task.isEmpty { task = String(message.text.prefix(utf8Bytes: Run.taskBytes).prefix(200)) }
        }

        mutating func withdraw(_ number: UInt32) {
            withdrawn.insert(number, last: last)
            remove([number])
        }

        mutating func remove(_ numbers: [UInt32]) {
            guard !numbers.isEmpty else { return }
            let numbers = Set(numbers)
            queue.removeAll { numbers.contains($0.number) }
            countUrgent()
        }

        private mutating func countUrgent() { urgent = queue.count { $0.delivery == .now } }
    }

    /// How much of the first message the summary carries, in bytes.
    static let taskBytes = 800
}

extension Array {
    /// The place of the element with a number, in an array that is in the order of the numbers.
    func place(of number: UInt32, by key: (Element) -> UInt32) -> Int? {
        var (low, high) = (0, count)
        while low < high {
            let middle = (low + high) / 2
            if key(self[middle]) < number { low = middle + 1 } else { high = middle }
        }
        return low < count && key(self[low]) == number ? low : nil
    }
}

// MARK: - Snapshot

extension Run.Messages {
    init(_ snapshot: SnapshotMessages) {
        queue = snapshot.queue.map { Run.QueuedMessage(number: $0.number, delivery: $0.delivery) }
        withdrawn = RecentNumbers(snapshot.withdrawn)
        last = snapshot.last
        task = snapshot.task
        countUrgent()
    }

    var snapshot: SnapshotMessages {
        .with {
            $0.queue = queue.map { message in
                .with {
                    $0.number = message.number
                    $0.delivery = message.delivery
                }
            }
            $0.withdrawn = withdrawn.all
            $0.last = last
            $0.task = task
        }
    }
}
