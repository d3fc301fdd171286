// Part of Lockstep. See LICENSE.

/// A uniqueness constraint that the mapping needs, or an index.
public struct GraphConstraint: Sendable, Hashable {
    /// False for an index, which only makes things fast.
    public var isUnique: Bool
    /// On relationships the label is their type.
    public var isOnNodes = true
    public var label: String
    public var properties: [String]
    public var name: String
    /// The whole statement, safe to run again.
    public var statement: String
}

extension GraphMapping {
    /// The label and the constraint of the node that holds the checkpoint.
    public static let checkpointLabel = "LockstepCheckpoint"

    /// The constraint that holds one checkpoint for each pipeline.
    public static let checkpointConstraint = uniqueness(
        name: "lockstep_checkpoint", label: checkpointLabel, properties: ["pipeline"])

    /// What the constraint on the key of a label is called.
    public static func keyConstraint(of label: String) -> String { "lockstep_key_\(label)" }

    /// The uniqueness constraint on the key of each label, the one of the checkpoint, and an index for each foreign key
    /// that refers to something else than the node's key, and one for each that has to be waited for. The text is the same on every server from 4.4 on.
    public var constraints: [GraphConstraint] {
        var found = [Self.checkpointConstraint]
        for node in nodes {
            let properties = node.key.map(\.property)
            found.append(
                Self.uniqueness(name: Self.keyConstraint(of: node.label), label: node.label, properties: properties))
        }
        let keys = Set(nodes.map { [$0.label] + $0.key.map(\.property) })
        var others = Set<[String]>()
        for end in nodes.flatMap({ $0.references.map(\.target) }) + allJoins.flatMap({ [$0.from, $0.to] }) {
            let wanted = [end.label] + end.key.map(\.property)
            guard !keys.contains(wanted), others.insert(wanted).inserted else { continue }
            found.append(
                Self.index(name: "lockstep_reference", label: end.label, properties: Array(wanted.dropFirst())))
        }
        for holder in nodes {
            for reference in holder.references where !reference.kept.isEmpty {
                let index = Self.waitingIndex(holder, reference)
                if !found.contains(index) { found.append(index) }
            }
            for index in holder.lookups.map(holder.holderIndex) where !found.contains(index) { found.append(index) }
        }
        for join in allJoins where join.isKeyed { found.append(Self.index(of: join)) }
        for join in allJoins where join.waits { found += join.waitingConstraints }
        return found
    }

    /// The index by which a relationship with a key of its own is found.
    private static func index(of join: JoinMapping) -> GraphConstraint {
        let properties = join.ownKey.map(\.property)
        let name = (["lockstep_row", join.type] + properties).joined(separator: "_")
        let list = properties.map { "r." + Cypher.quoted($0) }.joined(separator: ", ")
        return GraphConstraint(
            isUnique: false, isOnNodes: false, label: join.type, properties: properties, name: name,
            statement: "CREATE INDEX \(Cypher.quoted(name)) IF NOT EXISTS "
                + "FOR ()-[r:\(Cypher.quoted(join.type))]-() ON (\(list))")
    }

    static func index(name: String, label: String, properties: [String]) -> GraphConstraint {
        let name = ([name, label] + properties).joined(separator: "_")
        let list = properties.map { "n." + Cypher.quoted($0) }.joined(separator: ", ")
        return GraphConstraint(
            isUnique: false, label: label, properties: properties, name: name,
            statement: "CREATE INDEX \(Cypher.quoted(name)) IF NOT EXISTS FOR (n:\(Cypher.quoted(label))) ON (\(list))")
    }

    static func uniqueness(name: String, label: String, properties: [String]) -> GraphConstraint {
        let list = properties.map { "n." + Cypher.quoted($0) }.joined(separator: ", ")
        let required = properties.count == 1 ? list : "(\(list))"
        return GraphConstraint(
            isUnique: true, label: label, properties: properties, name: name,
            statement: "CREATE CONSTRAINT \(Cypher.quoted(name)) IF NOT EXISTS "
                + "FOR (n:\(Cypher.quoted(label))) REQUIRE \(required) IS UNIQUE")
    }
}
