import FermataProtocol

extension OneServerAtATime.TableTests {
    static func cell(_ command: Command, _ situation: Situation) -> Cell {
        switch command {
        case .stop: situation.status == .stopped ? .ok : .done(.stopped)
        case .answer: answer(situation)
        case .send, .sendNow, .sendWhenIdle: send(command, situation)
        case .withdraw:
            // In these no message can wait: what is asked for is one that never was.
            switch situation.status {
            case .idle, .finished, .stopped: .refused(.noSuchMessage)
            default: .done(situation.status)
            }
        case .withdrawDelivered:
            situation == .idle || situation == .pausedIdle ? .refused(.noSuchMessage) : .refused(.alreadyDelivered)
        case .pause, .pauseUntil, .pauseWithToken: pause(situation)
        case .interrupt, .interruptUntil, .interruptWithToken: interrupt(situation)
        case .resume: resume(situation)
        case .resumeWithMessage: resumeWithMessage(situation)
        // Of a hold that is gone, whatever the status has become.
        case .resumeWithToken: situation.isHeld ? resume(situation) : .refused(.tokenUsed)
        }
    }

    private static func answer(_ situation: Situation) -> Cell {
        switch situation {
        case .waiting: .done(.running)
        case .pausedAsking: .done(.paused)
        case .pausedAtLimit, .failedByLimit: .refused(.alreadyAnswered)
        case .finished, .stopped, .stoppedWhileKilling: .refused(.wrongStatus)
        default: .refused(.noSuchAsk)
        }
    }

    private static func send(_ command: Command, _ situation: Situation) -> Cell {
        switch situation {
        case .stopped, .stoppedWhileKilling: .refused(.wrongStatus)
        case .idle, .finished: .done(.running)
        case .waiting where command == .sendNow: .done(.running)
        default: .done(situation.status)
        }
    }

    private static func pause(_ situation: Situation) -> Cell {
        switch situation {
        case .finished, .failed, .failedByLimit, .stopped, .stoppedWhileKilling: .refused(.wrongStatus)
        case .modelInFlight, .toolExecuting, .runningWhileKilling: .done(.pausing)
        case .idle, .waiting, .betweenAttempts: .done(.paused)
        default: .ok
        }
    }

    private static func interrupt(_ situation: Situation) -> Cell {
        switch situation {
        case .finished, .failed, .failedByLimit, .stopped, .stoppedWhileKilling: .refused(.wrongStatus)
        case .toolExecuting, .pausingTool, .runningWhileKilling: .done(.pausing)
        case .idle, .waiting, .betweenAttempts, .modelInFlight, .pausingModel: .done(.paused)
        default: .ok
        }
    }

    private static func resume(_ situation: Situation) -> Cell {
        switch situation {
        case .idle, .finished, .stopped, .stoppedWhileKilling: .refused(.wrongStatus)
        case .waiting, .modelInFlight, .toolExecuting, .betweenAttempts, .runningWhileKilling: .ok
        // What the hold hid.
        case .pausedIdle: .done(.idle)
        case .pausedEnded: .done(.finished)
        case .pausedFailed: .done(.failed)
        case .pausedAsking, .pausedAtLimit: .done(.waiting)
        case .pausingModel, .pausingTool, .killing, .pausedSelected, .interrupted, .failed, .failedByLimit:
            .done(.running)
        }
    }

    private static func resumeWithMessage(_ situation: Situation) -> Cell {
        switch situation {
        case .stopped, .stoppedWhileKilling: .refused(.wrongStatus)
        case .waiting, .pausedAsking, .pausedAtLimit: .done(.waiting)
        case .pausedFailed: .done(.failed)
        default: .done(.running)
        }
    }

    /// Whether the model call that shows the message has begun when the reply comes.
    static func delivers(_ command: Command, _ situation: Situation) -> Bool {
        switch situation {
        case .idle, .finished: true
        case .waiting, .modelInFlight, .betweenAttempts, .runningWhileKilling: command == .sendNow
        case .killing, .pausedIdle, .pausedEnded, .interrupted, .failed, .failedByLimit: command == .resumeWithMessage
        default: false
        }
    }
}
