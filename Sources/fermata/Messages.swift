internal import ArgumentParser
internal import FermataClient
internal import FermataProtocol
internal import SwiftProtobuf

struct Send: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "send",
        abstract: "Send a message to a run.",
        discussion: """
            It reaches the model before its next step. It never lifts a hold and never answers an ask. The reply \
            names the message's number; until the model has seen it, `fermata withdraw` takes it back.

            With --wait the command ends when the message is delivered and says at which step; 1 is its exit code if \
            that cannot happen any more, because the message was withdrawn or the run stopped.

            EXAMPLES
              fermata send 01a1fd79 "Keep it short, please."
              fermata send 01a1fd79 --now "Stop that, look at the tests first."
              fermata send 01a1fd79 --when-idle --wait "Then write the summary."
              fermata send 01a1fd79 --attach plan.png --attach notes.pdf "Is this what you mean?"
            """)
    @OptionGroup var on: RunOptions
    @Argument(help: "The message.") var text: String
    @OptionGroup var attachments: Attachments
    @Flag(help: "Cut the model call in progress; calls that have not started are superseded.") var now = false
    @Flag(help: "Deliver it as a turn of its own, after this one has ended.") var whenIdle = false
    @Flag(help: "Wait until the model is shown the message, and say at which step.") var wait = false

    func validate() throws {
        if now && whenIdle { throw ValidationError("--now and --when-idle exclude each other.") }
    }

    func run() async throws {
        let client = on.server.client
        var send = on.command(FermataSend.self)
        send.text = text
        send.blocks = try await attachments.blocks(client)
        send.delivery = now ? .now : whenIdle ? .whenIdle : .nextStep
        guard wait else { return try await on.server.run(send) }
        // What comes after this event has the receipt, however fast it comes.
        let before = try await client.send(FermataGetRun.with { $0.run = send.run }).run
        send.run = before.id
        let reply = try await client.send(send)
        try on.server.print(reply)
        let progress = Progress(client, run: before.id, waitsFor: "delivery of message \(reply.message)")
        defer { progress.end() }
        guard let id = RunID(before.id) else { throw ClientError.badReply("\(before.id) is no run's id") }
        for try await event in try await client.tail(run: id, after: before.lastSeq) {
            switch event.kind {
            case .modelCalled(let call) where call.delivered.contains(reply.message):
                progress.end()
                if on.server.json { return try on.server.print(json: event) }
                return print("\(before.id)  message \(reply.message) delivered at step \(call.step)")
            case .messageWithdrawn(let withdrawn) where withdrawn.number == reply.message:
                progress.end()
                Failure.say("message \(reply.message) was withdrawn")
                throw ExitCode(Failure.refused)
            case .stopped:
                progress.end()
                Failure.say("the run was stopped before message \(reply.message) was delivered")
                throw ExitCode(Failure.refused)
            case .handedOff:
                progress.end()
                Failure.say(
                    "the run was handed off before message \(reply.message) was delivered; it may go on elsewhere")
                throw ExitCode(Failure.refused)
            default: break
            }
        }
    }
}

struct Withdraw: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "withdraw",
        abstract: "Take back a message that the model has not been shown.",
        discussion: """
            `fermata show RUN` lists the messages that wait. One that was delivered cannot be taken back: send \
            another that corrects it.

            EXAMPLE
              fermata withdraw 01a1fd79 2
            """)
    @OptionGroup var on: RunOptions
    @Argument(help: "The message's number, as `fermata send` printed it.") var message: UInt32

    func run() async throws {
        var withdraw = on.command(FermataWithdraw.self)
        withdraw.message = message
        try await on.server.run(withdraw)
    }
}
