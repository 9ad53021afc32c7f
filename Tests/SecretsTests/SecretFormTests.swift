import Foundation
import Secrets
import Testing

/// Keys in all the forms in which servers, models and tools give them back.
@Suite struct SecretFormTests {
    /// Keys with backslashes, quotes and percent signs, alone and together: what a text escapes of such a key stands
    /// beside what looks like an escape and is the key's own.
    private static let keys = [
        #"sk-q\b/xyz%41"#, #"sk-"q\b/x+y=z%41&w"#, #"sk-A/b+c=9"d\e%f"#, #"abcd\%41efgh"#, #"\u0041%5c\n%25\\"%"#,
        "%41%42%43%44%45%46", #"correct %20 \"horse\" %"#, #"a\\\\b\/c%2541%2F"#, #""\"\"\"\"\"\"#, "%25252525%%25",
    ]

    @Test(arguments: keys) func aKeyInEveryFormAndEveryCut(key: String) {
        let table = SecretTable([key])
        for (name, form) in forms(of: key) {
            for pieces in cuts(Array("Bearer \(form), and more".utf8)) {
                let masked = String(decoding: play(pieces, table), as: UTF8.self)
                #expect(masked == "Bearer ****, and more", "\(name): \(form)")
            }
        }
    }

    /// Random keys of printable ASCII, most of them full of what may be an escape.
    @Test(arguments: 0..<4) func randomKeysInEveryForm(seed: UInt64) {
        var random = SplitMix(state: seed)
        let parts = ["\\", "\"", "/", "%", "+", "&", "\\u00", "\\n", "%4", "%2F", "%25", "'", " "]
        let printable = (UInt8(ascii: "!")...UInt8(ascii: "~")).map { String(UnicodeScalar($0)) }
        for _ in 0..<60 {
            let body = (0..<Int.random(in: 8...24, using: &random)).map { _ in
                (Bool.random(using: &random) ? parts : printable).randomElement(using: &random)!
            }
            // A key that begins or ends with an escape of the text around it leaves some of this, or takes it along.
            let key = "s\(body.joined())k"
            let table = SecretTable([key])
            for (name, form) in forms(of: key) + (0..<4).map({ ("mixed \($0)", mixed(key, &random)) }) {
                let text = Array("<\(form)>".utf8)
                let cut = Int.random(in: 0...text.count, using: &random)
                for pieces in [[text], text.map { [$0] }, [Array(text[..<cut]), Array(text[cut...])]] {
                    let masked = String(decoding: play(pieces, table), as: UTF8.self)
                    #expect(masked == "<****>", "\(name): \(form)")
                }
            }
        }
    }

