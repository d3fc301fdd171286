// Part of Lockstep. See LICENSE.

/// What a mapping file says of one index or constraint, not yet held against the tables.
struct SchemaEntry: Sendable, Equatable {
    /// The word behind `type`.
    enum Kind: String, Sendable, CaseIterable {
        case range, text, fulltext, point, vector
        case unique, key, exists, typed

        static let indexes: [Kind] = [.range, .text, .fulltext, .point, .vector]
        static let constraints: [Kind] = [.unique, .key, .exists, .typed]
    }

    var kind: Located<Kind>
    /// Where the entry begins.
    var position: FilePosition
    var name: Located<String>?
    var isOnNodes: Bool
    /// Labels, or types of relationships.
    var labels: [Located<String>]
    var properties: [Located<String>]
    var dimensions: Located<Int>?
    var similarity: Located<String>?
    var analyzer: Located<String>?
    /// By the server's own names.
    var options: [Located<SchemaItem.Option>] = []

    static func == (a: Self, b: Self) -> Bool {
        a.kind == b.kind && a.name == b.name && a.isOnNodes == b.isOnNodes && a.labels == b.labels
            && a.properties == b.properties && a.dimensions == b.dimensions && a.similarity == b.similarity
            && a.analyzer == b.analyzer && a.options == b.options
    }
}
