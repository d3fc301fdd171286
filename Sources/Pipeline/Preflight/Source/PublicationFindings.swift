// Part of Lockstep. See LICENSE.

internal import Capture
internal import Mapping
internal import PostgreSQL

/// Whether the publication carries every change of the mapped tables: what `run` refuses and `check` reports.
enum PublicationFindings {
    /// Everything to be said of the publication.
    ///
    /// - Parameter isWhole: `plan` has every table of the mapping, so its SQL can be run.
    static func findings(
        _ facts: SourceFacts, plan: Plan, isWhole: Bool = true, graph: GraphState
    ) -> [PreflightFinding] {
        guard let publication = facts.publication else { return [absent(facts, plan, isWhole)] }
        var findings: [PreflightFinding] = []
        if let fault = options(publication.publication) { findings.append(fault) }
        let lacking = missing(publication.publication, plan)
        if !lacking.isEmpty { findings.append(incomplete(publication, lacking, facts, graph)) }
        return findings + columns(publication, plan) + filters(publication, plan)
    }

    /// Kinds of changes that are left out, and partitions under names that no mapping knows.
    static func options(_ publication: Publication) -> PreflightFinding? {
        let kinds = [
            (publication.publishesInserts, "inserts"), (publication.publishesUpdates, "updates"),
            (publication.publishesDeletes, "deletes"), (publication.publishesTruncates, "truncates"),
        ].filter { !$0.0 }.map(\.1)
        var faults: [String] = []
        if !kinds.isEmpty { faults.append("leaves out \(kinds.joined(separator: ", "))") }
        if !publication.isViaPartitionRoot { faults.append("names partitions instead of their root") }
        guard !faults.isEmpty else { return nil }
        return PreflightFinding(
            .error, .source, "publication \"\(publication.name)\" " + faults.joined(separator: " and "),
            fix: "ALTER PUBLICATION \(QualifiedName.quoted(publication.name)) SET (publish = 'insert, update, "
                + "delete, truncate', publish_via_partition_root = true);")
    }

    /// Mapped tables that the publication has not.
    static func missing(_ publication: Publication, _ plan: Plan) -> [QualifiedName] {
        plan.mapping.tables.filter { !publication.tables.contains($0) }
    }

    static func addTablesSQL(_ publication: String, _ tables: [QualifiedName]) -> String {
        "ALTER PUBLICATION \(QualifiedName.quoted(publication)) ADD TABLE " + tables.map(\.sql).joined(separator: ", ")
    }

    /// A graph that follows the stream may have missed changes of tables that are not published now.
    static func lacksTables(_ name: String, _ tables: [QualifiedName]) -> PreflightFinding {
        PreflightFinding(
            .error, .source,
            "publication \"\(name)\" lacks \(tables.map(\.description).listed)",
            fix: "if they were added to the mapping, `lockstep run --resnapshot` adds them and reads everything "
                + "again; if they fell out of the publication, changes of them may be lost: the same, after\n"
                + addTablesSQL(name, tables) + ";")
    }

    private static func absent(_ facts: SourceFacts, _ plan: Plan, _ isWhole: Bool) -> PreflightFinding {
        let name = plan.file.source.publication
        let foreign = plan.mapping.tables.filter { facts.tables[$0]?.isOwned == false }
        if facts.role.isSuperuser || facts.role.mayCreateInDatabase && foreign.isEmpty {
            return PreflightFinding(
                .note, .source, "publication \"\(name)\" is not there yet: `lockstep run` makes it")
        }
        let reason =
            foreign.isEmpty
            ? "may not create it in database \(facts.database)" : "does not own \(foreign.map(\.description).listed)"
        return PreflightFinding(
            .error, .source, "publication \"\(name)\" does not exist, and role \(facts.role.name) \(reason)",
            fix: "as the owner of the tables or a superuser: "
                + (isWhole
                    ? "\n" + plan.publicationStatement + ";"
                    : "what `lockstep setup --print-sql` prints when the mapping is right"))
    }

    private static func incomplete(
        _ publication: SourceFacts.PublicationFacts, _ tables: [QualifiedName], _ facts: SourceFacts,
        _ graph: GraphState
    ) -> PreflightFinding {
        let name = publication.publication.name
        if case .following = graph { return lacksTables(name, tables) }
        let list = tables.map(\.description).listed
        let foreign = tables.filter { facts.tables[$0]?.isOwned == false }
        if facts.role.isSuperuser || publication.isOwned && foreign.isEmpty {
            return PreflightFinding(
                .note, .source, "publication \"\(name)\" lacks \(list): the first `lockstep run` adds what is missing")
        }
        return PreflightFinding(
            .error, .source,
            "publication \"\(name)\" lacks \(list), and role \(facts.role.name) does not own "
                + (publication.isOwned ? foreign.map(\.description).listed : "it (\(publication.owner) does)"),
            fix: "as the owner of the publication and the tables: " + addTablesSQL(name, tables) + ";")
    }

    /// Mapped columns that a column list leaves out, or that are generated and not published.
    private static func columns(_ publication: SourceFacts.PublicationFacts, _ plan: Plan) -> [PreflightFinding] {
        guard let published = publication.columns else { return [] }
        let name = QualifiedName.quoted(publication.publication.name)
        return plan.mapping.columns.sorted { $0.key < $1.key }.compactMap { table, columns in
            guard let there = published[table] else { return nil }
            let lacking = columns.subtracting(there).sorted()
            guard !lacking.isEmpty else { return nil }
            let isGenerated = lacking.allSatisfy { plan.catalog.table(table)?.column($0)?.isGenerated == true }
            let fix =
                isGenerated
                ? "ALTER PUBLICATION \(name) SET (publish_generated_columns = stored);"
                : "ALTER PUBLICATION \(name) DROP TABLE \(table.sql); ALTER PUBLICATION \(name) ADD TABLE \(table.sql);"
            return PreflightFinding(
                .error, .source,
                "publication \"\(publication.publication.name)\" leaves out columns of \(table): "
                    + lacking.joined(separator: ", "), fix: fix)
        }
    }

    private static func filters(_ publication: SourceFacts.PublicationFacts, _ plan: Plan) -> [PreflightFinding] {
        let filtered = plan.mapping.tables.filter(publication.filtered.contains).sorted()
        guard !filtered.isEmpty else { return [] }
        return [
            PreflightFinding(
                .warning, .source,
                "publication \"\(publication.publication.name)\" has row filters on "
                    + filtered.map(\.description).listed
                    + ": the first read takes every row, the stream only those that pass",
                fix: "ALTER PUBLICATION … SET TABLE … without WHERE")
        ]
    }
}