    /// Alone, and between others' bytes: in base64 those decide a part of the first and the last character.
    @Test(arguments: keys) func aKeyInBase64AndHexadecimal(key: String) {
        let table = SecretTable([key])
        for around in ["", ":", "ab", "user"] {
            let bytes = Data((around + key + around).utf8)
            let standard = bytes.base64EncodedString()
            let url = standard.replacing("+", with: "-").replacing("/", with: "_").replacing("=", with: "")
            let hexadecimals = bytes.map(hexadecimal).joined()
            for text in [standard, url, standard.replacing("/", with: "\\/"), hexadecimals, hexadecimals.uppercased()] {
                for pieces in cuts(Array("Basic \(text) and more".utf8)) {
                    let masked = String(decoding: play(pieces, table), as: UTF8.self)
                    let rest = masked.dropFirst("Basic ".count).dropLast(" and more".count)
                    #expect(
                        rest.contains("****") && rest.utf8.count <= 4 * around.utf8.count + 10, "\(text): \(masked)")
                }
            }
        }
    }

    /// JSON strings with a key between other escapes stay such strings.
    @Test(arguments: keys) func aJSONStringStaysOne(key: String) {
        let table = SecretTable([key])
        for around in ["", "\\", "\"", "\\\\\"\n"] where key.first != "\\" || around.last != "\\" {
            let text = json("x\(around)\(key)\(around.reversed().drop { $0 == "\\" })y")
            let masked = table.masked("\"\(text)\"")
            #expect(masked.contains("****"))
            #expect(masked.wholeMatch(of: /"(?:[^"\\]|\\["\\\/bfnrt]|\\u[0-9a-fA-F]{4})*"/) != nil, "\(text) \(masked)")
        }
    }

    /// Text that has all the characters of a key, and no form of it.
    @Test func innocentText() {
        let table = SecretTable([#"pass/word"1"#, "C:\\new%41dir", "two words"])
        for text in [
            #"pass//word"1"#, #"pass\\n/word"1"#, #"pass\\\u005c/word"1"#, "pass%2%2Fword%221", "pass%252%2Fword%221",
            "pass%2525252Fword%221", #"pass\\\\\\\\\/word"1"#,
            "C:new%41dir", #"C:\\new%42dir"#, #"C:\\u006e%41dir"#, "two++words", "two\\+ words", "two\\\\words",
            "two%2words",
        ] {
            for pieces in cuts(Array(text.utf8)) {
                #expect(String(decoding: play(pieces, table), as: UTF8.self) == text)
            }
        }
    }

    /// Text of nothing but beginnings of escapes goes on going out.
    @Test(arguments: ["\\", "%25", "%", "\\\\u00"]) func endlessEscapesAreNotHeldBack(part: String) {
        var mask = SecretMask(SecretTable([#"sk-q\b/xyz%41"#, #"\\\\\\\\%25%25%25"#]))
        var count = 0
        for _ in 0..<1000 {
            count += part.utf8.count
            count -= (mask.mask(part) as String).utf8.count
            #expect(count < 200)
        }
    }

    // MARK: - Forms

    private func forms(of key: String) -> [(String, String)] {
        let percent = { (key: String) in each(key) { "%" + hexadecimal($0) } }
        let url = { (key: String, isUpper: Bool) in
            each(key) { byte in
                let isWord = UnicodeScalar(byte).properties.isAlphabetic || "0123456789-._~".utf8.contains(byte)
                if isWord { return String(UnicodeScalar(byte)) }
                return "%" + (isUpper ? hexadecimal(byte).uppercased() : hexadecimal(byte))
            }
        }
        let unicode = { (key: String) in each(key) { "\\u00" + hexadecimal($0) } }
        let upperUnicode = { (key: String) in each(key) { "\\u00" + hexadecimal($0).uppercased() } }
        let everySecond = { (key: String) in
            key.enumerated().map { $0.isMultiple(of: 2) ? String($1) : unicode(String($1)) }.joined()
        }
        let slashes = { (key: String) in json(key).replacing("/", with: "\\/") }
        return [
            ("plain", key), ("percent", percent(key)), ("upper percent", percent(key).uppercased()),
            ("URL", url(key, true)), ("lower URL", url(key, false)), ("URL twice", url(url(key, true), true)),
            ("URL three times", url(url(url(key, true), true), false)),
            ("form", url(key, true).replacing("%20", with: "+")),
            ("JSON", json(key)), ("JSON with slashes", slashes(key)), ("JSON twice", json(json(key))),
            ("JSON with slashes twice", slashes(slashes(key))), ("JSON with slashes in JSON", json(slashes(key))),
            ("JSON three times", json(json(json(key)))), ("slashes three times", slashes(slashes(slashes(key)))),
            ("unicode", unicode(key)), ("upper unicode", upperUnicode(key)), ("mixed unicode", everySecond(key)),
            ("unicode twice", json(unicode(key))), ("unicode three times", json(json(everySecond(key)))),
            ("URL in JSON", slashes(url(key, true))), ("Go", json(key).replacing("&", with: "\\u0026")),
            ("Markdown", key.replacing(/[^0-9A-Za-z ]/) { "\\\($0.0)" }),
            ("Markdown in JSON", json(key.replacing(/[^0-9A-Za-z ]/) { "\\\($0.0)" })),
        ]
    }

    /// Each character in a form of its own.
    private func mixed(_ key: String, _ random: inout SplitMix) -> String {
        each(key) { byte in
            let digits = Bool.random(using: &random) ? hexadecimal(byte) : hexadecimal(byte).uppercased()
            let character = String(UnicodeScalar(byte))
            return switch Int.random(in: 0...7, using: &random) {
            case 0: "%" + digits
            case 1: "%25" + digits
            case 2: "\\u00" + digits
            case 3: "\\\\u00" + digits
            case 4: json(character)
            case 5: json(json(character))
            default: character
            }
        }
    }

    private func each(_ key: String, _ form: (UInt8) -> String) -> String { key.utf8.map(form).joined() }

    private func json(_ text: String) -> String {
        text.map { character in
            switch character {
            case "\"", "\\": "\\\(character)"
            case "\n": "\\n"
            default: String(character)
            }
        }.joined()
    }
}
