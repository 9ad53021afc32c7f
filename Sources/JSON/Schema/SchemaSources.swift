/// Where a schema stands: in which document, and at which of its values.
struct SchemaLocation: Hashable {
    var document: Int
    var index: Int
}

/// The documents that a schema consists of, the resources in them, and what their URIs and anchors name.
///
/// Documents other than the first come in when a reference leads to them, if they are built in or given. Nothing is
/// fetched.
struct SchemaSources {
    struct Resource {
        var uri: String
        var root: SchemaLocation
        var anchors: [String: SchemaLocation] = [:]
        var dynamicAnchors: [String: SchemaLocation] = [:]
        /// The vocabulary of its dialect has the keywords that check values.
        var validates = true
    }

    enum Target {
        case schema(SchemaLocation)
        /// In a document that is not here.
        case remote
        case missing(String)
    }

    private(set) var documents: [JSONDocument] = []
    private(set) var resources: [Resource] = []
    /// All places where a keyword has a schema, each with its resource.
    private(set) var resourceOf: [SchemaLocation: Int] = [:]
    private var resourceByURI: [String: Int] = [:]
    private let known: [String: String]
    private(set) var problems: [(location: SchemaLocation, keyword: String, reason: String)] = []

    /// - Parameter known: texts of schemas that references may lead to, by their URIs.
    init(root: JSONDocument, known: [String: String]) {
        self.known = known
        add(root, uri: "")
    }

    private mutating func add(_ document: JSONDocument, uri: String) {
        documents.append(document)
        let location = SchemaLocation(document: documents.count - 1, index: 0)
        let resource = newResource(uri, location)
        scan(location, resource)
    }

    private mutating func newResource(_ uri: String, _ root: SchemaLocation) -> Int {
        resources.append(Resource(uri: uri, root: root))
        // The first of a name stays: what two have is not said by the specification.
        if resourceByURI[uri] == nil { resourceByURI[uri] = resources.count - 1 }
        return resources.count - 1
    }

    /// Goes through all places where keywords have schemas. It recurses as deep as the document is, which is bounded.
    private mutating func scan(_ location: SchemaLocation, _ outer: Int) {
        let document = documents[location.document]
        var resource = outer
        guard document.kind(location.index) == .object else {
            resourceOf[location] = resource
            return
        }
        let members = document.members(location.index)
        if let id = members.first(where: { $0.key == "$id" })?.value, document.kind(id) == .string {
            let id = document.text(id)
            // Of drafts 6 and 7: an anchor.
            if id.hasPrefix("#") {
                if id.utf8.count > 1 { resources[resource].anchors[String(id.dropFirst())] = location }
            } else {
                let uri = SchemaURI.resolve(id, against: resources[outer].uri).uri
                if location.index == 0 {
                    if resourceByURI[uri] == nil { resourceByURI[uri] = resource }
                    resources[resource].uri = uri
                } else {
                    resource = newResource(uri, location)
                    resources[resource].validates = resources[outer].validates
                }
            }
        }
        if resources[resource].root == location, let dialect = members.first(where: { $0.key == "$schema" })?.value,
            document.kind(dialect) == .string
        {
            resources[resource].validates = validates(document.text(dialect))
        }
        resourceOf[location] = resource
        for (key, value) in members {
            switch SchemaKeyword.schemas[key] {
            case .one: scanSchema(location.document, value, resource)
            case .list: for child in document.elements(value) { scanSchema(location.document, child, resource) }
            case .map: for child in document.members(value) { scanSchema(location.document, child.value, resource) }
            case .oneOrList where document.kind(value) == .array:
                for child in document.elements(value) { scanSchema(location.document, child, resource) }
            case .oneOrList: scanSchema(location.document, value, resource)
            case nil: break
            }
            guard document.kind(value) == .string else { continue }
            if key == "$anchor" { resources[resource].anchors[document.text(value)] = location }
            if key == "$dynamicAnchor" {
                resources[resource].anchors[document.text(value)] = location
                resources[resource].dynamicAnchors[document.text(value)] = location
            }
        }
    }

    private mutating func scanSchema(_ document: Int, _ index: Int, _ resource: Int) {
        // Members of `dependencies` may be lists of names; whatever else is no schema is found when it is compiled.
        if documents[document].kind(index) == .array { return }
        scan(SchemaLocation(document: document, index: index), resource)
    }

    /// Whether a dialect has the vocabulary of validation: unless its metaschema is known and says that it has not.
    private func validates(_ dialect: String) -> Bool {
        guard let text = known[dialect], let document = try? JSONDocument(parsing: text, maximumDepth: 128),
            let vocabulary = document.member("$vocabulary", of: 0)
        else { return true }
        return document.member("https://json-schema.org/draft/2020-12/vocab/validation", of: vocabulary) != nil
    }

    // MARK: - References

    mutating func target(of reference: String, in resource: Int) -> Target {
        let (uri, fragment) = SchemaURI.resolve(reference, against: resources[resource].uri)
        if resourceByURI[uri] == nil {
            guard let text = known[uri] ?? Metaschema.documents[uri] else { return .remote }
            guard let document = try? JSONDocument(parsing: text, maximumDepth: 128) else { return .remote }
            add(document, uri: uri)
        }
        guard let found = resourceByURI[uri] else { return .remote }
        if fragment.isEmpty { return .schema(resources[found].root) }
        guard fragment.hasPrefix("/") else {
            guard let anchor = resources[found].anchors[fragment] else {
                return .missing("there is no anchor of this name")
            }
            return .schema(anchor)
        }
        return target(at: fragment, from: resources[found].root, in: found)
    }

    private mutating func target(at pointer: String, from root: SchemaLocation, in resource: Int) -> Target {
        var (location, resource) = (root, resource)
        let document = documents[location.document]
        for part in JSONPointer.parts(pointer) ?? [] {
            guard let child = document.child(part, of: location.index) else {
                return .missing("the pointer leads to nothing")
            }
            location.index = child
            resource = resourceOf[location] ?? resource
        }
        // Where no keyword has a schema; what is there is taken as one.
        if resourceOf[location] == nil { scan(location, resource) }
        return .schema(location)
    }
}

/// Which keywords have schemas as their values.
enum SchemaKeyword {
    enum Shape { case one, list, map, oneOrList }

    static let schemas: [String: Shape] = [
        "$defs": .map, "definitions": .map, "properties": .map, "patternProperties": .map, "dependentSchemas": .map,
        "dependencies": .map, "allOf": .list, "anyOf": .list, "oneOf": .list, "prefixItems": .list, "items": .oneOrList,
        "additionalItems": .one, "additionalProperties": .one, "contains": .one, "propertyNames": .one, "not": .one,
        "if": .one, "then": .one, "else": .one, "unevaluatedItems": .one, "unevaluatedProperties": .one,
        "contentSchema": .one,
    ]
}
