/// What a supervisor says on its control socket: `struct report` of fermata-supervisor/report.h.
enum SupervisorReport: Equatable {
    /// The number of the supervisor's second process.
    case keeper(Int32)
    /// The command could not be started.
    case failed(step: Step, code: Int32)
    /// The command itself has ended. `killed`: a kill had been asked for before.
    case ended(status: Int32, killed: Bool)
    /// A process of the supervisor was killed from outside.
    case broken
    /// No descendant is left.
    case noneLeft

    enum Step: Int32 {
        case fork = 1
        case directory = 2
        case execute = 3
    }

    /// Three 32-bit integers in the machine's byte order; nil for anything else.
    static let byteCount = 12

    init?(_ bytes: UnsafeRawBufferPointer) {
        guard bytes.count == SupervisorReport.byteCount else { return nil }
        let value = bytes.loadUnaligned(fromByteOffset: 4, as: Int32.self)
        let detail = bytes.loadUnaligned(fromByteOffset: 8, as: Int32.self)
        switch UnicodeScalar(UInt32(bitPattern: bytes.loadUnaligned(as: Int32.self))) {
        case "P": self = .keeper(value)
        case "F":
            guard let step = Step(rawValue: detail) else { return nil }
            self = .failed(step: step, code: value)
        case "E": self = .ended(status: value, killed: detail != 0)
        case "X": self = .broken
        case "N": self = .noneLeft
        default: return nil
        }
    }
}
