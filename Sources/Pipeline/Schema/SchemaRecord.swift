// Part of Lockstep. See LICENSE.

internal import Bolt
internal import Mapping

/// An index or a constraint that this pipeline made because the mapping file's `schema` asked for it.
///
/// Kept in the graph, a node `(:LockstepSchema)` for each: what has no such node is somebody else's, and never dropped. It is
/// written before the thing is made and removed after it is dropped, so that a crash in between loses nothing; where it
/// stands alone, the thing is made.
struct SchemaRecord: Sendable, Equatable {
    static let label = "LockstepSchema"

    var name: String
    var kind: SchemaItem.Kind
    var isOnNodes: Bool
    var labels: [String]
    var properties: [String]

    init(_ item: SchemaItem) {
        name = item.name
        kind = item.kind
        isOnNodes = item.isOnNodes
        labels = item.labels
        properties = item.properties
    }

    private init?(_ row: [BoltValue]) {
        guard row.count == 5, let name = row[0].stringValue,
            let kind = row[1].stringValue.flatMap(SchemaItem.Kind.init(rawValue:)), let isOnNodes = row[2].boolValue
        else { return nil }
        self.name = name
        self.kind = kind
        self.isOnNodes = isOnNodes
        labels = (row[3].listValue ?? []).compactMap(\.stringValue)
        properties = (row[4].listValue ?? []).compactMap(\.stringValue)
    }

    var description: String {
        SchemaItem(kind: kind, isOnNodes: isOnNodes, labels: labels, properties: properties).description
    }

    static func read(_ graph: BoltChannel, pipeline: String) throws(BoltError) -> [SchemaRecord] {
        try graph.query(
            "MATCH (s:\(label) {pipeline: $pipeline}) "
                + "RETURN s.name, s.kind, s.isOnNodes, s.labels, s.properties ORDER BY s.name",
            ["pipeline": .string(pipeline)]
        ).rows.compactMap { SchemaRecord($0) }
    }

    func write(_ graph: BoltChannel, pipeline: String) throws(BoltError) {
        try graph.query(
            "MERGE (s:\(Self.label) {pipeline: $pipeline, name: $name}) SET s.kind = $kind, s.isOnNodes = $isOnNodes, "
                + "s.labels = $labels, s.properties = $properties",
            [
                "pipeline": .string(pipeline), "name": .string(name), "kind": .string(kind.rawValue),
                "isOnNodes": .boolean(isOnNodes), "labels": .list(labels.map(BoltValue.string)),
                "properties": .list(properties.map(BoltValue.string)),
            ])
    }

    static func remove(_ name: String, _ graph: BoltChannel, pipeline: String) throws(BoltError) {
        try graph.query(
            "MATCH (s:\(label) {pipeline: $pipeline, name: $name}) DELETE s",
            ["pipeline": .string(pipeline), "name": .string(name)])
    }
}
