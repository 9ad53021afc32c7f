import FermataProtocol
import Foundation
import Journal
import JournalTestKit
import Logging
import Models
import NNG
import Testing

@testable import FermataServer
import Threads

/// Where frames go: every type that clients send has one route, and nothing else has.
@Suite struct RouteTests {
    /// All handlers as the server has them, over a journal in memory. There is no loop: nothing is decided.
    private static func control() throws -> Control {
        let journal = MemoryJournal()
        let logger = Logger(label: "") { _ in SwiftLogNoOpLogHandler() }
        let configuration = Configuration(directory: "/", environment: ["LLM_MODEL": "mock/x"], prices: Prices.builtIn)
        let secrets = configuration.allSecrets
        let readers = ReaderPool(threads: 0, logger: logger) { try journal.openReader() }
        let counters = Counters()
        let waiters = Waiters(limit: 1)
        let offers = CallOffers(waiters: waiters, readers: readers, counters: counters)
        let tools = ToolSources([], logger: logger)
        let catalogue = ModelCatalogue(
            configuration.models, silence: configuration.modelSilence, secrets: secrets,
            prices: configuration.prices, logger: logger)
        let text = TextPublisher(socket: try PublishSocket())
        let effects = EffectRunner(
            models: ModelRunner(
                catalogue: catalogue, prices: configuration.prices, readers: readers, text: text, secrets: secrets,
                logger: logger),
            tools: tools, text: text, secrets: secrets, counters: counters, toolState: "/", descriptors: 1)
        let seal = TokenSeal(key: [UInt8](repeating: 1, count: 32))
        return Control(
            inbox: Mailbox(), readers: readers, published: PublishedRuns(), waiters: waiters, offers: offers,
            launches: LaunchCheck(
                defaultModel: "mock/x", catalogue: catalogue, prices: configuration.prices, tools: tools,
                workspaces: "/"),
            effects: effects, seal: seal, accessTokens: AccessTokens(seal: seal), secrets: secrets,
            hello: FermataHelloReply(), counters: counters, answers: WorkThread("fermata-answer"), journal: journal,
            directory: "/", logger: logger)
    }

    @Test func theCatalogueIsCovered() throws {
        let routes = try Self.control().routes
        #expect(routes.types == FrameKind.all.map(\.type))
        for kind in FrameKind.all { #expect(routes[UInt16(kind.type.rawValue)]?.type == kind.type) }
        for type in FermataFrameType.allCases where !routes.types.contains(type) {
            #expect(routes[UInt16(type.rawValue)] == nil)
        }
        for number: UInt16 in [0, 37, 255, 256, 32768, 32769, .max] { #expect(routes[number] == nil) }
    }

    @Test func aTypeWithTwoRoutesIsAMistake() async {
        await #expect(processExitsWith: .failure) {
            let route = Route.read { (_: FermataHello, _, _) in }
            _ = RouteTable([route, route])
        }
        await #expect(processExitsWith: .success) { _ = RouteTable([Route.read { (_: FermataHello, _, _) in }]) }
    }

    /// What is refused without a look at what was accepted before is no command.
    @Test func aCommandIsNoRead() async {
        await #expect(processExitsWith: .failure) { _ = Route.read { (_: FermataStop, _, _) in } }
        // A hand-off is one, the export by itself is not.
        await #expect(processExitsWith: .success) { _ = Route.read { (_: FermataExport, _, _) in } }
    }
}
