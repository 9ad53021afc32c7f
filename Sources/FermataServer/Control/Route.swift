internal import FermataProtocol
internal import SwiftProtobuf

/// What takes the frames of some types: those of one noun.
protocol FrameHandler: Sendable {
    /// One for each type.
    var routes: [Route] { get }
}

/// Where the frames of one type go. It is made from the method that takes their message, so its type is the message's.
struct Route: Sendable {
    /// Takes a frame's message. It completes exactly once, or throws and does not complete.
    ///
    /// Threads: it is called on nng's, or on the one that decides the later frames of messages; it must not block.
    typealias Take<Request> = @Sendable (Request, Exchange, @escaping Exchange.Completion) throws -> Void

    let type: FermataFrameType
    /// Decodes a frame and has it taken; completes or throws as `Take` does.
    let take: Take<Frame>

    /// - Parameter entry: refuses the command for what `take` throws, unless it is a repeat.
    static func command<C: Command>(_ entry: CommandEntry, _ take: @escaping Take<C>) -> Route {
        precondition(isCommand(C.frameType), "\(C.frameType) is no command")
        return Route(type: C.frameType) { frame, exchange, complete in
            let command = try message(C.self, in: frame)
            entry.refusing(command, complete) { try take(command, exchange, complete) }
        }
    }

    /// For what is no command: reads, and Auth. What `take` throws is the answer.
    static func read<Request: ControlRequest>(_ take: @escaping Take<Request>) -> Route {
        precondition(!isCommand(Request.frameType), "\(Request.frameType) is a command")
        return Route(type: Request.frameType) { frame, exchange, complete in
            try take(message(Request.self, in: frame), exchange, complete)
        }
    }

    private static func isCommand(_ type: FermataFrameType) -> Bool {
        FrameKind.of(UInt16(type.rawValue))?.effect == .command
    }

    private static func message<M: SwiftProtobuf.Message>(_ type: M.Type, in frame: Frame) throws -> M {
        let message: M
        do {
            message = try M(serializedBytes: frame.body)
        } catch {
            throw Refusal(.badMessage, "the body is not a \(M.protoMessageName)")
        }
        try StrictnessVisitor.check(message)
        return message
    }
}

/// The routes of all types of frames, by their numbers.
struct RouteTable: Sendable {
    private let byNumber: [Route?]

    /// - Precondition: of each type there is one route at most.
    init(_ routes: [Route]) {
        var byNumber = [Route?](repeating: nil, count: (routes.map(\.type.rawValue).max() ?? 0) + 1)
        for route in routes {
            precondition(byNumber[route.type.rawValue] == nil, "\(route.type) has two routes")
            byNumber[route.type.rawValue] = route
        }
        self.byNumber = byNumber
    }

    subscript(_ type: UInt16) -> Route? { Int(type) < byNumber.count ? byNumber[Int(type)] : nil }

    /// In the order of their numbers.
    var types: [FermataFrameType] { byNumber.compactMap { $0?.type } }
}
