import Glibc
import Testing

@testable import Tools

/// Ways out of the workspace, and things in it that are no files. Nothing outside is read or touched by any of them.
@Suite(.timeLimit(.minutes(2)))
struct FileEditorEscapeTests {
    private func hostile() -> FileEditorHarness {
        let harness = FileEditorHarness()
        harness.put("secret\n", in: harness.outside + "/file")
        harness.makeDirectory("dir")
        harness.put("inside\n", in: "dir/file")
        return harness
    }

    private func expectRefusedEverywhere(_ harness: FileEditorHarness, _ path: String) async {
        let before = harness.tree(harness.outside)
        let calls: [(String, KeyValuePairs<String, FileEditorHarness.Argument>)] = [
            ("view", [:]), ("create", ["file_text": "x"]), ("str_replace", ["old_str": "secret", "new_str": "x"]),
            ("insert", ["insert_line": 0, "insert_text": "x"]), ("undo", [:]),
        ]
        for (command, arguments) in calls {
            let why = await harness.refusal(command, path, arguments)
            #expect(!why.contains("secret"), "\(command) \(path)")
        }
        #expect(harness.tree(harness.outside) == before, "\(path)")
        #expect(harness.text(of: "dir/file") == "inside\n")
    }

    @Test(arguments: [
        "..", "../outside/file", "dir/../../outside/file", "dir/../..", "./../outside/file", "/etc/passwd", "/",
        "//etc/passwd", "/proc/self/environ", "/dev/null", "dir/../../workspace/../outside/file",
        "/\u{301}etc/passwd", "dir/\u{301}/../../../outside/file",
    ])
    func paths(_ path: String) async throws {
        await expectRefusedEverywhere(hostile(), path)
    }

    @Test func absolutePathsBesideTheWorkspace() async throws {
        let harness = hostile()
        mkdir(harness.workspace + "-other", 0o700)
        for path in [
            harness.outside + "/file", harness.workspace + "/../outside/file", harness.workspace + "-other/new",
            harness.workspace + "/dir/../../outside/new", harness.base,
        ] {
            await expectRefusedEverywhere(harness, path)
        }
        #expect(harness.tree(harness.workspace + "-other").isEmpty)
    }

    @Test func linksThatLeadOut() async throws {
        let harness = hostile()
        harness.link("absolute", to: harness.outside + "/file")
        harness.link("relative", to: "../outside/file")
        harness.link("directory", to: "../outside")
        harness.link("root", to: "/")
        harness.link("dir/up", to: "../..")
        harness.link("dangling", to: "../outside/new")
        harness.link("first", to: "second")
        harness.link("second", to: "dir/up/outside/file")
        harness.link("accent", to: "\u{301}/../../outside/file")
        harness.link("again", to: "dir/../../workspace/../outside/file")
        for path in [
            "absolute", "relative", "directory", "directory/file", "directory/new", "root",
            "root\(harness.outside)/file", "dir/up", "dir/up/outside/file", "dir/up/outside/new", "dangling", "first",
            "second", "accent", "again",
        ] {
            await expectRefusedEverywhere(harness, path)
        }
    }

    /// A slash with an accent over it is one character, but to the kernel it is a slash.
    @Test func slashesWithAccents() async throws {
        let harness = hostile()
        harness.link("out", to: harness.outside)
        harness.link("through", to: "out/\u{301}file")
        harness.put("secret\n", in: harness.outside + "/\u{301}file")
        await expectRefusedEverywhere(harness, "out/\u{301}file")
        await expectRefusedEverywhere(harness, "through")
        await harness.edit("create", "new/\u{301}file", ["file_text": "x"])
        #expect(entries(of: harness.absolute("new")).map { Array($0.utf8) } == [Array("\u{301}file".utf8)])
    }

    @Test func linksThatStayInside() async throws {
        let harness = hostile()
        harness.link("link", to: "dir/file")
        harness.link("named", to: harness.workspace + "/dir/../link")
        harness.link("directory", to: "./dir/.")
        harness.link("dir/up", to: "..")
        for path in ["link", "named", "directory/file", "dir/up/dir/up/link", harness.workspace + "/dir/up/named"] {
            #expect(await harness.edit("view", path) == "     1\tinside\n")
        }
        await harness.edit("str_replace", "dir/up/named", ["old_str": "inside", "new_str": "changed"])
        #expect(harness.text(of: "dir/file") == "changed\n")
        var status = stat()
        #expect(lstat(harness.absolute("named"), &status) == 0 && status.kind == .link)
        #expect(await harness.edit("undo", "link").hasPrefix("Took back the last change of dir/file."))
        #expect(harness.text(of: "dir/file") == "inside\n")
        // What exists is not created again, wherever a link with its name leads.
        harness.link("dangling", to: "dir/new")
        #expect(await harness.refusal("view", "dangling") == "dir/new does not exist.")
        #expect(await harness.refusal("create", "dangling", ["file_text": "x"]).hasPrefix("dangling exists already"))
        #expect(!harness.exists("dir/new"))
        harness.link("around", to: "around/around")
        harness.link("ping", to: "pong")
        harness.link("pong", to: "ping")
        for path in ["around", "ping", "ping/file"] {
            #expect(await harness.refusal("view", path) == "\(path) leads through too many links.")
        }
    }

