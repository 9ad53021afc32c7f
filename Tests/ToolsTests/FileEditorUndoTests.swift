import Glibc
import Testing

@testable import Tools

@Suite(.timeLimit(.minutes(2)))
struct FileEditorUndoTests {
    @Test func goesBackChangeByChangeOfEachFileByItself() async throws {
        let harness = FileEditorHarness()
        await harness.edit("create", "a", ["file_text": "1\n"])
        await harness.edit("create", "b", ["file_text": "b\n"])
        await harness.edit("str_replace", "a", ["old_str": "1", "new_str": "2"])
        await harness.edit("insert", "b", ["insert_line": 1, "insert_text": "bb"])
        await harness.edit("insert", "a", ["insert_line": 1, "insert_text": "3"])
        #expect(
            await harness.edit("undo", "a")
                == "Took back the last change of a. Lines 1 to 1 of 1 are now:\n     1\t2\n")
        #expect(harness.text(of: "a") == "2\n")
        await harness.edit("undo", harness.workspace + "/a")
        #expect(harness.text(of: "a") == "1\n")
        #expect(await harness.edit("undo", "a") == "Took back the creation of a: the file is removed.\n")
        #expect(!harness.exists("a"))
        let nothing = "There is no change of a by this tool left to take back."
        #expect(await harness.refusal("undo", "a") == nothing)
        #expect(harness.text(of: "b") == "b\nbb\n")
        await harness.edit("undo", "b")
        #expect(harness.text(of: "b") == "b\n")
        // What was refused is no change.
        await harness.refusal("str_replace", "b", ["old_str": "none"])
        await harness.refusal("create", "b", ["file_text": "x"])
        #expect(await harness.edit("undo", "b").contains("the file is removed"))
    }

    @Test func bytesComeBackAsTheyWere() async throws {
        let harness = FileEditorHarness()
        let original = "\u{FEFF}one\r\ntwo"
        harness.put(original, in: "dos")
        chmod(harness.absolute("dos"), 0o640)
        await harness.edit("insert", "dos", ["insert_line": 2, "insert_text": "three"])
        await harness.edit("undo", "dos")
        #expect(contents(of: harness.absolute("dos")) == Array(original.utf8))
        var status = stat()
        #expect(stat(harness.absolute("dos"), &status) == 0 && status.st_mode & 0o7777 == 0o640)
    }

    @Test func whatSomebodyElseWroteIsNotLost() async throws {
        let harness = FileEditorHarness()
        await harness.edit("create", "a", ["file_text": "1\n"])
        await harness.edit("str_replace", "a", ["old_str": "1", "new_str": "2"])
        harness.put("mine\n", in: "a")
        let lost = "a was changed since by something else, which undo would lose; nothing was changed."
        #expect(await harness.refusal("undo", "a") == lost)
        unlink(harness.absolute("a"))
        #expect(await harness.refusal("undo", "a") == lost)
        #expect(!harness.exists("a"))
        harness.makeDirectory("a")
        await harness.refusal("undo", "a")
        rmdir(harness.absolute("a"))
        harness.put("2\n", in: "a")
        await harness.edit("undo", "a")
        #expect(harness.text(of: "a") == "1\n")
    }

    /// The service can end between the note of a change and the change: then there is nothing to take back.
    @Test func aChangeThatWasNotedAndNotMadeIsPassedOver() async throws {
        let harness = FileEditorHarness()
        await harness.edit("create", "a", ["file_text": "1\n"])
        let history = try UndoHistory(state: harness.state)
        _ = try history.note(.init(path: "a", before: Array("1\n".utf8), after: .init(Array("2\n".utf8))))
        #expect(
            await harness.edit("undo", "a") == "a is already as it was before the last change; nothing was changed.\n")
        #expect(harness.text(of: "a") == "1\n")
        #expect(await harness.edit("undo", "a").contains("the file is removed"))
    }

    @Test func theHistoryIsOutsideOfTheWorkspaceAndPrivate() async throws {
        let harness = FileEditorHarness()
        await harness.edit("create", "a", ["file_text": "1\n"])
        #expect(entries(of: harness.workspace) == ["a"])
        var status = stat()
        for path in [harness.base + "/state", harness.state, harness.state + "/file_editor"] {
            #expect(stat(path, &status) == 0 && status.st_mode & 0o777 == 0o700)
        }
        // Nothing is made by those who only look.
        let other = FileEditorHarness()
        await other.edit("view", ".")
        await other.refusal("view", "a")
        #expect(!other.exists(other.base + "/state"))
    }

    @Test func theOldestChangesAreForgotten() async throws {
        let harness = FileEditorHarness()
        let count = UndoHistory.maximumChanges + 20
        await harness.edit("create", "a", ["file_text": "0\n"])
        for number in 1...count {
            await harness.edit("str_replace", "a", ["old_str": "\(number - 1)\n", "new_str": "\(number)\n"])
        }
        #expect(entries(of: harness.state + "/file_editor").count == UndoHistory.maximumChanges)
        for _ in 1...UndoHistory.maximumChanges { await harness.edit("undo", "a") }
        #expect(harness.text(of: "a") == "20\n")
        await harness.refusal("undo", "a")
        #expect(harness.text(of: "a") == "20\n")
    }

    @Test func theHistoryHasALimitInBytes() async throws {
        let harness = FileEditorHarness()
        let history = try UndoHistory(state: harness.state)
        let large = [UInt8](repeating: 0x61, count: 3 << 20)
        for number in 1...8 {
            _ = try history.note(.init(path: "\(number)", before: large, after: .init([])))
        }
        let sizes = entries(of: harness.state + "/file_editor").map { name in
            contents(of: harness.state + "/file_editor/" + name).count
        }
        #expect(sizes.count == 5)
        #expect(sizes.reduce(0, +) <= UndoHistory.maximumBytes)
        #expect(try history.last(of: "3") == nil)
        #expect(try history.last(of: "8")?.change.before == large)
    }

    @Test func whatIsBrokenInTheHistoryIsPassedOver() async throws {
        let harness = FileEditorHarness()
        await harness.edit("create", "a", ["file_text": "1\n"])
        await harness.edit("str_replace", "a", ["old_str": "1", "new_str": "2"])
        let directory = harness.state + "/file_editor"
        let good = contents(of: directory + "/2")
        harness.put(Array(good.dropLast()), in: directory + "/3")
        harness.put([], in: directory + "/4")
        harness.put("no json\n1\n", in: directory + "/5")
        harness.put("x", in: directory + "/not a number")
        harness.put("x", in: directory + "/99999999999999999999999")
        harness.put("x", in: directory + "/\(TemporaryFile.prefix)cut")
        mkfifo(directory + "/6", 0o600)
        harness.link(directory + "/7", to: harness.outside + "/file")
        mkdir(directory + "/8", 0o700)
        await harness.edit("undo", "a")
        #expect(harness.text(of: "a") == "1\n")
        #expect(!harness.exists(directory + "/\(TemporaryFile.prefix)cut"))
        await harness.edit("insert", "a", ["insert_line": 0, "insert_text": "0"])
        await harness.edit("undo", "a")
        #expect(harness.text(of: "a") == "1\n")
    }

    @Test func aChangeThatCannotBeNotedIsNotMade() async throws {
        let harness = FileEditorHarness()
        harness.put("no directory", in: harness.base + "/state")
        harness.put("1\n", in: "a")
        #expect(
            await harness.refusal("str_replace", "a", ["old_str": "1", "new_str": "2"])
                .hasPrefix("The undo history \(harness.state)/file_editor cannot be created"))
        #expect(harness.text(of: "a") == "1\n")
    }
}
