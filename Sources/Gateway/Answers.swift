internal import FermataClient
internal import FermataProtocol
internal import Foundation
internal import SwiftProtobuf

/// `POST /answers/<token>` and `POST /resume/<token>`: whoever has the URL answers one ask, or lifts one hold, and
/// learns nothing of the run but its status.
enum Answers {
    /// What a body of JSON may say of an ask that is decided by a verdict.
    private static let fields: Set<String> = [
        "verdict", "text", "arguments", "argumentsSha256", "limits", "by", "reason",
    ]

    /// Text is the answer as it is. So is JSON, unless it is an object whose `verdict` is one.
    static func answer(_ token: String, _ body: [UInt8], isJSON: Bool, key: String?) throws -> FermataAnswer {
        guard let text = String(validating: body, as: UTF8.self) else {
            throw Refusal(.badMessage, "the body is not UTF-8")
        }
        var answer = FermataAnswer()
        if isJSON {
            guard let value = try? JSONSerialization.jsonObject(with: Data(body), options: .fragmentsAllowed) else {
                throw Refusal(.badMessage, "the body is not JSON")
            }
            if let object = value as? [String: Any], let verdict = verdict(object) {
                answer = try decided(object, verdict)
            } else {
                answer.text = text
            }
        } else {
            answer.text = text
        }
        answer.token = token
        answer.requestID = key.map { RequestKey.id($0) } ?? UUID().uuidString.lowercased()
        return answer
    }

    static func resume(_ token: String, key: String?) -> FermataResume {
        .with {
            $0.token = token
            $0.requestID = key.map { RequestKey.id($0) } ?? UUID().uuidString.lowercased()
        }
    }

    private static func verdict(_ object: [String: Any]) -> FermataVerdict? {
        guard let name = object["verdict"] as? String else { return nil }
        return FermataVerdict.allCases.first { $0 != .unspecified && $0.protocolName == name }
    }

    private static func decided(_ object: [String: Any], _ verdict: FermataVerdict) throws -> FermataAnswer {
        if let unknown = object.keys.filter({ !fields.contains($0) }).min() {
            let field = String(unknown.prefix(100))
            throw Refusal(.unsupported, "an answer with a verdict has no field \(field)", details: ["field": field])
        }
        var object = object
        // A call's arguments are JSON in text; here they may be written as what they are.
        if let arguments = object["arguments"], !(arguments is String) {
            let bytes = try JSONSerialization.data(
                withJSONObject: arguments, options: [.fragmentsAllowed, .sortedKeys])
            object["arguments"] = String(decoding: bytes, as: UTF8.self)
        }
        return try decode([UInt8](JSONSerialization.data(withJSONObject: object)))
    }

    /// What is told of the run.
    static func told(_ reply: FermataCommandReply) throws -> String {
        try FermataCommandReply.with {
            $0.changed = reply.changed
            $0.run.id = reply.run.id
            $0.run.status = reply.run.status
        }.jsonString()
    }
}