    @Test func theWorkspaceItselfMayBeReachedThroughALink() async throws {
        let harness = hostile()
        rename(harness.workspace, harness.base + "/real")
        harness.link(harness.workspace, to: "real")
        for path in ["dir/file", harness.workspace + "/dir/file", harness.base + "/real/dir/file"] {
            #expect(await harness.edit("view", path) == "     1\tinside\n")
        }
        await expectRefusedEverywhere(harness, "../outside/file")
        await expectRefusedEverywhere(harness, harness.base + "/outside/file")
    }

    @Test func whatIsNoFileIsRefusedAndNothingWaitsForIt() async throws {
        let harness = hostile()
        mkfifo(harness.absolute("fifo"), 0o600)
        let socket = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let path = harness.absolute("socket")
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        let bound = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(socket, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        #expect(bound == 0)
        defer { close(socket) }
        for (name, kind) in [("fifo", "a named pipe"), ("socket", "a socket")] {
            #expect(await harness.refusal("view", name) == "\(name) is \(kind); only text files can be viewed.")
            #expect(
                await harness.refusal("insert", name, ["insert_line": 0, "insert_text": "x"])
                    == "\(name) is \(kind); only text files can be changed.")
            #expect(await harness.refusal("create", name, ["file_text": "x"]).contains("exists already"))
            #expect(await harness.refusal("undo", name).hasSuffix("."))
            #expect(await harness.refusal("view", name + "/x") == "\(name) is not a directory.")
        }
        if getuid() == 0, mknod(harness.absolute("device"), S_IFCHR | 0o600, 0x103) == 0 {
            #expect(await harness.refusal("view", "device") == "device is a device; only text files can be viewed.")
        }
        #expect(await harness.refusal("str_replace", "dir", ["old_str": "x"]).hasPrefix("dir is a directory;"))
        #expect(await harness.refusal("create", "dir", ["file_text": "x"]).hasPrefix("dir exists already"))
        #expect(await harness.refusal("create", ".", ["file_text": "x"]).hasPrefix(". exists already"))
        await harness.refusal("undo", ".")
    }

    @Test func anotherNameOfAFileOutsideIsNotWrittenThrough() async throws {
        let harness = hostile()
        #expect(Glibc.link(harness.outside + "/file", harness.absolute("hard")) == 0)
        let text = await harness.edit("str_replace", "hard", ["old_str": "secret", "new_str": "mine"])
        #expect(text.hasSuffix("The file had 2 names (hard links); under the others it is as before.\n"))
        #expect(harness.text(of: "hard") == "mine\n")
        #expect(harness.text(of: harness.outside + "/file") == "secret\n")
    }

    @Test func pathsWithoutMeasure() async throws {
        let harness = hostile()
        let long = String(repeating: "x", count: 256)
        #expect(await harness.refusal("view", long).hasSuffix("File name too long."))
        #expect(await harness.refusal("create", long, ["file_text": "x"]).hasSuffix("File name too long."))
        let longest = String(repeating: "x/", count: 3000)
        #expect(await harness.refusal("view", longest) == "path is longer than 4096 bytes.")
        let deep = Array(repeating: "d", count: 200).joined(separator: "/")
        #expect(await harness.refusal("create", deep, ["file_text": "x"]).contains("is too deep"))
        let turns = "dir/" + String(repeating: "../dir/", count: 500) + "file"
        #expect(await harness.edit("view", turns) == "     1\tinside\n")
    }

    @Test func noDescriptorIsLeftOpen() async throws {
        let harness = hostile()
        harness.link("directory", to: "../outside")
        func openInside() -> Int {
            entries(of: "/proc/self/fd").count { name in
                var target = [CChar](repeating: 0, count: 4096)
                let count = max(0, readlink("/proc/self/fd/" + name, &target, target.count))
                let path = String(decoding: target[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
                return path.hasPrefix(harness.base)
            }
        }
        for round in 0..<20 {
            await harness.edit("create", "dir/\(round)/new", ["file_text": "a\n"])
            await harness.edit("insert", "dir/\(round)/new", ["insert_line": 0, "insert_text": "b"])
            await harness.edit("undo", "dir/\(round)/new")
            await harness.edit("view", ".")
            await harness.refusal("view", "directory/file")
            await harness.refusal("str_replace", "dir/file", ["old_str": "none"])
        }
        #expect(openInside() == 0)
        #expect(harness.tree(harness.base).keys.allSatisfy { !$0.contains(TemporaryFile.prefix) })
    }
}
