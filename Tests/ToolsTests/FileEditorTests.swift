import Dispatch
import Glibc
import Testing

@testable import Tools

@Suite(.timeLimit(.minutes(2)))
struct FileEditorTests {
    @Test func createsAndViews() async throws {
        let harness = FileEditorHarness()
        let made = await harness.edit("create", "src/deep/main.c", ["file_text": "int main() {\n\treturn 0;\n}\n"])
        #expect(made == "Created src/deep/main.c with 3 lines.\n")
        #expect(harness.text(of: "src/deep/main.c") == "int main() {\n\treturn 0;\n}\n")
        let whole = "     1\tint main() {\n     2\t\treturn 0;\n     3\t}\n"
        #expect(await harness.edit("view", "src/deep/main.c") == whole)
        #expect(await harness.edit("view", harness.workspace + "/./src//deep/main.c") == whole)
        #expect(await harness.edit("view", "src/deep/main.c", ["view_range": [2, 2]]) == "     2\t\treturn 0;\n")
        #expect(await harness.edit("view", "src/deep/main.c", ["view_range": [3, -1]]) == "     3\t}\n")
        #expect(await harness.edit("view", "src/deep/main.c", ["view_range": [1, 99]]) == whole)
        for range: FileEditorHarness.Argument in [[0, 2], [3, 2], [4, 4], [4, -1], [1, -2], [-1, -1]] {
            #expect(
                await harness.refusal("view", "src/deep/main.c", ["view_range": range])
                    == "view_range is not possible: src/deep/main.c has 3 lines.")
        }
        let again = await harness.refusal("create", "src/deep/main.c", ["file_text": "x"])
        #expect(again == "src/deep/main.c exists already; change it with str_replace or insert.")
        #expect(harness.text(of: "src/deep/main.c").hasPrefix("int main"))
        await harness.edit("create", "empty", ["file_text": ""])
        #expect(await harness.edit("view", "empty") == "(the file is empty)\n")
        #expect(await harness.refusal("view", "none") == "none does not exist.")
        #expect(await harness.refusal("view", "none/file") == "The directory none does not exist.")
        #expect(await harness.refusal("view", "empty/file") == "empty is not a directory.")
        #expect(harness.tree(harness.workspace).count == 2)
    }

    @Test func theWorkspaceIsMadeIfItIsMissing() async throws {
        let harness = FileEditorHarness()
        rmdir(harness.workspace)
        await harness.edit("create", "a", ["file_text": "a\n"])
        #expect(harness.text(of: "a") == "a\n")
    }

    @Test func replacesWhatOccursOnce() async throws {
        let harness = FileEditorHarness()
        let lines = (1...20).map { "line \($0)\n" }.joined()
        harness.put(lines, in: "file")
        let result = await harness.edit("str_replace", "file", ["old_str": "line 10\n", "new_str": "ten\nand more\n"])
        #expect(
            result == """
                Changed file. Lines 6 to 15 of 21 are now:
                     6\tline 6
                     7\tline 7
                     8\tline 8
                     9\tline 9
                    10\tten
                    11\tand more
                    12\tline 11
                    13\tline 12
                    14\tline 13
                    15\tline 14

                """)
        #expect(harness.text(of: "file") == lines.replacing("line 10\n", with: "ten\nand more\n"))
        await harness.edit("str_replace", "file", ["old_str": "ten\nand more\n"])
        #expect(harness.text(of: "file") == lines.replacing("line 10\n", with: ""))
        let last = await harness.edit("str_replace", "file", ["old_str": "line 20", "new_str": "é"])
        #expect(last.hasSuffix("    19\té\n"))
        let before = harness.text(of: "file")
        #expect(
            await harness.refusal("str_replace", "file", ["old_str": "line 1", "new_str": "x"])
                == "old_str occurs 10 times in file, at lines 1, 10, 11, 12, 13, 14, 15, 16, 17, 18; "
                + "nothing was changed. Take in more lines around it, so that it occurs once.")
        #expect(
            await harness.refusal("str_replace", "file", ["old_str": "line 99", "new_str": "x"])
                .hasPrefix("old_str does not occur in file; nothing was changed."))
        #expect(await harness.refusal("str_replace", "file", ["old_str": "", "new_str": "x"]).contains("is empty"))
        let same = await harness.refusal("str_replace", "file", ["old_str": "line", "new_str": "line"])
        #expect(same.contains("the same"))
        #expect(harness.text(of: "file") == before)
        await harness.edit("create", "overlap", ["file_text": "aaa"])
        #expect(await harness.refusal("str_replace", "overlap", ["old_str": "aa"]).hasPrefix("old_str occurs 2 times"))
        let emptied = await harness.edit("str_replace", "overlap", ["old_str": "aaa"])
        #expect(emptied == "Changed overlap. It is empty now.\n")
    }

    @Test func insertsLines() async throws {
        let harness = FileEditorHarness()
        await harness.edit("create", "file", ["file_text": "b\nd"])
        #expect(
            await harness.edit("insert", "file", ["insert_line": 0, "insert_text": "a"])
                == "Changed file. Lines 1 to 3 of 3 are now:\n     1\ta\n     2\tb\n     3\td\n")
        await harness.edit("insert", "file", ["insert_line": 2, "insert_text": "c\n"])
        #expect(harness.text(of: "file") == "a\nb\nc\nd")
        await harness.edit("insert", "file", ["insert_line": 4, "insert_text": "e\nf"])
        #expect(harness.text(of: "file") == "a\nb\nc\nd\ne\nf")
        for line: FileEditorHarness.Argument in [7, -1] {
            #expect(
                await harness.refusal("insert", "file", ["insert_line": line, "insert_text": "x"])
                    == "insert_line is not possible: file has 6 lines.")
        }
        await harness.edit("create", "empty", ["file_text": ""])
        await harness.edit("insert", "empty", ["insert_line": 0, "insert_text": "x"])
        #expect(harness.text(of: "empty") == "x\n")
        await harness.edit("insert", "empty", ["insert_line": 1, "insert_text": "y"])
        #expect(harness.text(of: "empty") == "x\ny\n")
    }

    @Test func lineEndsAndTheMarkStayAsTheyAre() async throws {
        let harness = FileEditorHarness()
        harness.put("\u{FEFF}one\r\ntwo\r\r\nthree\r\n", in: "dos")
        #expect(await harness.edit("view", "dos") == "     1\tone\n     2\ttwo\r\n     3\tthree\n")
        await harness.edit("str_replace", "dos", ["old_str": "one\n", "new_str": "1\n1\n"])
        await harness.edit("insert", "dos", ["insert_line": 0, "insert_text": "zero"])
        await harness.edit("insert", "dos", ["insert_line": 1, "insert_text": "half"])
        #expect(harness.text(of: "dos") == "\u{FEFF}zero\r\nhalf\r\n1\r\n1\r\ntwo\r\r\nthree\r\n")
        harness.put("a\r\nb\nc\r\n", in: "mixed")
        await harness.edit("str_replace", "mixed", ["old_str": "b\nc", "new_str": "x"])
        #expect(harness.text(of: "mixed") == "a\r\nx\r\n")
    }

    @Test func whatIsNoTextIsRefused() async throws {
        let harness = FileEditorHarness()
        harness.put([0x61, 0x0A, 0xFF, 0x0A], in: "latin")
        #expect(await harness.refusal("view", "latin") == "latin is not a text file in UTF-8: line 2 has other bytes.")
        harness.put("a\0b", in: "binary")
        let why = "binary is not a text file: it contains NUL bytes."
        #expect(await harness.refusal("str_replace", "binary", ["old_str": "a", "new_str": "b"]) == why)
        #expect(await harness.refusal("insert", "binary", ["insert_line": 0, "insert_text": "b"]) == why)
        let large = [UInt8](repeating: UInt8(ascii: "x"), count: WorkspacePlace.maximumBytes + 1)
        harness.put(large, in: "large")
        #expect(await harness.refusal("view", "large") == "large is larger than 4 MiB.")
        harness.put(Array(large.dropLast()), in: "limit")
        #expect(
            await harness.refusal("insert", "limit", ["insert_line": 0, "insert_text": "x"])
                == "limit would be larger than 4 MiB.")
        #expect(contents(of: harness.absolute("limit")).count == WorkspacePlace.maximumBytes)
        #expect(
            await harness.run(json: #"{"command":"create","path":"nul","file_text":"a\u0000"}"#).output.text
                == "file_text contains a NUL character; a text cannot.")
        #expect(!harness.exists("nul"))
    }

    @Test func longFilesAndLinesAreShownInParts() async throws {
        let harness = FileEditorHarness()
        harness.put((1...5000).map { "this is line \($0)\n" }.joined(), in: "long")
        let text = await harness.edit("view", "long")
        #expect(text.utf8.count <= FileEditing.viewBudget + 100)
        let last = try #require(text.split(separator: "\n").dropLast().last)
        let number = try #require(last.split(separator: " ").last.flatMap { Int($0) })
        #expect(last == "\(String(repeating: " ", count: 6 - "\(number)".count))\(number)\tthis is line \(number)")
        #expect(text.hasSuffix("[… lines \(number + 1) to 5000 left out; view them with view_range …]\n"))
        #expect(
            await harness.edit("view", "long", ["view_range": [4999, 5000]]).hasSuffix("5000\tthis is line 5000\n"))
        harness.put(String(repeating: "é", count: 10_000) + "\nshort\n", in: "wide")
        let wide = await harness.edit("view", "wide").split(separator: "\n")
        #expect(wide.count == 2)
        #expect(wide[0].utf8.count < NumberedLines.maximumLineBytes + 100)
        #expect(wide[0].hasSuffix("é[… \(20_000 - NumberedLines.maximumLineBytes) bytes of this line left out …]"))
    }

    @Test func aDirectoryIsListedTwoLevelsDeep() async throws {
        let harness = FileEditorHarness()
        #expect(await harness.edit("view", ".") == "(no entries)\n")
        for name in ["b", "b/inner", "b/inner/deepest", ".git", ".git/objects"] { harness.makeDirectory(name) }
        for name in ["a.txt", "b/c.txt", "b/inner/d.txt", "two\nlines"] { harness.put("x", in: name) }
        harness.link("b/up", to: "../..")
        harness.link("link", to: "a.txt")
        mkfifo(harness.absolute("pipe"), 0o600)
        let listing = """
            .git/
            a.txt
            b/
            b/c.txt
            b/inner/
            b/up -> ../..
            link -> a.txt
            pipe (named pipe)
            two\u{FFFD}lines

            """
        #expect(await harness.edit("view", ".") == listing)
        #expect(await harness.edit("view", harness.workspace) == listing)
        #expect(await harness.edit("view", "b/inner/") == "d.txt\ndeepest/\n")
        #expect(await harness.refusal("view", "b", ["view_range": [1, 2]]).contains("is a directory"))
        for number in 1...3000 { harness.put("", in: "b/inner/a file with a name of some length \(number)") }
        let long = await harness.edit("view", "b/inner")
        #expect(long.utf8.count < FileEditing.viewBudget + 1000)
        #expect(long.hasSuffix(" entries left out; view a directory in it …]\n"))
    }

    @Test func modeAndOwnerAreKeptAndReadOnlyFilesAreNotChanged() async throws {
        let harness = FileEditorHarness()
        harness.put("#!/bin/sh\nexit 1\n", in: "script")
        chmod(harness.absolute("script"), 0o4751)
        if getuid() == 0 { chown(harness.absolute("script"), 65534, 65534) }
        // chown takes set-user-id away; it is put back to see that an edit does not keep it.
        chmod(harness.absolute("script"), 0o4751)
        await harness.edit("str_replace", "script", ["old_str": "exit 1", "new_str": "exit 0"])
        var status = stat()
        #expect(stat(harness.absolute("script"), &status) == 0)
        #expect(status.st_mode & 0o7777 == 0o751)
        #expect(status.st_uid == (getuid() == 0 ? 65534 : getuid()))
        harness.put("read only\n", in: "kept")
        chmod(harness.absolute("kept"), 0o444)
        // Nothing is forbidden to root.
        if getuid() != 0 {
            #expect(await harness.refusal("str_replace", "kept", ["old_str": "read"]).contains("Permission denied"))
        }
    }

    @Test func secretsAreMaskedInResults() async throws {
        let harness = FileEditorHarness(secrets: ["sk-0123456789"])
        harness.put("key = sk-0123456789\nother = 1\n", in: ".env")
        #expect(await harness.edit("view", ".env") == "     1\tkey = ****\n     2\tother = 1\n")
        #expect(await harness.edit("insert", ".env", ["insert_line": 0, "insert_text": "#"]).contains("key = ****\n"))
        #expect(harness.text(of: ".env") == "#\nkey = sk-0123456789\nother = 1\n")
        #expect(!(await harness.refusal("view", "sk-0123456789")).contains("sk-0"))
    }

    @Test(arguments: [
        "", "[]", "7", "{}", #"{"command":"view"}"#, #"{"path":"a"}"#, #"{"command":"erase","path":"a"}"#,
        #"{"command":"create","path":"a"}"#, #"{"command":"str_replace","path":"a","new_str":"x"}"#,
        #"{"command":"insert","path":"a","insert_text":"x"}"#, #"{"command":"insert","path":"a","insert_line":1}"#,
        #"{"command":"insert","path":"a","insert_line":1,"insert_text":""}"#,
        #"{"command":"insert","path":"a","insert_line":1.5,"insert_text":"x"}"#,
        #"{"command":"insert","path":"a","insert_line":99999999999999999999,"insert_text":"x"}"#,
        #"{"command":"view","path":"a","view_range":[1]}"#, #"{"command":"view","path":"a","view_range":[1,2,3]}"#,
        #"{"command":"view","path":"\ud800"}"#, #"{"command":"view","path":""}"#,
        #"{"command":"view","path":"a\u0000"}"#,
    ])
    func wrongArgumentsAreRefused(_ json: String) async throws {
        let harness = FileEditorHarness()
        harness.put("a\n", in: "a")
        let result = await harness.run(json: json)
        #expect(result.outcome == .failed)
        #expect(result.output.text.hasSuffix("."))
        #expect(harness.tree(harness.workspace).values.map { $0 } == [Array("a\n".utf8)])
    }

    @Test func whatIsCancelledBeforeItBeginsChangesNothing() async throws {
        let harness = FileEditorHarness()
        var ends: [Int32] = [0, 0]
        #expect(pipe(&ends) == 0)
        let (hold, release) = (Descriptor(ends[0]), Descriptor(ends[1]))
        // The thread is held until the call is cancelled.
        harness.work.async { _ = hold.read(upTo: 0) }
        let result = await withCheckedContinuation { continuation in
            let json = FileEditorHarness.json("create", "file", ["file_text": "x"])
            let call = harness.start(json) { continuation.resume(returning: $0) }
            #expect(call.takeOutput().text.contains("view the file"))
            call.cancel()
            call.cancel()
            #expect(release.write([1]))
        }
        #expect(result.outcome == .cancelled)
        #expect(!harness.exists("file"))
        await harness.edit("create", "file", ["file_text": "y"])
    }
}
