package import FermataCore
package import FermataProtocol
package import Journal
internal import SwiftProtobuf

extension AskRow {
    package init(_ opened: FermataAskOpened, at: Int64, of run: Run) {
        let ask = FermataAsk(opened, at: at, of: run.id, agent: run.spec.agent)
        self.init(
            run: run.id.journaled, number: opened.number, open: true, kind: Int32(opened.kind.rawValue),
            body: try! ask.serializedBytes(), openedAt: at, due: opened.deadlineAt > 0 ? opened.deadlineAt : nil)
    }
}

extension FermataAsk {
    /// An ask as lists show it.
    package init(_ opened: FermataAskOpened, at: Int64, of run: RunID, agent: String) {
        self = .with {
            $0.run = run.description
            $0.number = opened.number
            $0.kind = opened.kind
            $0.question = opened.question
            $0.context = opened.context
            $0.call = opened.call
            $0.openedAt = at
            $0.urgency = opened.urgency
            if opened.hasFormat { $0.format = opened.format }
            $0.deadlineAt = opened.deadlineAt
            $0.atDeadline = opened.atDeadline
            $0.defaultAnswer = opened.defaultAnswer
            $0.tool = opened.tool
            $0.arguments = opened.arguments
            $0.argumentsSha256 = opened.argumentsSha256
            $0.agent = agent
        }
    }
}

extension FermataCallOffer {
    /// A call that is ready, as workers are offered it.
    package init(_ call: Run.Call, of run: Run) {
        self.init()
        self.run = run.id.description
        self.call = call.number
        attempt = call.attempt + 1
        tool = call.tool
        arguments = call.arguments
        workspace = run.spec.workspace
    }
}
