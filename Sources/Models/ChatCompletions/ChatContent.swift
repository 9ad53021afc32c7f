internal import FoundationEssentials
internal import JSON

/// Messages and results that are more than text, in the form of chat completions.
///
/// frozen: the same content gives the same bytes for ever, as what a model was shown is never written anew.
enum ChatContent {
    /// The value of `content` of a user's message.
    static func append(_ content: ModelContent, to json: inout JSONWriter) {
        guard !content.parts.isEmpty else { return json.append(string: content.text) }
        json.append(list: content.parts) { append($0, to: &$1) }
    }

    private static func append(_ part: ModelContent.Part, to json: inout JSONWriter) {
        switch part {
        case .text(let text):
            json.append(#"{"type":"text","text":"#)
            json.append(string: text)
            json.append("}")
        case .image(let image):
            json.append(#"{"type":"image_url","image_url":{"url":"#)
            json.append(dataURL: image)
            json.append("}}")
        // Text is text to every server; files in other forms are known to few.
        case .file(let file) where file.text != nil:
            json.append(#"{"type":"text","text":"#)
            json.append(string: "[File \(file.label)]\n\(file.text!)")
            json.append("}")
        case .file(let file):
            json.append(#"{"type":"file","file":{"filename":"#)
            json.append(string: file.name.isEmpty ? "file" : file.name)
            json.append(#","file_data":"#)
            json.append(dataURL: file)
            json.append("}}")
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

extension JSONWriter {
    /// A JSON string: RFC 2397, with the bytes in base64 (RFC 4648), which JSON escapes nothing of.
    mutating func append(dataURL media: ModelMedia) {
        append("\"data:")
        append(json: media.type)
        append(";base64,")
        append(json: Data(media.data).base64EncodedData())
        append(UInt8(ascii: "\""))
    }
}
