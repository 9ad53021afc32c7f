import Dispatch
import Glibc
import Synchronization
import Testing

@testable import Tools

@Suite(.serialized, .timeLimit(.minutes(5)))
struct FileEditorRaceTests {
    /// The race: between the look at a path's component and its use, another thread puts a link to a directory outside
    /// into the place of the directory, or a link to a file outside into the place of the file, and back again.
    @Test func componentsThatBecomeLinksWhileTheyAreWalked() async throws {
        let harness = FileEditorHarness()
        let names = ["file", "other"]
        for name in names { harness.put("outside\n", in: harness.outside + "/" + name) }
        harness.put("", in: harness.outside + "/only outside")
        let before = harness.tree(harness.outside)
        harness.makeDirectory("dir")
        for name in names { harness.put("inside 0\n", in: "dir/" + name) }

        let swapping = try Swapping([
            (harness.absolute("dir"), harness.absolute("kept directory"), harness.outside),
            (harness.absolute("dir/other"), harness.absolute("kept file"), "../../outside/other"),
        ])
        var done: [String: Int] = [:]
        for round in 1...1500 {
            let name = names[round % 2]
            let calls = [
                FileEditorHarness.json("view", "dir/" + name, [:]),
                FileEditorHarness.json("str_replace", "dir/" + name, ["old_str": "side", "new_str": "side side"]),
                FileEditorHarness.json("undo", "dir/" + name, [:]),
                FileEditorHarness.json("create", "dir/new \(round)", ["file_text": "new"]),
                FileEditorHarness.json("view", "dir", [:]),
            ]
            let index = round % calls.count
            let result = await harness.run(json: calls[index])
            let text = result.output.text
            #expect(!text.contains("only outside") && !text.contains("\toutside"), "\(round): \(text)")
            if result.outcome == .finished { done["\(index)", default: 0] += 1 }
        }
        let swaps = await swapping.stop()
        #expect(harness.tree(harness.outside) == before)
        // Both sides have come to something.
        #expect(swaps > 1000)
        #expect(done.count >= 4, "\(done)")
    }

    /// The race: somebody else writes the file while an edit is made. A reader sees one whole version or the other.
    @Test func readersNeverSeeHalfAFile() async throws {
        let harness = FileEditorHarness()
        let size = 200_000
        let texts = ["a", "b"].map { String(repeating: $0, count: size) }
        harness.put(texts[0], in: "file")
        let path = harness.absolute("file")
        let looking = try Looking { () -> Bool in
            let bytes = contents(of: path)
            return bytes.count == size && bytes.allSatisfy { $0 == bytes[0] }
        }
        for round in 0..<20 {
            let (old, new) = (texts[round % 2], texts[1 - round % 2])
            await harness.edit("str_replace", "file", ["old_str": .text(old), "new_str": .text(new)])
        }
        let (looks, wrong) = await looking.stop()
        #expect(wrong == 0)
        #expect(looks > 0)
    }
}

/// Puts links into the places of files and directories and takes them out again, on a thread of its own.
private final class Swapping: Sendable {
    private let isStopping = Atomic(false)
    private let count = Atomic(0)
    private let ended = AsyncStream<Void>.makeStream()

    /// - Parameter swaps: what is replaced, where it is meanwhile, and what the link says.
    init(_ swaps: [(path: String, kept: String, target: String)]) throws {
        DispatchQueue(label: "swapping").async { [self] in
            while !isStopping.load(ordering: .relaxed) {
                for (path, kept, target) in swaps {
                    rename(path, kept)
                    if symlink(target, path) == 0 { count.add(1, ordering: .relaxed) }
                    unlink(path)
                    if rename(kept, path) != 0 {
                        // A directory that an edit has made there meanwhile.
                        removeTree(path)
                        rename(kept, path)
                    }
                }
            }
            ended.continuation.finish()
        }
    }

    /// How often a link was there.
    func stop() async -> Int {
        isStopping.store(true, ordering: .relaxed)
        for await _ in ended.stream {}
        return count.load(ordering: .relaxed)
    }
}

/// Looks on a thread of its own until it is stopped.
private final class Looking: Sendable {
    private let isStopping = Atomic(false)
    private let looks = Atomic(0)
    private let wrong = Atomic(0)
    private let ended = AsyncStream<Void>.makeStream()

    init(_ isRight: @escaping @Sendable () -> Bool) throws {
        DispatchQueue(label: "looking").async { [self] in
            repeat {
                if !isRight() { wrong.add(1, ordering: .relaxed) }
                looks.add(1, ordering: .relaxed)
            } while !isStopping.load(ordering: .relaxed)
            ended.continuation.finish()
        }
    }

    func stop() async -> (looks: Int, wrong: Int) {
        isStopping.store(true, ordering: .relaxed)
        for await _ in ended.stream {}
        return (looks.load(ordering: .relaxed), wrong.load(ordering: .relaxed))
    }
}
