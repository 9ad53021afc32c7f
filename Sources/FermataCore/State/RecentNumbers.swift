/// Some of the last numbers of things that are numbered from 1: those of which something is remembered. The state of a run
/// does not grow with what is over.
struct RecentNumbers: Sendable, Equatable {
    /// So far back anything is remembered.
    static let span: UInt32 = 1024

    /// In their order.
    private(set) var all: [UInt32] = []

    init(_ all: [UInt32] = []) { self.all = all }

    /// Whether anything is remembered of a number, where `last` is the last there is.
    static func remembers(_ number: UInt32, of last: UInt32) -> Bool {
        number > 0 && number <= last && last - number < span
    }

    func contains(_ number: UInt32) -> Bool { all.place(of: number) { $0 } != nil }

    mutating func insert(_ number: UInt32, last: UInt32) {
        guard !contains(number) else { return }
        all.insert(number, at: (all.lastIndex { $0 < number } ?? -1) + 1)
        forget(last: last)
    }

    /// Forgets what is too far back.
    mutating func forget(last: UInt32) {
        guard let first = all.first, !Self.remembers(first, of: last) else { return }
        all.removeAll { !Self.remembers($0, of: last) }
    }
}
