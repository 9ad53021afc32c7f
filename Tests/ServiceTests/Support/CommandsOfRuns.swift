import FermataProtocol
import SwiftProtobuf

extension FermataPause {
    static func of(_ run: String, at time: Int64 = 0, token: Bool = false) -> FermataPause {
        .with {
            $0.run = run
            $0.resumeAt = time
            $0.resumeToken = token
        }
    }
}

extension FermataInterrupt {
    static func of(_ run: String, at time: Int64 = 0, token: Bool = false) -> FermataInterrupt {
        .with {
            $0.run = run
            $0.resumeAt = time
            $0.resumeToken = token
        }
    }
}

extension FermataResume {
    static func of(_ run: String, text: String = "", token: String = "") -> FermataResume {
        .with {
            $0.run = run
            $0.text = text
            $0.token = token
        }
    }
}

extension FermataStop {
    static func of(_ run: String) -> FermataStop { .with { $0.run = run } }
}

extension FermataSend {
    static func to(_ run: String, _ text: String, _ delivery: FermataDelivery = .nextStep) -> FermataSend {
        .with {
            $0.run = run
            $0.text = text
            $0.delivery = delivery
        }
    }
}

extension FermataWithdraw {
    static func of(_ run: String, message: UInt32) -> FermataWithdraw {
        .with {
            $0.run = run
            $0.message = message
        }
    }
}

extension FermataAnswer {
    static func to(_ run: String, ask: UInt32 = 1, _ text: String) -> FermataAnswer {
        .with {
            $0.run = run
            $0.ask = ask
            $0.text = text
        }
    }
}
