import FermataClient
import FermataProtocol
import Foundation
import MockModel
import Testing

extension OneServerAtATime {
    /// Runs that were launched for others, over the socket and the command line.
    @Suite(.timeLimit(.minutes(2))) struct FamilyTests {
        private static let script = #"""
            [
              {"match": "user: stream", "text": "one two three four", "gate": "end", "gate_after_tokens": 2},
              {"match": "", "text": "Done."}
            ]
            """#

        /// A run with two children and a grandchild, whose model calls are all in flight, by the command line.
        private func family(_ service: Service) async throws -> [String] {
            var runs: [String] = []
            for parent in [nil, 0, 0, 1] {
                var arguments = ["launch", "stream"]
                if let parent { arguments += ["--parent", runs[parent]] }
                let result = try await Service.cli(arguments, directory: service.directory)
                #expect(result.code == 0, "\(result)")
                runs.append(String(result.output.dropLast()))
            }
            for run in runs { try await service.event(run) { if case .modelCalled = $0 { true } else { false } } }
            return runs
        }

        private func holds(_ run: String, _ service: Service) async throws -> [String] {
            let summary = try await service.summary(run)
            return (summary.holds.isEmpty && summary.hasHold ? [summary.hold] : summary.holds).map(\.owner)
        }

        @Test func aFamilyStandsStillGoesOnAndStopsAsOne() async throws {
            try await Service.run(script: Self.script) { service, model in
                let runs = try await family(service)
                let root = try await service.summary(runs[0])
                #expect(root.children == 2 && root.parent.isEmpty)
                #expect(try await service.summary(runs[3]).parent == runs[1])
                let listed = try await service.client.send(FermataListRuns.with { $0.parent = runs[0] }).runs
                #expect(Set(listed.map(\.id)) == [runs[1], runs[2]])
                // One transaction: the events have neighbouring offsets.
                #expect(try await service.interrupt(runs[0]).run.status == .paused)
                var offsets: [UInt64] = []
                for run in runs {
                    #expect(try await service.summary(run).status == .paused)
                    let events = try await service.events(run)
                    #expect(events.last?.modelCutValue?.cause == .byInterrupt)
                    offsets += events.suffix(2).map(\.offset)
                }
                #expect(offsets.sorted() == Array(offsets.min()!...offsets.min()! + 7))
                for run in runs.dropFirst() {
                    #expect(try await holds(run, service) == [runs[0]])
                    try await service.refused(.heldByParent) { try await service.resume(run) }
                    try await service.refused(.heldByParent) { try await service.resume(run, "go on") }
                }
                let shown = try await service.cli("show", runs[3])
                #expect(shown.output.contains("with run \(runs[0])"), "\(shown.output)")
                // A child's own hold stays.
                #expect(try await service.pause(runs[2]).changed)
                #expect(try await holds(runs[2], service) == ["", runs[0]])
                #expect(try await service.resume(runs[0]).run.status == .running)
                #expect(try await service.summary(runs[2]).status == .paused)
                #expect(try await holds(runs[2], service) == [""])
                model.gates.open("end")
                for run in [runs[0], runs[1], runs[3]] { try await service.wait(run, .finished) }
                #expect(try await service.stop(runs[0]).changed)
                for run in runs { #expect(try await service.summary(run).status == .stopped) }
                #expect(try await service.stop(runs[0]).changed == false)
                try await service.refused(.wrongStatus) { try await service.launch("") { $0.parent = runs[0] } }
                #expect(try await service.cli("check").code != 1)
            }
        }

        /// After a restart nothing of the family is in memory: it is read before anything is decided, and commands that come
        /// meanwhile are decided after that.
        @Test func aFamilyThatIsOnlyRowsIsReadFirst() async throws {
            try await Service.run(script: Self.script) { service, model in
                let runs = try await family(service)
                #expect(try await service.pause(runs[0]).changed)
                for run in runs { try await service.interrupt(run) }
                service.kill()
                try await service.start()
                // In one message: decided in this order, though the first has to wait for three runs.
                let frames = [
                    try Frame(
                        FermataResume.with {
                            $0.requestID = UUID().uuidString.lowercased()
                            $0.run = runs[0]
                        }),
                    try Frame(
                        FermataPause.with {
                            $0.requestID = UUID().uuidString.lowercased()
                            $0.run = runs[1]
                        }),
                ]
                let control = try #require(RawControl(service))
                control.send(frames, as: 1)
                for run in [runs[0], runs[2]] {
                    try await service.event(run) { if case .holdLifted = $0 { true } else { false } }
                }
                try await service.event(runs[1]) { if case .held(let held) = $0 { held.owner.isEmpty } else { false } }
                #expect(try await holds(runs[1], service) == [""])
                #expect(try await service.stop(runs[0]).run.status == .stopped)
                for run in runs { #expect(try await service.summary(run).status == .stopped) }
            }
        }

        /// A hold that lifts itself is lifted from the children, also when its time came while no server was there.
        @Test func aHoldLiftsItselfFromAll() async throws {
            try await Service.run(script: #"[{"match": "", "text": "Done."}]"#) { service, _ in
                let root = try await service.launch("")
                let child = try await service.launch("") { $0.parent = root }
                let time = Int64(Date().timeIntervalSince1970 * 1_000_000) + 300_000
                _ = try await service.client.send(
                    FermataPause.with {
                        $0.run = root
                        $0.resumeAt = time
                    })
                #expect(try await service.send(child, "hello").run.status == .paused)
                service.kill()
                try await service.start()
                try await service.wait(child, .finished)
                let lifted = try await service.events(child).compactMap { event in
                    if case .holdLifted(let lifted) = event.kind { lifted } else { nil }
                }
                #expect(lifted.map(\.owner) == [root] && lifted.map(\.cause) == [.liftedByParent])
            }
        }

        @Test func whatIsNoParentIsRefused() async throws {
            try await Service.run(script: "[]") { service, _ in
                try await service.refused(.invalidArgument) { try await service.launch("") { $0.parent = "no run" } }
                try await service.refused(.noSuchRun) {
                    try await service.launch("") { $0.parent = "00000000-0000-7000-8000-000000000000" }
                }
                try await service.refused(.noSuchRun) { try await service.launch("") { $0.parent = "ffff" } }
                let root = try await service.launch("")
                let launch = FermataLaunch.with {
                    $0.requestID = UUID().uuidString.lowercased()
                    $0.parent = root
                }
                // The same command again is the same child.
                let child = try await service.client.send(launch).run.id
                #expect(try await service.client.send(launch).run.id == child)
                #expect(try await service.summary(root).children == 1)
            }
        }
    }
}
