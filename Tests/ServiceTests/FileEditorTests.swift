import FermataProtocol
import Foundation
import MockModel
import Testing

extension OneServerAtATime {
    @Suite(.timeLimit(.minutes(2))) struct FileEditorTests {
        @Test(arguments: [true, false]) func anEditIsUndoneAfterARestart(byKillNine: Bool) async throws {
            func call(_ arguments: String) -> String {
                #"{"name": "file_editor", "arguments": {"path": "notes/plan.md", \#(arguments)}}"#
            }
            let script = #"""
                [
                  {"match": "user: edit", "tool_calls": [
                    \#(call(#""command": "create", "file_text": "one\ntwo\n""#)),
                    \#(call(#""command": "str_replace", "old_str": "two", "new_str": "2""#)),
                    \#(call(#""command": "view""#)), \#(call(#""command": "view", "view_range": [1]"#))]},
                  {"match": "tool: ", "text": "Edited."},
                  {"match": "user: undo", "tool_calls": [\#(call(#""command": "undo""#))]},
                  {"match": "tool: ", "text": "Undone."}
                ]
                """#
            try await Service.run(script: script) { service, model in
                let run = try await service.launch("edit")
                let summary = try await service.wait(run, .finished)
                #expect(summary.lastMessage == "Edited.")
                let shown = try model.log.shown(2)
                try #require(shown.count == 6)
                #expect(shown[2] == "tool: Created notes/plan.md with 2 lines.\n")
                #expect(shown[3].hasPrefix("tool: Changed notes/plan.md. Lines 1 to 2 of 2 are now:\n"))
                #expect(shown[4] == "tool:      1\tone\n     2\t2\n")
                #expect(shown[5].contains("do not fit the tool's schema"))
                let file = summary.workspace + "/notes/plan.md"
                #expect(try String(contentsOfFile: file, encoding: .utf8) == "one\n2\n")
                #expect(try FileManager.default.contentsOfDirectory(atPath: summary.workspace) == ["notes"])

                if byKillNine { service.kill() } else { #expect(await service.terminate() == 0) }
                try await service.start()
                try await service.send(run, "undo")
                try await service.wait(run, .finished)
                #expect(try String(contentsOfFile: file, encoding: .utf8) == "one\ntwo\n")
                #expect(
                    try model.log.shown(4).last?.hasPrefix("tool: Took back the last change of notes/plan.md.") == true)
                let ended = try await service.events(run).compactMap(\.callEndedValue)
                // The one that did not fit the schema was not executed, and ended first.
                #expect(ended.map(\.outcome) == [.callFailed] + Array(repeating: .callFinished, count: 4))

                // What could be undone is forgotten with the run's end, and not before: the time limit sees that it is.
                let state = service.directory + "/toolstate/" + run
                #expect(FileManager.default.fileExists(atPath: state))
                try await service.stop(run)
                while FileManager.default.fileExists(atPath: state) { await Task.yield() }
            }
        }
    }
}
