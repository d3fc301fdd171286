// Part of Lockstep. See LICENSE.

internal import Mapping
internal import PostgreSQL

/// What the role lacks to follow the stream and to read the tables.
enum RightsFindings {
    /// - Parameter columns: The mapped columns of each table; nil where the mapping does not hold.
    static func findings(_ facts: SourceFacts, columns: [QualifiedName: Set<String>]?) -> [PreflightFinding] {
        let role = facts.role
        var findings: [PreflightFinding] = []
        if !role.mayReplicate {
            let name = QualifiedName.quoted(role.name)
            let fix =
                role.replicationRole.map { "GRANT \(QualifiedName.quoted($0)) TO \(name);" } ?? "ALTER ROLE \(name) "
                + "REPLICATION;"
            findings.append(PreflightFinding(.error, .source, "role \(role.name) may not replicate", fix: fix))
        }
        return findings + schemas(facts) + tables(facts, columns) + policies(facts)
    }

    private static func schemas(_ facts: SourceFacts) -> [PreflightFinding] {
        let closed = Set(facts.tables.filter { !$0.value.hasSchemaUsage }.map(\.key.schema)).sorted()
        guard !closed.isEmpty else { return [] }
        return [
            PreflightFinding(
                .error, .source, "role \(facts.role.name) may not use the schema \(closed.joined(separator: ", "))",
                fix: "GRANT USAGE ON SCHEMA \(closed.sqlList) TO \(QualifiedName.quoted(facts.role.name));")
        ]
    }

    private static func tables(
        _ facts: SourceFacts, _ columns: [QualifiedName: Set<String>]?
    ) -> [PreflightFinding] {
        let unreadable = facts.tables.filter { table, rights in
            !(columns.map { rights.unreadable.intersection($0[table] ?? []) } ?? rights.unreadable).isEmpty
        }.keys.sorted()
        guard !unreadable.isEmpty else { return [] }
        return [
            PreflightFinding(
                .error, .source,
                "role \(facts.role.name) may not read \(unreadable.map(\.description).listed)",
                fix: "GRANT SELECT ON \(unreadable.map(\.sql).joined(separator: ", ")) TO "
                    + "\(QualifiedName.quoted(facts.role.name));")
        ]
    }

    private static func policies(_ facts: SourceFacts) -> [PreflightFinding] {
        let hidden = facts.tables.filter(\.value.hasActivePolicies).keys.sorted()
        guard !hidden.isEmpty else { return [] }
        return [
            PreflightFinding(
                .error, .source,
                "row security may hide rows of \(hidden.map(\.description).listed) from role \(facts.role.name): the "
                    + "first read would miss them",
                fix: "ALTER ROLE \(QualifiedName.quoted(facts.role.name)) BYPASSRLS;")
        ]
    }
}
