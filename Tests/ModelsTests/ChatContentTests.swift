import Testing

@testable import Models

/// Images and files in the form of chat completions. frozen: the same content gives the same bytes for ever.
@Suite struct ChatContentTests {
    private static let png = ModelMedia(type: "image/png", name: "a.png", data: [1, 2, 3, 4])
    private static let pdf = ModelMedia(type: "application/pdf", name: "", data: [37, 80])
    private static let notes = ModelMedia(type: "text/plain", name: "notes.txt", data: Array("two\nlines".utf8))

    private func encoded(_ batch: [ModelMessage]) -> String {
        var history = ModelHistory(.json(ModelProfile(), ModelOrigin()))
        history.append(batch)
        return String(decoding: history.jsonPieces.joined(), as: UTF8.self)
    }

    @Test func textAloneStaysText() {
        #expect(encoded([.user("hello")]) == #"{"role":"user","content":"hello"}"#)
    }

    @Test func aMessageHasItsPartsInOrder() {
        let content = ModelContent(parts: [
            .text("See "), .image(Self.png), .text("and"), .file(Self.pdf), .file(Self.notes),
        ])
        #expect(content.text == "See and")
        #expect(
            encoded([.user(content)])
                == #"{"role":"user","content":[{"type":"text","text":"See "},"#
                + #"{"type":"image_url","image_url":{"url":"data:image/png;base64,AQIDBA=="}},"#
                + #"{"type":"text","text":"and"},"#
                + #"{"type":"file","file":{"filename":"file","file_data":"data:application/pdf;base64,JVA="}},"#
                + #"{"type":"text","text":"[File notes.txt, text/plain, 9 bytes]\ntwo\nlines"}]}"#)
    }

    /// A result can only be text: what else it has comes after all results of the step, before anything else.
    @Test func imagesOfResultsFollowTheResults() {
        let seen = ModelContent(parts: [.text("Seen:"), .image(Self.png)])
        #expect(
            encoded([.tool(callID: "c1", content: seen), .tool(callID: "c2", content: "ok"), .user("next")])
                == #"{"role":"tool","tool_call_id":"c1","content":"Seen:\n[Image shown below: a.png, image/png, 4 bytes]"},"#
                + #"{"role":"tool","tool_call_id":"c2","content":"ok"},"#
                + #"{"role":"user","content":[{"type":"text","text":"[Of the result of call c1:]"},"#
                + #"{"type":"image_url","image_url":{"url":"data:image/png;base64,AQIDBA=="}}]},"#
                + #"{"role":"user","content":"next"}"#)
    }

    /// A model that is known to see no images is told of them, over every API, and is sent none.
    @Test(arguments: ModelAPI.allCases) func whoSeesNoImagesIsToldOfThem(_ api: ModelAPI) {
        var profile = ModelProfile(api)
        profile.seesImages = false
        var history = ModelHistory(.json(profile, ModelOrigin()))
        history.append(.user(ModelContent(parts: [.text("See"), .image(Self.png)])))
        history.append([
            .assistant(text: "", calls: [ModelToolCall(id: "c1", name: "look", arguments: "{}")]),
            .tool(callID: "c1", content: ModelContent(parts: [.image(Self.png), .file(Self.notes)])),
        ])
        let json = String(decoding: history.jsonPieces.joined(), as: UTF8.self)
        #expect(json.contains(#"See\n[Image a.png, image/png, 4 bytes: this model cannot be shown it]"#), "\(json)")
        #expect(json.ranges(of: "this model cannot be shown it").count == 2)
        #expect(!json.contains("AQIDBA==") && json.contains("notes.txt"), "\(json)")
        #expect(history.media.images == 0)
    }

    @Test func textThatIsNoneGoesAsAFile() {
        let broken = ModelMedia(type: "text/plain", name: "x", data: [0xFF])
        #expect(
            encoded([.user(ModelContent(parts: [.file(broken)]))])
                == #"{"role":"user","content":[{"type":"file","file":{"filename":"x","file_data":"#
                + #""data:text/plain;base64,/w=="}}]}"#)
    }

    /// A provider counts an image otherwise than its bytes, in either form, of a message or a result.
    @Test(arguments: [ModelHistory.Form.json(ModelProfile(), ModelOrigin()), .plain(ModelOrigin())])
    func whatIsNoTextIsCountedApart(_ form: ModelHistory.Form) {
        var history = ModelHistory(form)
        history.append(.user(ModelContent(parts: [.text("ab"), .image(Self.png), .file(Self.pdf), .file(Self.notes)])))
        history.append([.tool(callID: "c", content: ModelContent(parts: [.image(Self.png)])), .user("next")])
        #expect(history.media.images == 2 && history.media.fileBytes == 2)
        let isJSON = if case .json = form { true } else { false }
        #expect(history.media.keptBytes == (isJSON ? 8 + 4 + 8 : 4 + 2 + 4))
    }

    @Test func theyCountAsWhatIsKept() {
        var history = ModelHistory(.plain(ModelOrigin()))
        history.append(.user(ModelContent(parts: [.text("ab"), .image(Self.png)])))
        #expect(history.byteCount == 6)
    }
}
