internal import FoundationEssentials
internal import JSON

/// Messages and results that are more than text, in the form of chat completions.
///
/// frozen: the same content gives the same bytes for ever, as what a model was shown is never written anew.
enum ChatContent {
    /// The value of `content` of a user's message.
    static func append(_ content: ModelContent, to json: inout [UInt8]) {
        guard !content.parts.isEmpty else { return json.append(string: content.text) }
        json.append(list: content.parts) { append($0, to: &$1) }
    }

    private static func append(_ part: ModelContent.Part, to json: inout [UInt8]) {
        switch part {
        case .text(let text):
            json += #"{"type":"text","text":"#.utf8
            json.append(string: text)
            json += "}".utf8
        case .image(let image):
            json += #"{"type":"image_url","image_url":{"url":"#.utf8
            json.append(dataURL: image)
            json += "}}".utf8
        // Text is text to every server; files in other forms are known to few.
        case .file(let file) where file.text != nil:
            json += #"{"type":"text","text":"#.utf8
            json.append(string: "[File \(file.label)]\n\(file.text!)")
            json += "}".utf8
        case .file(let file):
            json += #"{"type":"file","file":{"filename":"#.utf8
            json.append(string: file.name.isEmpty ? "file" : file.name)
            json += #","file_data":"#.utf8
            json.append(dataURL: file)
            json += "}}".utf8
        }
    }

    /// What stands in the result itself.
    static func text(ofResult content: ModelContent) -> String {
        guard !content.parts.isEmpty else { return content.text }
        return content.parts.map { part in
            switch part {
            case .text(let text): text
            case .image(let image): "[Image shown below: \(image.label)]"
            case .file(let file): "[File shown below: \(file.label)]"
            }
        }.joined(separator: "\n")
    }

    /// What follows it.
    static func media(ofResult content: ModelContent, of call: String) -> [ModelContent.Part] {
        let media = content.parts.filter { $0.media != nil }
        return media.isEmpty ? [] : [.text("[Of the result of call \(call):]")] + media
    }
}

extension ModelMedia {
    /// Of a file of text.
    var text: String? {
        guard type.hasPrefix("text/") || ["application/json", "application/xml", "application/yaml"].contains(type)
        else {
            return nil
        }
        return String(validating: data, as: UTF8.self)
    }
}

extension [UInt8] {
    /// A JSON string: RFC 2397, with the bytes in base64 (RFC 4648), which JSON escapes nothing of.
    mutating func append(dataURL media: ModelMedia) {
        self += "\"data:\(media.type);base64,".utf8
        self += Data(media.data).base64EncodedData()
        append(UInt8(ascii: "\""))
    }
}
