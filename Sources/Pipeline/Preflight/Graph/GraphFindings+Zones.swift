// Part of Lockstep. See LICENSE.

internal import Mapping

extension GraphFindings {
    static func unknownZone(_ zone: String) -> PreflightFinding {
        PreflightFinding(
            .error, .graph, "it knows no time zone \(zone)",
            fix: "write a name of the IANA database, such as Europe/Berlin, in its upper and lower case, or an offset, "
                + "such as \"+01:00\"")
    }

    /// Keys that ArcadeDB cannot find: it keeps a date-time as the local one of UTC, and a date-time that is asked for is
    /// not equal to that. Rows would never be deleted, and every update would make another node.
    static func zonedKeys(_ mapping: GraphMapping) -> [PreflightFinding] {
        mapping.nodes.flatMap { node in
            let referenced = node.properties.filter { property in
                mapping.ends.contains { end in
                    end.label == node.label && end.key.contains { $0.property == property.property }
                }
            }
            return (node.key + referenced).filter { $0.conversion.target == .dateTime && !$0.conversion.isList }
                .map { part in
                    PreflightFinding(
                        .error, .graph,
                        "nodes of \(node.table) are found by \(part.column), a date-time, and ArcadeDB does not find "
                            + "nodes by one",
                        fix: "map it as text, \(part.column): {property: \(part.property), as: string}, or use Neo4j")
                }
        }
    }
}

extension GraphMapping {
    fileprivate var ends: [RelationshipEnd] {
        nodes.flatMap(\.ends) + allJoins.flatMap { [$0.from, $0.to] }
    }
}

extension GraphMapping {
    /// Names of the zones that date-times are given in.
    var zones: [String] {
        let properties = nodes.flatMap(\.properties) + allJoins.flatMap(\.properties)
        let names = properties.compactMap { property -> String? in
            if case .named(let name)? = property.conversion.policy.zone { name } else { nil }
        }
        return Set(names).sorted()
    }
}
