internal import FermataClient
internal import FermataProtocol
internal import Foundation
internal import JSON
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
            let document: JSONDocument
            do { document = try JSONDocument(parsing: text) } catch {
                throw Refusal(.badMessage, "the body is not JSON: \(error)")
            }
            if hasVerdict(document) { answer = try decided(document) } else { answer.text = text }
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

    private static func hasVerdict(_ document: JSONDocument) -> Bool {
        guard let verdict = document.member("verdict", of: 0), document.kind(verdict) == .string else { return false }
        let name = document.text(verdict)
        return FermataVerdict.allCases.contains { $0 != .unspecified && $0.protocolName == name }
    }

    private static func decided(_ document: JSONDocument) throws -> FermataAnswer {
        let members = document.members(0)
        if let unknown = members.map(\.key).filter({ !fields.contains($0) }).min() {
            let field = String(unknown.prefix(100))
            throw Refusal(.unsupported, "an answer with a verdict has no field \(field)", details: ["field": field])
        }
        var answer = JSONWriter()
        for (key, value) in members {
            answer.append(answer.count == 0 ? UInt8(ascii: "{") : UInt8(ascii: ","))
            answer.append(string: key)
            answer.append(UInt8(ascii: ":"))
            // A call's arguments are JSON in text; here they may be written as what they are, with their digits.
            if key == "arguments", document.kind(value) != .string {
                answer.append(string: document.source(value))
            } else {
                answer.append(json: document.source(value))
            }
        }
        answer.append(UInt8(ascii: "}"))
        return try decode(answer.withBytes { Array($0) })
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
