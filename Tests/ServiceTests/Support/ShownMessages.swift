import Foundation
import MockModel
import Testing

extension MockModelLog {
    /// The conversation as a request showed it to the model, without the system's prompt: `role: text`, and for an
    /// answer with calls the names of the tools in brackets.
    func shown(_ number: Int) throws -> [String] {
        struct Body: Decodable { var messages: [Message] }
        struct Message: Decodable {
            var role: String
            var content: String?
            var tool_calls: [Call]?
        }
        struct Call: Decodable { var function: Function }
        struct Function: Decodable { var name: String }

        let body = try #require(entry(number)?.body, "the model has no request \(number)")
        return try JSONDecoder().decode(Body.self, from: Data(body)).messages.filter { $0.role != "system" }.map {
            let names = $0.tool_calls.map { " [" + $0.map(\.function.name).joined(separator: " ") + "]" } ?? ""
            return "\($0.role): \($0.content ?? "")\(names)"
        }
    }
}
