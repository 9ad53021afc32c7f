import Glibc
import Testing

@testable import NNG

@Suite(.timeLimit(.minutes(2))) struct AddressTests {
    @Test func ipcPathOf107BytesFitsAndOneOf108DoesNot() throws {
        let longest = "/" + String(repeating: "x", count: 106)
        #expect(try Address.ipc(path: longest).path == longest)
        let error = #expect(throws: NNGError.addressInvalid) { try Address("ipc://\(longest)y") }
        #expect(error?.description.contains("108 bytes, at most 107 fit") == true)
    }

    @Test(arguments: ["", "nothing", "ipc://", "ipc:///a\0b", "ws://127.0.0.1:1/a", "wss://127.0.0.1:1/a"])
    func badUrlIsATypedError(url: String) {
        #expect(throws: NNGError.addressInvalid) { try Address(url) }
        #expect(throws: NNGError.addressInvalid) { try RequestSocket(url, maximumMessageSize: 10) }
    }

    @Test func nobodyListensAtAMissingFile() throws {
        let directory = SocketDirectory()
        #expect(throws: NNGError.connectionRefused) { try Address(directory.url()).requireListener() }
    }

    @Test func nobodyListensAtAPlainFileAndListeningLeavesItAlone() async throws {
        let directory = SocketDirectory()
        let file = fopen(directory.file(), "w")
        fputs("precious", file)
        fclose(file)
        #expect(throws: NNGError.connectionRefused) { try Address(directory.url()).requireListener() }
        let reply = try ReplySocket(contexts: 1, maximumMessageSize: 100) { _ in }
        #expect(throws: NNGError.addressInUse) { try reply.listen(directory.url()) }
        var status = stat()
        #expect(stat(directory.file(), &status) == 0 && status.st_size == 8)
        #expect(try await blocking { reply.close(deadline: patience) })
    }

    @Test func socketFileOfADeadListenerIsRefusedAndCanBeListenedAt() async throws {
        let directory = SocketDirectory()
        // A bound socket that is closed leaves its file behind, as a killed process does.
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: Array(directory.file().utf8)) }
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        let bound = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        #expect(bound == 0)
        close(descriptor)
        #expect(throws: NNGError.connectionRefused) { try Address(directory.url()).requireListener() }
        let reply = try ReplySocket(contexts: 1, maximumMessageSize: 100) { _ in }
        try reply.listen(directory.url())
        try Address(directory.url()).requireListener()
        #expect(try await blocking { reply.close(deadline: patience) })
    }

    @Test func secondListenerIsRefusedAndTheFirstLives() async throws {
        let directory = SocketDirectory()
        let first = try ReplySocket(contexts: 1, maximumMessageSize: 100) { _ = try? $0.reply($0.body) }
        let second = try ReplySocket(contexts: 1, maximumMessageSize: 100) { _ in }
        try first.listen(directory.url())
        for _ in 0..<20 {
            #expect(throws: NNGError.addressInUse) { try second.listen(directory.url()) }
            try Address(directory.url()).requireListener()
        }
        let request = try RequestSocket(directory.url(), maximumMessageSize: 100)
        #expect(try await request.request([7], timeout: patience) == [7])
        #expect(try await blocking { second.close(deadline: patience) && first.close(deadline: patience) })
    }

    @Test func errorsCarryNngsTextAndUnknownCodesSurvive() {
        #expect(NNGError.timedOut.description == "Timed out")
        #expect(NNGError(code: 5) == .timedOut)
        #expect(NNGError(code: 4711).code == 4711)
        #expect(!NNGError(code: 4711).description.isEmpty)
    }
}
