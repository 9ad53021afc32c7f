import Foundation
import Testing

/// docs/EXTENDING.md and docs/ARCHITECTURE.md name files that are there.
struct ExtendingTests {
    @Test(arguments: ["docs/EXTENDING.md", "docs/ARCHITECTURE.md"]) func theFilesThatItNamesAreThere(_ document: String)
        throws
    {
        let text = try Repository.text(document)
        let paths = text.matches(of: /`((?:Sources|Tests|protocol|tools|docs|findings)\/[^`<> ]+)`/).map {
            String($0.1)
        }
        #expect(paths.count > 1)
        for path in Set(paths) where !path.contains("*") {
            let file = Repository.root.appending(path: path).path
            #expect(FileManager.default.fileExists(atPath: file), "\(document): \(path)")
        }
    }
}
