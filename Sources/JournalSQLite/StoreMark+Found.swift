internal import Glibc
internal import Journal

extension StoreMark {
    /// What is at the place of a store's mark.
    enum Found: Sendable {
        case nothing
        /// Two places are written in turn. `isHalf`: the other one is damaged, and may have said something newer.
        case content(Content, isHalf: Bool)
        /// A file that says nothing. The text is what follows "the mark ".
        case useless(String)
        /// Nobody can use it as a mark: it is no regular file, or may not be read.
        case unusable(JournalError)

        var content: Content? {
            if case .content(let content, _) = self { return content }
            return nil
        }

        /// Whether it says something, and has lost a half.
        var isHalf: Bool { if case .content(_, let isHalf) = self { isHalf } else { false } }

        /// - Throws: if it is unusable: a server would come to know nothing of its store then.
        func verifyIsUsable() throws(JournalError) {
            if case .unusable(let error) = self { throw error }
        }
    }

    /// Looks at the mark beside a store, and never waits for anything.
    static func find(ofStore store: String) -> Found {
        let path = path(ofStore: store)
        let descriptor: Int32
        do {
            descriptor = try RegularFile.open(path, O_RDONLY)
        } catch {
            guard !error.isMissing else { return .nothing }
            return .unusable(
                JournalError(
                    code: error.systemError == nil ? .notAFile : .notWritable, path: store,
                    message: "the store's mark \(path) cannot be opened: \(error.cause)"))
        }
        defer { close(descriptor) }
        let places = (0..<2).map { place($0, of: descriptor) }
        if let content = places.compactMap({ Content($0) }).max(by: { $0.generation < $1.generation }) {
            // The second place is written first: a whole mark reaches into it.
            let isHalf = places[1].isEmpty || places.contains { Content($0) == nil && $0.contains { $0 != 0 } }
            return .content(content, isHalf: isHalf)
        }
        if places.contains(where: Content.isBegun) { return .useless("is damaged") }
        return .useless(places[0].isEmpty ? "is empty" : "is no mark of a store: it has something else in it")
    }

    /// The bytes of one of the file's two places: fewer than it may have, if the file ends before.
    private static func place(_ number: Int, of descriptor: Int32) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: placeSize)
        let count = pread(descriptor, &bytes, bytes.count, off_t(number * placeSize))
        return Array(bytes.prefix(max(0, count)))
    }
}
