internal import Curl
internal import JSON

/// The conversation that a model is shown, in the form in which its client wants it: grows at its end and is kept from
/// call to call, so that only what is new is put into that form.
///
/// A value: a request holds it as it was, for the price of a list of segments. Of JSON nothing is copied, however many
/// hold it: see ``HistorySegment``.
public struct ModelHistory: Sendable {
    /// How messages are kept.
    public enum Form: Sendable, Hashable {
        /// As they are, for models in this process.
        case plain(ModelOrigin)
        /// As the JSON of the list of messages of a request to such a server.
        case json(ModelProfile, ModelOrigin)

        /// For whom.
        public var origin: ModelOrigin {
            switch self {
            case .plain(let origin), .json(_, let origin): origin
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
    /// How many answers have reasoning, which goes back to its maker: that may say that it is none of its own.
    public private(set) var boundAnswers = 0
    private var messages: [[ModelMessage]] = []
    private var newMessages: [ModelMessage] = []
    private var json: [HistorySegment.Prefix] = []
    private var newJSON = HistorySegment.Prefix()
    private var encoder: (any HistoryEncoder)?
    private var callIDs = CallIDs()

    /// Long enough that the list of segments stays short, short enough that copying what grows costs nothing.
    static let segmentMessages = 256

    public init(_ form: Form) {
        self.form = form
        guard case .json(let profile, _) = form else { return }
        encoder =
            switch profile.api {
            case .chat: ChatEncoder(profile)
            case .messages: MessagesEncoder(profile)
            case .responses: ResponsesEncoder()
            }
    }

    /// Appends messages that belong together, as the results of a step do.
    public mutating func append(_ messages: [ModelMessage]) {
        var batch = messages
        if case .json(let profile, _) = form, !profile.seesImages || !profile.takesFiles {
            batch = messages.map { $0.inWords(images: !profile.seesImages, files: !profile.takesFiles) }
        }
        if encoder != nil {
            for index in batch.indices {
                if let changed = callIDs.distinct(batch[index]) { batch[index] = changed }
            }
        }
        for message in batch { note(message) }
        if encoder != nil { encode(batch) } else { for message in batch { keep(message) } }
        count += batch.count
    }

    public mutating func append(_ message: ModelMessage) { append([message]) }

    private mutating func note(_ message: ModelMessage) {
        if message.isBound { boundAnswers += 1 }
        guard let content = message.content, !content.parts.isEmpty else { return }
        media.add(content, inBase64: encoder != nil)
    }

    private mutating func keep(_ message: ModelMessage) {
        newMessages.append(message)
        byteCount += message.textBytes
        if newMessages.count == Self.segmentMessages {
            messages.append(newMessages)
            newMessages = []
        }
    }

    private mutating func encode(_ batch: [ModelMessage]) {
        let before = newJSON.count
        let full = newJSON.write { encoder!.append(batch, to: &$0) }
        byteCount += newJSON.count - (full == nil ? before : 0)
        if let full, full.count > 0 { json.append(full) }
    }

    /// A message at a place below `count`; only in the plain form.
    public subscript(index: Int) -> ModelMessage {
        guard case .plain = form else { preconditionFailure("a history of JSON has no messages") }
        let (segment, place) = index.quotientAndRemainder(dividingBy: Self.segmentMessages)
        return segment < messages.count ? messages[segment][place] : newMessages[place]
    }

    /// What is sent after what was appended, and is not kept: the last of ``jsonPieces``, unless it is empty.
    var closing: [UInt8] { encoder?.closing ?? [] }

    /// The elements of the JSON list, with commas between them, in pieces.
    var jsonPieces: [BodyPiece] {
        guard let encoder else { preconditionFailure("a plain history has no JSON") }
        let end = encoder.closing
        return json.map(\.piece) + (newJSON.count > 0 ? [newJSON.piece] : []) + (end.isEmpty ? [] : [BodyPiece(end)])
    }

    /// What stands before the messages where the list itself has no place for it.
    var systemPrompt: String { encoder?.systemPrompt ?? "" }
}

/// Puts messages into the JSON of one API, each once and for good.
///
/// Rule: what was appended is never changed. The list of one request begins with that of the request before, but for what
/// closes it.
protocol HistoryEncoder: Sendable {
    /// Appends messages that belong together. Pure: the same messages give the same bytes for ever.
    mutating func append(_ batch: [ModelMessage], to json: inout JSONWriter)
    /// What is missing after what was appended, to make it whole elements of a list.
    var closing: [UInt8] { get }
    var systemPrompt: String { get }
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

extension ModelMessage {
    /// With words in the place of images, and of files that are no text.
    fileprivate func inWords(images: Bool, files: Bool) -> ModelMessage {
        switch self {
        case .system, .assistant: self
        case .user(let content): .user(content.inWords(images: images, files: files))
        case .tool(let id, let content): .tool(callID: id, content: content.inWords(images: images, files: files))
        }
    }

    /// An answer that has reasoning.
    fileprivate var isBound: Bool {
        guard case .assistant(_, let calls, let blocks) = self else { return false }
        // Gemini signs the call, not the reasoning.
        return calls.contains { !$0.extra.isEmpty && $0.extra.contains("signature") }
            || blocks.contains(where: \.isBound)
    }

    /// What may have images and files.
    fileprivate var content: ModelContent? {
        switch self {
        case .user(let content), .tool(_, let content): content
        case .system, .assistant: nil
        }
    }

    /// Bytes of text in it.
    fileprivate var textBytes: Int {
        switch self {
        case .system(let text): text.utf8.count
        case .user(let content): content.byteCount
        case .assistant(let text, let calls, let blocks):
            blocks.reduce(
                calls.reduce(text.utf8.count) {
                    $0 + $1.id.utf8.count + $1.name.utf8.count + $1.arguments.utf8.count + $1.extra.utf8.count
                }
            ) { $0 + $1.textBytes }
        case .tool(let id, let content): id.utf8.count + content.byteCount
        }
    }
}

extension ModelBlock {
    /// Only its maker takes it.
    var isBound: Bool {
        switch self {
        case .reasoning, .opaque: true
        case .text, .call: false
        }
    }

    fileprivate var textBytes: Int {
        switch self {
        case .call: 0
        case .text(_, let json): json.utf8.count
        case .reasoning(let text, let json): text.utf8.count + json.utf8.count
        case .opaque(_, let json): json.utf8.count
        }
    }
}

extension ModelContent {
    fileprivate func inWords(images: Bool, files: Bool) -> ModelContent {
        var isChanged = false
        let shown = parts.map { part in
            switch part {
            case .image(let image) where images:
                isChanged = true
                return Part.text("[Image \(image.label): this model cannot be shown it]")
            case .file(let file) where files && file.text == nil:
                isChanged = true
                return Part.text("[File \(file.label): this model cannot be shown it]")
            case .text, .image, .file: return part
            }
        }
        guard isChanged else { return self }
        // Servers that take text only take no list of it either.
        guard shown.allSatisfy({ $0.media == nil }) else { return ModelContent(parts: shown) }
        return ModelContent(
            shown.compactMap { if case .text(let text) = $0 { text } else { nil } }.joined(separator: "\n"))
    }

    fileprivate var byteCount: Int { parts.reduce(text.utf8.count) { $0 + ($1.media?.data.count ?? 0) } }
}
