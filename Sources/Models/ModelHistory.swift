/// The conversation that a model is shown, in the form in which its client wants it: grows at its end and is kept from
/// call to call, so that only what is new is put into that form.
///
/// A value: a request holds it as it was, for the price of a list of segments. Segments are full and never change
/// again; only what grows, at most one segment's length, is copied when a request still holds it.
public struct ModelHistory: Sendable {
    /// How messages are kept.
    public enum Form: Sendable, Hashable {
        /// As they are, for models in this process.
        case messages(ModelOrigin)
        /// As the JSON of the list `messages` of an OpenAI-style request.
        case chat(ModelOrigin)

        /// For whom.
        public var origin: ModelOrigin {
            switch self {
            case .messages(let origin), .chat(let origin): origin
            }
        }
    }

    public let form: Form
    /// Messages so far.
    public private(set) var count = 0
    /// Bytes that are kept: of JSON, or about that many of text.
    public private(set) var byteCount = 0
    /// What of it is not text to a model.
    public private(set) var media = Media()
    private var messages: [[ModelMessage]] = []
    private var newMessages: [ModelMessage] = []
    private var json: [[UInt8]] = []
    private var newJSON: [UInt8] = []

    /// Long enough that lists of segments stay short, short enough that copying what grows costs nothing: bytes of
    /// JSON, and messages. Of 16, 64 and 256 KiB the encoding of 10,000 steps took the same time.
    static let segmentBytes = 64 << 10
    static let segmentMessages = 256

    public init(_ form: Form) {
        self.form = form
    }

    /// Appends messages that belong together, as the results of a step do.
    public mutating func append(_ batch: [ModelMessage]) {
        switch form {
        case .messages: for message in batch { add(message) }
        case .chat: for message in ChatRequestBody.messages(batch) { add(message) }
        }
    }

    public mutating func append(_ message: ModelMessage) { append([message]) }

    private mutating func add(_ message: ModelMessage) {
        if let content = message.content(in: form), !content.parts.isEmpty {
            media.add(content, inBase64: form.isJSON)
        }
        switch form {
        case .messages:
            newMessages.append(message)
            byteCount += message.textBytes
            if newMessages.count == Self.segmentMessages {
                messages.append(newMessages)
                newMessages = []
            }
        case .chat:
            let before = newJSON.count
            if count > 0 { newJSON.append(UInt8(ascii: ",")) }
            ChatRequestBody.append(message, to: &newJSON)
            byteCount += newJSON.count - before
            if newJSON.count >= Self.segmentBytes {
                json.append(newJSON)
                newJSON = []
                newJSON.reserveCapacity(Self.segmentBytes + Self.segmentBytes / 8)
            }
        }
        count += 1
    }

    /// A message at a place below `count`; only in the form of messages.
    public subscript(index: Int) -> ModelMessage {
        guard case .messages = form else { preconditionFailure("a history of JSON has no messages") }
        let (segment, place) = index.quotientAndRemainder(dividingBy: Self.segmentMessages)
        return segment < messages.count ? messages[segment][place] : newMessages[place]
    }

    /// The elements of the JSON list, with commas between them, in pieces; only in the form of chat JSON.
    var chatPieces: [[UInt8]] {
        guard case .chat = form else { preconditionFailure("a history of messages has no JSON") }
        return newJSON.isEmpty ? json : json + [newJSON]
    }
}

extension ModelHistory {
    /// Images, and files that no server reads as text: providers count them otherwise than their bytes.
    public struct Media: Sendable, Equatable {
        public private(set) var images = 0
        /// Of the files themselves.
        public private(set) var fileBytes = 0
        /// Of images and files as they are kept: part of `byteCount`.
        public private(set) var keptBytes = 0

        fileprivate mutating func add(_ content: ModelContent, inBase64 isBase64: Bool) {
            for part in content.parts {
                switch part {
                case .image(let image):
                    images += 1
                    keep(image, isBase64)
                case .file(let file) where file.text == nil:
                    fileBytes += file.data.count
                    keep(file, isBase64)
                case .text, .file: break
                }
            }
        }

        private mutating func keep(_ media: ModelMedia, _ isBase64: Bool) {
            keptBytes += isBase64 ? (media.data.count + 2) / 3 * 4 : media.data.count
        }
    }
}

extension ModelHistory.Form {
    fileprivate var isJSON: Bool { if case .chat = self { true } else { false } }
}

extension ModelMessage {
    /// What may have images and files. Over chat completions those of a result follow in a user's message.
    fileprivate func content(in form: ModelHistory.Form) -> ModelContent? {
        switch self {
        case .user(let content): content
        case .tool(_, let content): form.isJSON ? nil : content
        case .system, .assistant: nil
        }
    }

    /// Bytes of text in it.
    fileprivate var textBytes: Int {
        switch self {
        case .system(let text): text.utf8.count
        case .user(let content): content.byteCount
        case .assistant(let text, let calls):
            calls.reduce(text.utf8.count) {
                $0 + $1.id.utf8.count + $1.name.utf8.count + $1.arguments.utf8.count + $1.extra.utf8.count
            }
        case .tool(let id, let content): id.utf8.count + content.byteCount
        }
    }
}

extension ModelContent {
    fileprivate var byteCount: Int { parts.reduce(text.utf8.count) { $0 + ($1.media?.data.count ?? 0) } }
}
