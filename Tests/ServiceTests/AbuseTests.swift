import FermataClient
import FermataProtocol
import Foundation
import MockModel
import Testing

extension OneServerAtATime {
    /// Peers that come and go, die and do not listen: others are served, and nothing stays behind.
    @Suite(.timeLimit(.minutes(5))) struct AbuseTests {
        @Test(arguments: ["leave", "kill-dialling", "kill-asking", "pipeline"])
        func aGoodClientIsAnsweredThroughoutAndNothingStaysBehind(_ mode: String) async throws {
            try await Service.run(script: "[]") { service, _ in
                let run = try await service.launch("")
                try await service.pause(run)
                let many = 100 * Abuser.factor
                let few = 20 * Abuser.factor
                func abuse(_ part: Int) async throws {
                    switch mode {
                    case "leave": try await Abuser.run(service, mode, "\(many / part)")
                    case "kill-dialling":
                        try await Abuser.run(service, mode, "\(few / part)", Service.binary, "show", run)
                    case "kill-asking": try await Abuser.run(service, mode, "\(few / part)", run)
                    // So many that what does not read is never done.
                    default: try await Abuser.run(service, mode, "64", "\(10 * many / part)", run)
                    }
                }
                // What is made once and kept belongs to neither side of the comparison.
                try await abuse(10)
                let before = try await service.stats
                let good = GoodClient(service: service, run: run)
                let kept = try await good.asks(isNew: false) { try await abuse(1) }
                print("\(mode): a client that was there: \(kept)")
                #expect(kept.longest < GoodClient.patience)
                let after = try await service.settles(since: before, descriptors: 8, bytes: 16 << 20)
                print(
                    "\(mode): descriptors \(before.descriptors) → \(after.now.descriptors),",
                    "resident \(before.residentBytes >> 10) → \(after.now.residentBytes >> 10) KiB,",
                    "listener restarts \(after.now.listenerRestarts)")
                #expect(after.isSettled)
            }
        }

        /// In nng before 1.6 each peer that leaves too early may end the listener, if nothing stands before that.
        @Test func aNewcomerIsAnsweredWhilePeersComeAndLeave() async throws {
            try await Service.run(script: "[]") { service, _ in
                let run = try await service.launch("")
                let good = GoodClient(service: service, run: run)
                let new = try await good.asks(isNew: true) {
                    for _ in 1...5 { try await Abuser.run(service, "leave", "\(20 * Abuser.factor)") }
                }
                print("leave: a newcomer: \(new), listener restarts \(try await service.stats.listenerRestarts)")
                #expect(new.longest < GoodClient.patience)
            }
        }
    }
}
