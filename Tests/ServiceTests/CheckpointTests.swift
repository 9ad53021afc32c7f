import FermataClient
import FermataProtocol
import Foundation
import MockModel
import SwiftProtobuf
import Testing

/// A run is one JSON document, and another server goes on with it.
extension OneServerAtATime {
    @Suite(.timeLimit(.minutes(5))) struct CheckpointTests {
        static let asking = #"""
            [
              {"tool_calls": [
                {"name": "terminal", "arguments": {"command": "echo 'hé \"quoted\" \\ 🎼'"}},
                {"name": "ask_human", "arguments": {"question": "Which?"}}
              ]},
              {"text": "Done."}
            ]
            """#

        @Test func digestIsThatOfAnotherImplementationToo() async throws {
            try await Service.run(script: CheckpointTests.asking) { service, _ in
                let run = try await service.launch("say \u{1}\u{7F} \"é\" \\ 🎼 </script>\n")
                try await service.wait(run, .waiting)
                let text = try await service.export(run)
                let checkpoint = try CheckpointJSON(text)
                let digest = try await CheckpointJSON.digest(of: text)
                #expect(checkpoint.document["digest"] as? String == digest)
                #expect(checkpoint.document["run"] as? String == run)
                #expect(checkpoint.events.count == Int(try await service.summary(run).lastSeq))
                let asks = try #require(checkpoint.document["openAsks"] as? [[String: Any]])
                #expect(asks.map { $0["question"] as? String } == ["Which?"])
            }
        }

        /// A document that another program has put into another order and indented is the same checkpoint.
        @Test func theFormOfTheDocumentIsNotItsContents() async throws {
            try await Service.run(script: CheckpointTests.asking) { service, _ in
                let run = try await service.launch("é\u{1F3BC}")
                try await service.wait(run, .waiting)
                let checkpoint = try CheckpointJSON(try await service.export(run))
                let pretty = try JSONSerialization.data(
                    withJSONObject: checkpoint.document, options: [.prettyPrinted, .withoutEscapingSlashes])
                let escaped = String(decoding: pretty, as: UTF8.self).replacing("é", with: "\\u00e9")
                    .replacing("\u{1F3BC}", with: "\\uD83C\\uDFBC")
                try await service.besideAnother { other in
                    let reply = try await other.import(escaped, by: 500)
                    #expect(reply.run.id == run && reply.run.status == .paused)
                    #expect(reply.run.hold.cause == .imported)
                }
            }
        }

        @Test func aRunIsHandedOffAnsweredElsewhereAndComesHome() async throws {
            try await Service.run(script: CheckpointTests.asking) { service, model in
                let run = try await service.launch("go")
                try await service.wait(run, .waiting)
                let text = try await service.export(run, handoff: true)
                let stopped = try await service.summary(run)
                #expect(stopped.status == .stopped && stopped.handedOff)
                // Whoever lost the reply asks again.
                let again = try await service.export(run, handoff: true)
                let plain = try await service.export(run)
                let count = try CheckpointJSON(text).events.count
                #expect(try CheckpointJSON(again).events.count == count)
                #expect(try CheckpointJSON(plain).events.count == count)
                try await service.refused(.wrongStatus) { try await service.answer(run, 1, "This one.") }
                #expect(try await service.client.send(FermataListAsks()).asks.isEmpty)

                try await service.besideAnother { other in
                    let reply = try await other.import(text) { $0.answer = "This one." }
                    #expect(reply.run.status == .running && reply.run.openAsks.isEmpty)
                    #expect(try await other.wait(run, .finished).lastMessage == "Done.")
                    #expect(try model.log.shown(2).last == "tool: This one.")
                    let answer = try await other.events(run).first { $0.kindName == "askAnswered" }
                    #expect(answer?.askAnswered.via == .viaImport)
                    try await other.refused(.runExists) { try await other.import(text) }

                    let home = try await other.export(run, handoff: true)
                    let back = try await service.import(home)
                    #expect(back.run.status == .paused && !back.run.handedOff)
                    #expect(try await service.resume(run).run.status == .finished)
                    let (here, there) = (try await service.events(run), try await other.events(run))
                    #expect(here.prefix(there.count).map(\.kind) == there.map(\.kind))
                    #expect(here.map(\.seq) == Array(1...UInt64(here.count)))
                    // It has gone on: what the other one still has is not its journal any more.
                    try await service.refused(.runExists) { try await service.import(home) }
                    try await other.check()
                }
                try await service.check()
            }
        }

        /// What was refused leaves its place to others.
        @Test func refusedCheckpointsDoNotShutOutOthers() async throws {
            try await Service.run(script: CheckpointTests.asking) { service, _ in
                let run = try await service.launch("go")
                try await service.wait(run, .waiting)
                let text = try await service.export(run)
                for _ in 1...20 { try await service.refused(.runExists) { try await service.import(text) } }
            }
        }

        /// A run that nobody took comes back to where it was.
        @Test func aHandOffIsTakenBack() async throws {
            try await Service.run(script: CheckpointTests.asking) { service, _ in
                let run = try await service.launch("go")
                try await service.wait(run, .waiting)
                let text = try await service.export(run, handoff: true)
                // The rest of a run in memory, and of one that is read again.
                service.kill()
                try await service.start()
                #expect(try await service.import(text).run.openAsks == [1])
                #expect(try await service.client.send(FermataListAsks()).asks.map(\.number) == [1])
                try await service.resume(run)
                try await service.answer(run, 1, "This one.")
                try await service.wait(run, .finished)
                try await service.check()
            }
        }

        @Test func aHandOffNeedsARunWithNothingInFlight() async throws {
            try await Service.run(script: Situation.script) { service, model in
                for situation in [Situation.modelInFlight, .toolExecuting, .betweenAttempts, .pausingModel] {
                    let run = try await situation.enter(service, model).run
                    try await service.refused(.inFlight) { _ = try await service.export(run, handoff: true) }
                    #expect(try await service.summary(run).status == situation.status)
                    try await service.stop(run)
                    try await service.refused(.wrongStatus) { _ = try await service.export(run, handoff: true) }
                }
            }
        }

        /// Races: what is in flight, or being killed, goes on here while the copy of it arrives there.
        @Test(arguments: Situation.allCases) func arrivesFromEverySituation(_ situation: Situation) async throws {
            try await Service.run(script: Situation.script) { service, model in
                let entered = try await situation.enter(service, model)
                let text = try await service.export(entered.run)
                entered.grip?.release()
                try await service.besideAnother { other in
                    let reply = try await other.import(text)
                    #expect(reply.run.status == (situation.status == .stopped ? .stopped : .paused))
                    let copied = try CheckpointJSON(text).events.count
                    let events = try await other.events(entered.run)
                    let source = try await service.events(entered.run)
                    #expect(events.prefix(copied).map(\.seq) == source.prefix(copied).map(\.seq))
                    #expect(events.prefix(copied).map(\.kindName) == source.prefix(copied).map(\.kindName))
                    #expect(events.prefix(copied).map(\.at) == source.prefix(copied).map(\.at))
                    #expect(events[copied].kindName == "imported")
                    #expect(!reply.run.hold.hasToken_p)
                    let asks = try await other.client.send(FermataListAsks.with { $0.run = entered.run }).asks
                    #expect(asks.map(\.number) == reply.run.openAsks)
                    try await other.check()
                    other.kill()
                    try await other.start()
                    #expect(try await other.summary(entered.run).status == reply.run.status)
                    if reply.run.status == .paused, situation.status != .finished, situation.status != .idle {
                        try await other.resume(entered.run)
                    }
                }
                try await service.stop(entered.run)
            }
        }

        @Test func tokensStayWhereTheyWereGiven() async throws {
            try await Service.run { service in
                let run = try await service.launch("") { $0.model = "mock/none" }
                let token = try await service.client.send(
                    FermataPause.with {
                        $0.run = run
                        $0.resumeToken = true
                    }
                ).resumeToken
                let text = try await service.export(run)
                #expect(!token.isEmpty && !text.contains("tokenSha256"))
                try await service.besideAnother { other in
                    try await other.import(text)
                    for token in [token, "frt_AAAA"] {
                        try await other.refused(.invalidToken) {
                            _ = try await other.client.send(FermataResume.with { $0.token = token })
                        }
                    }
                }
                #expect(try await service.client.send(FermataResume.with { $0.token = token }).changed)
            }
        }

        @Test func theAgentComesAlongUnlessThereIsOneOfItsName() async throws {
            try await Service.run { service in
                let agent = FermataAgent.with {
                    $0.name = "helper"
                    $0.model = "mock/none"
                    $0.systemPrompt = "Help."
                }
                _ = try await service.client.send(FermataPutAgent.with { $0.agent = agent })
                let run = try await service.launch("") { $0.agent = "helper" }
                let text = try await service.export(run)
                try await service.besideAnother { other in
                    try await other.import(text)
                    let stored = try await other.client.send(FermataGetAgent.with { $0.name = "helper" }).agent
                    #expect(stored.agent == agent && stored.version == 1)
                }
                try await service.besideAnother { other in
                    _ = try await other.client.send(
                        FermataPutAgent.with {
                            $0.agent = agent
                            $0.agent.systemPrompt = "Another."
                        })
                    try await other.import(text)
                    let stored = try await other.client.send(FermataGetAgent.with { $0.name = "helper" }).agent
                    #expect(stored.agent.systemPrompt == "Another.")
                    try await other.check()
                }
            }
        }

        @Test func workspaces() async throws {
            try await Service.run { service in
                let directory = try Service.temporaryDirectory()
                let named = try await service.launch("") {
                    $0.model = "mock/none"
                    $0.workspace = directory
                }
                let own = try await service.launch("") { $0.model = "mock/none" }
                let (namedText, ownText) = (try await service.export(named), try await service.export(own))
                try FileManager.default.removeItem(atPath: directory)
                try await service.besideAnother { other in
                    try await other.refused(.noWorkspace) { try await other.import(namedText) }
                    #expect(try await other.client.send(FermataListRuns()).runs.isEmpty)
                    try await other.refused(.invalidArgument) {
                        try await other.import(namedText) { $0.workspace = "x" }
                    }
                    let reply = try await other.import(namedText) { $0.workspace = other.directory }
                    #expect(reply.run.workspace == other.directory)
                    #expect(try await other.import(ownText).run.workspace == "\(other.directory)/workspaces/\(own)")
                }
            }
        }

        /// Pages end within events that are larger than a page, and between two bytes of no character.
        @Test func largeRunsArePagedByBytes() async throws {
            try await Service.run { service in
                let run = try await service.launch("") { $0.model = "mock/none" }
                try await service.pause(run)
                try await service.send(run, String(repeating: "é", count: 1 << 18))
                // Six bytes each: one event of three MiB.
                try await service.send(run, String(repeating: "\u{1}", count: 1 << 19))
                let text = try await service.export(run)
                #expect(text.utf8.count > 3 << 20)
                let digest = try await CheckpointJSON.digest(of: text)
                #expect(try CheckpointJSON(text).document["digest"] as? String == digest)
                try await service.besideAnother { other in
                    try await other.import(text)
                    let (here, there) = (try await service.events(run), try await other.events(run))
                    #expect(there.prefix(here.count).map(\.kind) == here.map(\.kind))
                }
            }
        }

        /// The cursor is all that an export needs: a server that was restarted meanwhile gives the rest.
        @Test func anExportGoesOnAfterARestart() async throws {
            try await Service.run { service in
                let run = try await service.launch("") { $0.model = "mock/none" }
                try await service.pause(run)
                for _ in 0..<4 { try await service.send(run, String(repeating: "x", count: 1 << 20)) }
                var export = FermataExport.with { $0.run = run }
                var text = ""
                repeat {
                    let page = try await service.client.send(export)
                    text += page.text
                    export.after = page.next
                    export.requestID = ""
                    // What comes meanwhile is not in it.
                    try await service.send(run, "more")
                    service.kill()
                    try await service.start()
                } while !export.after.isEmpty
                #expect(try CheckpointJSON(text).events.count == 6)
                try await service.besideAnother { other in _ = try await other.import(text) }
                for cursor in [
                    "x", "1/2/3", "1/99999/0/0/0/\(String(repeating: "0", count: 64))/0/", "1/1/1/9/0/00/0/",
                ] {
                    try await service.refused(.invalidArgument) {
                        _ = try await service.client.send(
                            FermataExport.with {
                                $0.run = run
                                $0.after = cursor
                            })
                    }
                }
            }
        }

        @Test func theCommandLineExportsAndImports() async throws {
            try await Service.run(script: CheckpointTests.asking) { service, _ in
                let run = try await service.launch("go")
                try await service.wait(run, .waiting)
                let file = service.directory + "/run.json"
                let printed = try await service.cli("export", run)
                #expect(printed.code == 0 && printed.errors.isEmpty)
                #expect(try await service.cli("export", run, "--handoff", "-o", file).code == 0)
                let text = try String(contentsOfFile: file, encoding: .utf8)
                #expect(text.hasSuffix("}\n") && printed.output.hasSuffix("}\n"))
                try await service.besideAnother { other in
                    let imported = try await other.cli("import", file, "--answer", "This one.")
                    #expect(imported.code == 0 && imported.output.contains("RUNNING"), "\(imported.errors)")
                    try await other.wait(run, .finished)
                    let again = try await other.cli("import", "-", input: text)
                    #expect(again.code == 1 && again.errors.contains("RUN_EXISTS"))
                    let forked = try await other.cli("fork", run)
                    #expect(forked.code == 0 && forked.output.contains("PAUSED"), "\(forked.errors)")
                }
                let none = try await service.cli("import", service.directory + "/none.json")
                #expect(none.code == 64 && none.errors.contains("cannot be read"))
            }
        }
    }
}
