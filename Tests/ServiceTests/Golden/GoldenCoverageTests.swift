import FermataCore
import FermataProtocol
import Foundation
import GoldenStores
import RunAudit
import Testing

/// What has ever been persisted is in the golden stores: who adds a kind of event, a status, a call's outcome adds a store
/// that has it.
struct GoldenCoverageTests {
    private let events = GoldenStore.all.flatMap(\.events)
    private let runs = GoldenStore.all.flatMap(\.runs)

    private func missing<Value: CaseIterable & Hashable>(_ type: Value.Type, _ found: some Sequence<Value>) -> Set<
        Value
    > {
        Set(type.allCases).subtracting(found)
    }

    @Test func everyKindOfEvent() throws {
        let kinds = Set(events.map(\.kindName))
        let schema = try String(
            contentsOf: URL(fileURLWithPath: #filePath).resolvingSymlinksInPath().deletingLastPathComponent()
                .appending(path: "../../../protocol/fermata.proto"), encoding: .utf8)
        let oneof = try #require(schema.firstRange(of: "oneof kind {")).upperBound
        let body = schema[oneof...].prefix { $0 != "}" }
        let known = body.matches(of: #/\w+ (\w+) = \d+;/#).map { match in
            String(match.1.split(separator: "_").enumerated().map { $0 == 0 ? String($1) : $1.capitalized }.joined())
        }
        #expect(known.count >= 27)
        #expect(Set(known).subtracting(kinds).isEmpty, "\(Set(known).subtracting(kinds))")
    }

    @Test func everyStatusAndHold() {
        #expect(missing(FermataStatus.self, runs.map(\.run.status)) == [.unspecified])
        let holds = runs.filter { $0.run.status == .paused }.map(\.run.hold.cause)
        #expect(missing(FermataHoldCause.self, holds) == [.unspecified])
        let lifts = events.compactMap { if case .holdLifted(let lifted) = $0.kind { lifted.cause } else { nil } }
        #expect(missing(FermataLiftCause.self, lifts) == [.unspecified])
        let cuts = events.compactMap { if case .modelCut(let cut) = $0.kind { cut.cause } else { nil } }
        #expect(missing(FermataCutCause.self, cuts) == [.unspecified])
        let deliveries = events.compactMap {
            if case .messageQueued(let message) = $0.kind { message.delivery } else { nil }
        }
        #expect(missing(FermataDelivery.self, deliveries) == [.unspecified])
    }

    @Test func everyCallStateAndOutcome() {
        let calls = runs.flatMap(\.calls)
        #expect(missing(FermataCallState.self, calls.map(\.state)) == [.unspecified])
        let ends = events.compactMap { if case .callEnded(let ended) = $0.kind { ended } else { nil } }
        #expect(missing(FermataCallOutcome.self, ends.map(\.outcome)) == [.unspecified])
        #expect(calls.contains { $0.state == .selected && $0.approved })
        #expect(calls.contains { $0.state != .ended && $0.edited })
        #expect(calls.contains { $0.state == .started && !$0.worker.isEmpty })
        #expect(runs.contains { !$0.run.waitsForTools.isEmpty })
        #expect(ends.contains { $0.killing } && ends.contains { $0.repaired } && ends.contains { $0.omittedBytes > 0 })
    }

    @Test func everyKindOfAskAndEachOfItsEnds() {
        /// What an ask is: a question's format counts as a kind.
        func kind(_ kind: FermataAskKind, _ form: FermataAnswerForm) -> String {
            kind == .question ? "\(form)" : "\(kind)"
        }
        let kinds = Set([
            "freeText", "yesNo", "choice", "json", "approval", "outcome", "budget", "stuck", "limit",
        ])
        let open = GoldenStore.all.flatMap(\.asks).map { kind($0.kind, $0.format.form) }
        #expect(Set(open) == kinds)
        var ends: [String: Set<String>] = [:]
        for store in GoldenStore.all {
            var opened: [String: String] = [:]
            for event in store.events {
                switch event.kind {
                case .askOpened(let ask): opened["\(event.run)/\(ask.number)"] = kind(ask.kind, ask.format.form)
                case .askAnswered(let answer):
                    let verdict = answer.via == .viaCommand ? "\(answer.verdict)" : "\(answer.via)"
                    ends[opened["\(event.run)/\(answer.number)"] ?? "", default: []].insert(verdict)
                case .askClosed(let closed):
                    let how = closed.expired ? "expired" : "closed \(closed.outcome)"
                    ends[opened["\(event.run)/\(closed.number)"] ?? "", default: []].insert(how)
                default: break
                }
            }
        }
        func has(_ kind: String, _ wanted: String...) {
            #expect(Set(wanted).isSubset(of: ends[kind] ?? []), "\(kind): \(ends[kind] ?? [])")
        }
        has("freeText", "unspecified", "viaImport")
        has("yesNo", "unspecified", "viaDeadline", "expired", "closed callSuperseded")
        has("choice", "unspecified", "closed callCancelled")
        has("json", "unspecified")
        has(
            "approval", "approve", "edit", "reject", "viaImport", "expired", "closed callDenied",
            "closed callSuperseded",
            "closed callCancelled", "closed callRejected", "closed unspecified")
        has("outcome", "runAgain", "takeResult", "tellUnknown", "closed callFinished", "closed callUnknown")
        has("budget", "raise", "endTurn", "closed unspecified", "closed callCancelled")
        has("limit", "goOn", "useModel", "endTurn", "viaDeadline", "closed unspecified", "closed callCancelled")
        has("stuck", "guide", "goOn", "endTurn", "closed unspecified", "closed callCancelled")
    }

    @Test func otherModelsAndReasoningThatIsLeftOut() {
        let sets = events.compactMap { if case .modelSet(let set) = $0.kind { set } else { nil } }
        #expect(sets.contains { $0.hasFallback && $0.fallback == 1 } && sets.contains { !$0.hasFallback })
        let failed = events.compactMap { if case .modelFailed(let failed) = $0.kind { failed } else { nil } }
        #expect(failed.contains { $0.dropsReasoning } && failed.contains { $0.dropsImages })
        #expect(failed.contains { !$0.providerRequestID.isEmpty })
    }

    @Test func imagesAndFiles() {
        let messages = events.compactMap {
            if case .messageQueued(let message) = $0.kind { message.blocks } else { nil }
        }
        let results = events.compactMap { if case .callEnded(let ended) = $0.kind { ended } else { nil } }
        func has(_ blocks: [FermataBlock], _ isWanted: (FermataBlock.OneOf_Kind?) -> Bool) -> Bool {
            blocks.contains { isWanted($0.kind) }
        }
        func isImage(_ kind: FermataBlock.OneOf_Kind?) -> Bool { if case .image = kind { true } else { false } }
        func isFile(_ kind: FermataBlock.OneOf_Kind?) -> Bool { if case .file = kind { true } else { false } }
        #expect(messages.contains { has($0, isImage) && has($0, isFile) } && messages.contains { $0.count == 1 })
        #expect(results.contains { $0.outcome == .callFinished && has($0.blocks, isImage) })
        #expect(results.contains { $0.outcome == .callFailed && has($0.blocks, isImage) })
    }

    @Test func whatReachesBeyondRuns() {
        let metas = GoldenStore.all.map(\.meta)
        #expect(metas.contains { $0.requests.count >= 20 })
        #expect(metas.contains { ($0.webhooks.pending ?? 0) > 0 } && metas.contains { ($0.webhooks.dead ?? 0) > 0 })
        #expect(Set(metas.flatMap(\.secrets).map(\.scope)) == ["", "READ", "OPERATE", "ADMIN"])
        #expect(metas.contains { !$0.tools.isEmpty })
        #expect(runs.contains { $0.run.handedOff } && runs.contains { !$0.run.source.isEmpty })
        #expect(runs.contains { $0.run.nextAttemptAt > 0 } && runs.contains { $0.run.hold.resumeAt > 0 })
    }
}
