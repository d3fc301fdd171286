// Part of Lockstep. See LICENSE.

internal import Bolt
internal import Mapping

/// The constraints and indexes that a graph has.
struct GraphSchema: Sendable {
    struct Entry: Sendable, Equatable {
        var name: String
        /// As the server names it: `UNIQUENESS`, `RANGE`.
        var type: String
        var isOnNodes: Bool
        var labels: [String]
        var properties: [String]
        /// An index that belongs to a constraint.
        var isOwned = false
        /// `ONLINE`, `POPULATING` or `FAILED`, of an index.
        var state = ""
        var percent = 100.0
        /// Why it failed; empty where it did not.
        var failure = ""
        /// The settings of an index, by their full names.
        var configuration: [String: BoltValue] = [:]
        /// What a constraint on the type asks for: `INTEGER`.
        var propertyType: String?

        /// Of this label, or this type, and of just these properties, in any order.
        func covers(_ label: String, _ wanted: [String], isOnNodes: Bool = true) -> Bool {
            self.isOnNodes == isOnNodes && labels == [label] && properties.count == wanted.count
                && Set(properties) == Set(wanted)
        }
    }

    var constraints: [Entry]
    var indexes: [Entry]

    /// Reads both with one statement each, and filters here: what `YIELD` and `WHERE` do differs between servers.
    static func read(_ graph: BoltChannel) throws(BoltError) -> GraphSchema {
        let constraints = entries(try graph.query("SHOW CONSTRAINTS"))
        let names = Set(constraints.map(\.name))
        var indexes = entries(try graph.query("SHOW INDEXES YIELD *"))
        // Neo4j 4.4 does not say which index a constraint owns; they have one name.
        for index in indexes.indices where names.contains(indexes[index].name) { indexes[index].isOwned = true }
        return GraphSchema(constraints: constraints, indexes: indexes)
    }

    static func entries(_ result: BoltResult) -> [Entry] {
        let places = Dictionary(zip(result.fields, result.fields.indices), uniquingKeysWith: { first, _ in first })
        return result.rows.map { row in
            func value(_ field: String) -> BoltValue? { places[field].flatMap { $0 < row.count ? row[$0] : nil } }
            func list(_ field: String) -> [String] { (value(field)?.listValue ?? []).compactMap(\.stringValue) }
            return Entry(
                name: value("name")?.stringValue ?? "", type: value("type")?.stringValue ?? "",
                isOnNodes: value("entityType")?.stringValue == "NODE", labels: list("labelsOrTypes"),
                properties: list("properties"), isOwned: value("owningConstraint")?.stringValue != nil,
                state: value("state")?.stringValue ?? "", percent: value("populationPercent")?.floatValue ?? 100,
                failure: value("failureMessage")?.stringValue ?? "",
                configuration: value("options")?.mapValue?["indexConfig"]?.mapValue ?? [:],
                propertyType: value("propertyType")?.stringValue)
        }
    }
}

// What a mapping needs of it.
extension GraphSchema {
    enum Standing: Equatable {
        case present
        case missing
        /// Something else has to go first; what it is, and the statement that removes it.
        case obstructed(String, fix: String)
    }

    /// - Parameter indexesObstruct: An index on the same properties keeps a constraint from being made, as on Neo4j.
    func standing(of wanted: GraphConstraint, indexesObstruct: Bool) -> Standing {
        let same = { (entry: Entry) in
            entry.covers(wanted.label, wanted.properties, isOnNodes: wanted.isOnNodes)
        }
        if constraints.contains(where: { same($0) && Self.isUniqueness($0.type) }) { return .present }
        if !wanted.isUnique, indexes.contains(where: { same($0) && Self.findsEqual($0.type) }) { return .present }
        if let other = constraints.first(where: { $0.name == wanted.name }) {
            return .obstructed(
                "a constraint on \(Self.describe(other)) has the name \(wanted.name), which the one on "
                    + "\(Self.describe(wanted)) needs", fix: "DROP CONSTRAINT \(Cypher.quoted(other.name));")
        }
        if let other = indexes.first(where: { $0.name == wanted.name }) {
            return .obstructed(
                "an index on \(Self.describe(other)) has the name \(wanted.name), which the constraint on "
                    + "\(Self.describe(wanted)) needs", fix: "DROP INDEX \(Cypher.quoted(other.name));")
        }
        if indexesObstruct, wanted.isUnique,
            let index = indexes.first(where: { same($0) && !$0.isOwned && Self.findsEqual($0.type) })
        {
            return .obstructed(
                "the index \(index.name) on \(Self.describe(index)) stands in the way of a uniqueness constraint there",
                fix: "DROP INDEX \(Cypher.quoted(index.name));")
        }
        return .missing
    }

    /// Constraints on the labels of a mapping that are not the mapping's own: they can refuse rows.
    func foreign(to wanted: [GraphConstraint]) -> [Entry] {
        let labels = Set(wanted.filter(\.isOnNodes).map(\.label))
        return constraints.filter { entry in
            entry.isOnNodes && !labels.isDisjoint(with: entry.labels)
                && !wanted.contains { $0.isUnique && entry.covers($0.label, $0.properties) }
        }
    }

    /// `UNIQUENESS`, later `NODE_PROPERTY_UNIQUENESS`; and `NODE_KEY`, which asks for more.
    private static func isUniqueness(_ type: String) -> Bool { type.hasSuffix("UNIQUENESS") || type == "NODE_KEY" }

    private static func findsEqual(_ type: String) -> Bool { type == "RANGE" || type == "BTREE" }

    static func describe(_ entry: Entry) -> String { describe(entry.labels, entry.properties, isNode: entry.isOnNodes) }

    static func describe(_ constraint: GraphConstraint) -> String {
        describe([constraint.label], constraint.properties, isNode: constraint.isOnNodes)
    }

    private static func describe(_ labels: [String], _ properties: [String], isNode: Bool) -> String {
        SchemaItem.pattern(labels, properties, isOnNodes: isNode)
    }
}
