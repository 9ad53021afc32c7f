import FermataClient
import FermataProtocol
import Foundation
import MockModel
import ModelScript
import Testing

extension OneServerAtATime {
    /// Whatever ends a turn, in each of its phases, over each API: the model's server takes the next request, which begins
    /// with the bytes of the one before, and the run ends well.
    @Suite(.timeLimit(.minutes(5))) struct TurnEndTests {
        enum Deed: String, CaseIterable, Sendable { case kill, shutdown, interrupt, pause, stop }

        /// How far the turn has come.
        enum Phase: String, CaseIterable, Sendable {
            case beforeFirstByte, inReasoning, inText, inFirstCall, inSecondCall
            case firstCallRuns, secondCallRuns
            case betweenAttempts

            var isInAnswer: Bool { (Phase.inText.order...Phase.inSecondCall.order).contains(order) }
            var isInModelCall: Bool { order <= Phase.inSecondCall.order }
            private var order: Int { Phase.allCases.firstIndex(of: self)! }
        }

        private static let apis = ["chat", "messages", "responses"]
        private static let message = "Go on."

        /// Every run has a whole step with reasoning and two calls behind it when its second one comes to the phase. A
        /// message of people, or a marker, is answered with two other calls. Gates have the names of phases.
        private static let script: String = {
            let turns = Phase.allCases.flatMap { phase -> [String] in
                let name = phase.rawValue
                func call(_ word: String, holds: Bool = false) -> String {
                    let hold = holds ? "echo here; read word < hold; " : ""
                    return #"{"name": "terminal", "arguments": {"command": "\#(command(word, hold, name))"}}"#
                }
                let three = call("three", holds: phase == .firstCallRuns)
                // Tokens: four of reasoning, three of text, then those of the first call.
                let first = 7 + Int(ScriptTokens.count(arguments: #"{"command":"\#(command("three", "", name))"}"#))
                let after: Int? =
                    switch phase {
                    case .beforeFirstByte: 0
                    case .inReasoning: 2
                    case .inText: 5
                    case .inFirstCall: 9
                    case .inSecondCall: first + 2
                    default: nil
                    }
                let gate = after.map { #", "gate": "\#(name)", "gate_after_tokens": \#($0)"# } ?? ""
                let fault = #"{"match": "tool: \#(name) two", "fault": {"status": 503, "retry_after": 3600}}"#
                return [
                    #"""
                    {"match": "user: begin \#(name)", "reasoning": "Plan it first. ", "text": "I begin.",
                     "tool_calls": [\#(call("one")), \#(call("two"))]}
                    """#
                ] + (phase == .betweenAttempts ? [fault] : []) + [
                    #"""
                    {"match": "tool: \#(name) two", "reasoning": "Ponder for a while. ", "text": "So I look."\#(gate),
                     "tool_calls": [\#(three), \#(call("four", holds: phase == .secondCallRuns))]}
                    """#
                ]
            }
            let anew = ["five", "six"].map {
                #"{"name": "terminal", "arguments": {"command": "echo \#($0) >> ran"}}"#
            }.joined(separator: ", ")
            let others = #"""
                {"match": "user: ", "reasoning": "Think anew. ", "text": "I go on.", "tool_calls": [\#(anew)]},
                {"match": "", "text": "Done."}
                """#
            return "[\(turns.joined(separator: ",\n")),\n\(others)]"
        }()

        private static func command(_ word: String, _ hold: String, _ phase: String) -> String {
            "echo \(word) >> ran; \(hold)echo \(phase) \(word)"
        }

        @Test(arguments: apis, Deed.allCases)
        func theRunGoesOn(_ api: String, _ deed: Deed) async throws {
            var configuration = try MockModel.Configuration(listen: "127.0.0.1:0")
            configuration.strictness = [.openai, .reasoning]
            let model = try await MockModel.start(try ModelScript(json: Self.script, file: "test"), configuration)
            let like = ["chat": "deepseek", "messages": "anthropic", "responses": "openai"][api]!
            let text = """
                providers:
                - name: strict
                  like: \(like)
                  api: \(api)
                  api-key-env: STRICT_API_KEY
                  base-url: \(model.baseURL)
                """
            do {
                try await Service.withSettings(text) { directory, file in
                    try await Service.run(environment: ["STRICT_API_KEY": "test-key-1"], arguments: ["--config", file])
                    {
                        try await check(deed, $0, model, in: directory)
                    }
                }
            } catch {
                await model.stop()
                throw error
            }
            let entries = model.log.entries()
            #expect(entries.allSatisfy { $0.end != .refused }, "\(entries.map(\.status))")
            await model.stop()
        }

        /// A run; and its copy after it was stopped, which has a workspace of its own: the copy begins before what was in
        /// flight, so a call that was cut by the stop is made in it, and nothing holds it there.
        private struct Told {
            let phase: Phase
            let hold: Fifo
            let first: String
            var run: String
            var workspace: String
        }

        private func check(
            _ deed: Deed, _ service: Service, _ model: MockModel, in directory: String
        ) async throws {
            var runs = try await enter(service, model, in: directory)
            switch deed {
            case .kill: service.kill()
            case .shutdown: #expect(await service.terminate() == 0)
            case .interrupt: for told in runs { try await service.interrupt(told.run) }
            case .pause: for told in runs { try await service.pause(told.run) }
            case .stop: for told in runs { try await service.stop(told.run) }
            }
            for phase in Phase.allCases { model.gates.open(phase.rawValue) }
            if [.kill, .shutdown].contains(deed) { try await service.start() }
            for index in runs.indices {
                let run = runs[index].run
                switch deed {
                case .kill, .shutdown:
                    // The wait goes on where it was, for an hour.
                    if runs[index].phase == .betweenAttempts { try await service.send(run, Self.message, .now) }
                case .interrupt: try await service.resume(run, Self.message)
                case .pause:
                    runs[index].hold.send()
                    try await service.wait(run, .paused)
                    try await service.resume(run)
                case .stop:
                    try await service.wait(run, .stopped)
                    let calls: [Phase: [String]] = [.firstCallRuns: ["three"], .secondCallRuns: ["three", "four"]]
                    let ran = try Self.ran(runs[index])
                    #expect(ran == ["one", "two"] + calls[runs[index].phase, default: []], "\(runs[index].phase)")
                    runs[index].workspace = try Self.workspace("copy-of-\(runs[index].phase.rawValue)", in: directory)
                    let copy = try await service.fork(run) { $0.workspace = runs[index].workspace }
                    runs[index].run = copy.run.id
                    try await service.resume(copy.run.id, Self.message)
                }
            }
            for told in runs {
                let summary = try await service.wait(told.run, .finished, .failed, .waiting)
                let what = "\(deed.rawValue) \(told.phase.rawValue)"
                #expect(summary.status == .finished, "\(what): \(summary.failure.message)")
                #expect(summary.lastMessage == "Done.", "\(what)")
                try await check(told, deed, service, model, what)
            }
        }

        /// A run in each phase, when all of them are there.
        private func enter(_ service: Service, _ model: MockModel, in directory: String) async throws -> [Told] {
            let pieces = try await service.client.text()
            var runs: [Told] = []
            for phase in Phase.allCases {
                let workspace = try Self.workspace(phase.rawValue, in: directory)
                let run = try await service.launch("begin \(phase.rawValue)") {
                    $0.model = "strict/m"
                    $0.modelAttempts = 2
                    $0.patienceMs = 7_200_000
                    $0.workspace = workspace
                }
                let hold = try Fifo(in: workspace, named: "hold")
                runs.append(Told(phase: phase, hold: hold, first: run, run: run, workspace: workspace))
            }
            for phase in Phase.allCases where phase.isInModelCall { await model.gates.awaited(phase.rawValue) }
            // The service has what it is to have.
            var missing = Set(Phase.allCases).subtracting([.beforeFirstByte, .betweenAttempts])
            for await piece in pieces {
                guard let phase = runs.first(where: { $0.run == piece.run })?.phase else { continue }
                let isThere =
                    switch phase {
                    case .inReasoning: piece.step == 2 && piece.content == .reasoning
                    case .inText, .inFirstCall, .inSecondCall: piece.step == 2 && piece.content == .text
                    default: piece.call > 0 && piece.text.contains("here")
                    }
                if isThere { missing.remove(phase) }
                if missing.isEmpty { break }
            }
            let waiting = try #require(runs.first { $0.phase == .betweenAttempts })
            try await service.event(waiting.run) { if case .modelFailed = $0 { true } else { false } }
            return runs
        }

        private func check(
            _ told: Told, _ deed: Deed, _ service: Service, _ model: MockModel, _ what: String
        ) async throws {
            // Whether the second answer came to its end; else, and to a message, the model answers anew.
            let isAnswered =
                switch told.phase {
                case .firstCallRuns, .secondCallRuns: true
                case .betweenAttempts: deed == .pause
                case .beforeFirstByte, .inReasoning: [.kill, .shutdown, .pause].contains(deed)
                case .inText, .inFirstCall, .inSecondCall: [.kill, .pause].contains(deed)
                }
            let isAnew = [.interrupt, .stop].contains(deed) || !isAnswered
            let before = deed != .stop ? ["one", "two"] : []
            let third = deed == .stop && told.phase == .secondCallRuns ? [] : ["three"]
            let expected = before + (isAnswered ? third + ["four"] : []) + (isAnew ? ["five", "six"] : [])
            #expect(try Self.ran(told) == expected, "\(what)")

            let ends = try await service.events(told.run).compactMap {
                if case .callEnded(let ended) = $0.kind { ended.number } else { nil }
            }
            let calls = 2 + (isAnswered ? 2 : 0) + (isAnew ? 2 : 0)
            #expect(ends.sorted() == (1...UInt32(calls)).map { $0 }, "\(what)")

            // A copy's requests go on from those of what it is a copy of.
            let entries = model.log.entries().filter { [told.first, told.run].contains($0.conversation) }
            let bodies = try entries.map { try #require($0.body) }
            let lists = try bodies.map { try Self.list($0, what) }
            for (before, after) in zip(lists, lists.dropFirst()) {
                let common = zip(before, after).prefix { $0 == $1 }.count
                // What closes the last message may come later.
                #expect(common >= before.count - 3, "\(what): \(String(decoding: before[common...], as: UTF8.self))")
            }
            let isSame = deed == .kill && told.phase.isInModelCall || deed == .pause && told.phase == .betweenAttempts
            if isSame { #expect(bodies.count > 2 && bodies[1] == bodies[2], "\(what)") }

            let last = String(decoding: try #require(bodies.last), as: UTF8.self)
            func count(_ text: String) -> Int { last.ranges(of: text).count }
            #expect(count("Plan it first. ") == 1, "\(what)")
            #expect(count("Ponder") == (isAnswered ? 1 : 0), "\(what)")
            #expect(count("Think anew. ") == (isAnew ? 1 : 0), "\(what)")
            // The copy of a stopped run begins before what was cut.
            let isCut = told.phase.isInAnswer && !isAnswered && deed != .stop
            #expect(count("was cut off here before it was complete") == (isCut ? 1 : 0), "\(what)")
            let (chosen, results) = try Self.calls(bodies[bodies.count - 1])
            #expect(
                chosen.count == calls && Set(chosen).count == calls && chosen.sorted() == results.sorted(), "\(what)")
        }

        private static func workspace(_ name: String, in directory: String) throws -> String {
            let path = directory + "/" + name
            try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
            return path
        }

        /// Which calls have begun in the run's workspace, in their order.
        private static func ran(_ told: Told) throws -> [String] {
            try String(contentsOfFile: told.workspace + "/ran", encoding: .utf8).split(separator: "\n").map(String.init)
        }

        /// The bytes of the list of messages in a request, without its brackets.
        private static func list(_ body: [UInt8], _ what: String) throws -> ArraySlice<UInt8> {
            let start = try #require(
                ["\"messages\":[", "\"input\":["].lazy.compactMap { body.firstRange(of: Array($0.utf8)) }.first,
                "\(what)")
            var (depth, isText, isEscaped) = (0, false, false)
            for index in start.upperBound..<body.count {
                switch body[index] {
                case _ where isEscaped: isEscaped = false
                case UInt8(ascii: "\\") where isText: isEscaped = true
                case UInt8(ascii: "\""): isText.toggle()
                case _ where isText: break
                case UInt8(ascii: "["), UInt8(ascii: "{"): depth += 1
                case UInt8(ascii: "]"), UInt8(ascii: "}"):
                    depth -= 1
                    if depth < 0 { return body[start.upperBound..<index] }
                default: break
                }
            }
            throw CocoaError(.fileReadCorruptFile)
        }

        /// The ids of the calls in a request, and those that its results name.
        private static func calls(_ body: [UInt8]) throws -> (chosen: [String], results: [String]) {
            let object = try #require(try JSONSerialization.jsonObject(with: Data(body)) as? [String: Any])
            var (chosen, results): ([String], [String]) = ([], [])
            func take(_ item: [String: Any]) {
                let type = item["type"] as? String
                if type == "function_call" { chosen.append(item["call_id"] as? String ?? "") }
                if type == "function_call_output" { results.append(item["call_id"] as? String ?? "") }
                if type == "tool_use" { chosen.append(item["id"] as? String ?? "") }
                if type == "tool_result" { results.append(item["tool_use_id"] as? String ?? "") }
                for call in item["tool_calls"] as? [[String: Any]] ?? [] { chosen.append(call["id"] as? String ?? "") }
                if let id = item["tool_call_id"] as? String { results.append(id) }
                (item["content"] as? [[String: Any]])?.forEach(take)
            }
            (object["messages"] as? [[String: Any]] ?? object["input"] as? [[String: Any]])?.forEach(take)
            return (chosen, results)
        }
    }
}
