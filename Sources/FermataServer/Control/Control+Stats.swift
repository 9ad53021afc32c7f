internal import FermataProtocol
internal import Glibc
internal import Journal
internal import NNG
internal import RunRows
internal import SwiftProtobuf
internal import Threads

extension Control {
    /// Counts and sizes: no run is read, and no commit is waited for.
    func stats(_ complete: @escaping Exchange.Completion) {
        // Off nng's thread: sizes of files and of the process are asked of the kernel.
        readers.lookUp { [self] reader in
            complete(Result { try stats(lastOffset: reader.lastOffset()).serializedBytes() })
        }
    }

    private func stats(lastOffset: UInt64) -> FermataStatsReply {
        let storage = journal.storage
        var limit = rlimit()
        getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        return .with {
            $0.instance = hello.instance
            $0.startedAt = startedAt
            $0.nowAt = Clock.now
            $0.lastOffset = lastOffset
            $0.runsInMemory = UInt64(published.count)
            $0.modelCallsInFlight = UInt64(max(0, counters.modelCalls.current))
            $0.toolsExecuting = UInt64(max(0, counters.tools.current))
            $0.readsWaiting = UInt64(waiters.count)
            $0.commandsQueued = UInt64(loop.inbox.count)
            $0.requestsInProgress = UInt64(max(0, counters.requestsInProgress.current))
            $0.requestBytes = UInt64(max(0, counters.requestBytes.current))
            $0.requests = UInt64(counters.requests.current)
            $0.commandsAccepted = UInt64(counters.commandsAccepted.current)
            $0.commandsRefused = UInt64(counters.commandsRefused.current)
            $0.commandsOverloaded = UInt64(counters.commandsOverloaded.current)
            $0.commits = UInt64(counters.commits.current)
            $0.events = UInt64(counters.events.current)
            $0.storeBytes = storage.bytes
            $0.logBytes = storage.waitingBytes
            $0.residentBytes = ProcessFigures.residentBytes
            $0.descriptors = ProcessFigures.openDescriptors
            $0.descriptorLimit = UInt64(limit.rlim_cur)
            $0.listenerRestarts = UInt64(counters.listenerRestarts.current)
            $0.historyBytes = UInt64(loop.effects.historyBytes)
            $0.webhooksPending = UInt64(max(0, counters.webhooksPending.current))
            $0.webhooksDead = UInt64(max(0, counters.webhooksDead.current))
            $0.storeIsFull = counters.storeIsFull.current > 0
            $0.callOffers = UInt64(counters.callOffers.current)
            $0.leases = UInt64(max(0, counters.leases.current))
            $0.effectsWaiting = UInt64(max(0, counters.effectsWaiting.current))
            $0.effectDescriptors = UInt64(max(0, loop.effects.descriptorsTaken))
            $0.effectDescriptorLimit = UInt64(loop.effects.descriptorCeiling)
            $0.controlConnections = UInt64(counters.controlConnections.current)
            $0.subscribers = UInt64(counters.subscribers.current)
            $0.connectionsClosed = UInt64(counters.connectionsClosed.current)
            $0.subscribersRefused = UInt64(counters.subscribersRefused.current)
        }
    }
}

/// What the kernel knows of this process; 0 where it does not say. See `man 5 proc`.
enum ProcessFigures {
    static var residentBytes: UInt64 {
        guard let file = fopen("/proc/self/statm", "r") else { return 0 }
        defer { fclose(file) }
        var line = [CChar](repeating: 0, count: 256)
        guard fgets(&line, Int32(line.count), file) != nil else { return 0 }
        let fields = String(decoding: line.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self).split(
            separator: " ")
        return (fields.count > 1 ? UInt64(fields[1]) ?? 0 : 0) * UInt64(sysconf(Int32(_SC_PAGESIZE)))
    }

    static var openDescriptors: UInt64 {
        // Without a descriptor to look at them, all are open.
        guard let directory = opendir("/proc/self/fd") else {
            return [EMFILE, ENFILE].contains(errno) ? UInt64(max(0, FreeDescriptors.limit)) : 0
        }
        defer { closedir(directory) }
        var count: UInt64 = 0
        while readdir(directory) != nil { count += 1 }
        // Itself, and the entries `.` and `..`.
        return count > 3 ? count - 3 : 0
    }
}
