/// References to schemas: URIs, resolved as RFC 3986 says (5.2), without any look-up.
enum SchemaURI {
    private struct Parts {
        var scheme: Substring?
        var authority: Substring?
        var path: Substring
        var query: Substring?
        var fragment: Substring?

        init(_ uri: String) {
            var rest = Substring(uri)
            if let mark = rest.firstIndex(of: "#") {
                fragment = rest[rest.index(after: mark)...]
                rest = rest[..<mark]
            }
            if let mark = rest.firstIndex(of: "?") {
                query = rest[rest.index(after: mark)...]
                rest = rest[..<mark]
            }
            if let colon = rest.firstIndex(of: ":"), rest[..<colon].first?.isLetter == true,
                rest[..<colon].utf8.allSatisfy(SchemaURI.isOfScheme)
            {
                scheme = rest[..<colon]
                rest = rest[rest.index(after: colon)...]
            }
            if rest.hasPrefix("//") {
                rest = rest.dropFirst(2)
                let end = rest.firstIndex(of: "/") ?? rest.endIndex
                authority = rest[..<end]
                rest = rest[end...]
            }
            path = rest
        }
    }

    private static func isOfScheme(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "+"), UInt8(ascii: "-"), UInt8(ascii: "."):
            true
        default: false
        }
    }

    /// - Returns: the absolute URI without its fragment, and the fragment with its escapes undone.
    static func resolve(_ reference: String, against base: String) -> (uri: String, fragment: String) {
        let relative = Parts(reference)
        let base = Parts(base)
        var target = relative
        if relative.scheme == nil {
            target.scheme = base.scheme
            if relative.authority == nil {
                target.authority = base.authority
                if relative.path.isEmpty {
                    target.path = base.path
                    target.query = relative.query ?? base.query
                } else if !relative.path.hasPrefix("/") {
                    target.path = Substring(merged(base, relative.path))
                }
            }
        }
        var uri = ""
        if let scheme = target.scheme { uri += scheme.lowercased() + ":" }
        if let authority = target.authority { uri += "//" + authority }
        uri +=
            target.scheme != nil && target.authority == nil && !target.path.hasPrefix("/")
            ? String(target.path) : withoutDots(target.path)
        if let query = target.query { uri += "?" + query }
        return (uri, unescaped(relative.fragment ?? ""))
    }

    private static func merged(_ base: Parts, _ path: Substring) -> String {
        if base.authority != nil, base.path.isEmpty { return "/" + path }
        guard let slash = base.path.lastIndex(of: "/") else { return String(path) }
        return String(base.path[...slash]) + path
    }

    private static func withoutDots(_ path: Substring) -> String {
        guard path.contains(".") else { return String(path) }
        var kept: [Substring] = []
        let segments = path.split(separator: "/", omittingEmptySubsequences: false)
        for (index, segment) in segments.enumerated() {
            let isLast = index == segments.count - 1
            switch segment {
            case ".": if isLast { kept.append("") }
            case "..":
                if kept.count > 1 || kept.count == 1 && !path.hasPrefix("/") { kept.removeLast() }
                if isLast { kept.append("") }
            default: kept.append(segment)
            }
        }
        return kept.joined(separator: "/")
    }

    private static func unescaped(_ fragment: Substring) -> String {
        guard fragment.utf8.contains(UInt8(ascii: "%")) else { return String(fragment) }
        let bytes = Array(fragment.utf8)
        var output: [UInt8] = []
        var index = 0
        while index < bytes.count {
            if bytes[index] == UInt8(ascii: "%"), index + 2 < bytes.count,
                let high = JSONText.hexDigit(bytes[index + 1]),
                let low = JSONText.hexDigit(bytes[index + 2])
            {
                output.append(UInt8(high << 4 | low))
                index += 3
            } else {
                output.append(bytes[index])
                index += 1
            }
        }
        return String(decoding: output, as: UTF8.self)
    }
}
