// Part of Lockstep. See LICENSE.

internal import Capture
internal import Mapping
internal import PostgreSQL

/// Whether the publication carries every change of the mapped tables: what `run` refuses and `check` reports.
enum PublicationFindings {
    /// Everything to be said of the publication.
    ///
    /// - Parameters:
    ///   - isWhole: `plan` has every table of the mapping, so its SQL can be run.
    ///   - altered: Tables with which the next `lockstep run` alters it.
    static func findings(
        _ facts: SourceFacts, plan: Plan, isWhole: Bool = true, graph: GraphState, altered: [QualifiedName] = []
    ) -> [PreflightFinding] {
        guard let publication = facts.publication else { return [absent(facts, plan, isWhole)] }
        var findings: [PreflightFinding] = []
        if let fault = options(publication.publication) { findings.append(fault) }
        let lacking = missing(publication.publication, plan)
        if !lacking.isEmpty {
            let isNew = lacking.allSatisfy(altered.contains)
            findings.append(incomplete(publication, lacking, plan, facts, isNew ? .fresh : graph))
        }
        let differing = differing(publication.publication, plan, facts.filters)
        if !differing.isEmpty {
            let isEdited = differing.allSatisfy(altered.contains)
            findings.append(otherwise(publication, differing, plan, facts, isEdited ? .fresh : graph))
        }
        return findings + columns(publication, plan)
    }

    /// Filters that PostgreSQL does not take.
    static func refusals(_ facts: SourceFacts, _ plan: Plan) -> [PreflightFinding] {
        facts.filters.refused.sorted { $0.key < $1.key }.map { refusal($0.key, $0.value, plan) }
    }

    static func refusal(_ table: QualifiedName, _ words: String, _ plan: Plan) -> PreflightFinding {
        PreflightFinding(
            .error, .mapping, "PostgreSQL does not take where of \(table): \(words)",
            fix:
                "row filters are simple: columns, constants, built-in operators and immutable functions; softDelete and "
                + "generated columns can do more", position: plan.mapping.conditions[table]?.filterPosition)
    }

    /// Tables of which the publication has other rows or columns than the mapping says.
    static func differing(
        _ publication: Publication, _ plan: Plan, _ filters: FilterProbe.Outcome
    ) -> [QualifiedName] {
        plan.mapping.tables.filter(publication.tables.contains).filter { table in
            if let list = plan.columnList(of: table), let there = publication.columns?[table], Set(list) != there {
                return true
            }
            switch (plan.mapping.conditions[table]?.filter, publication.filters[table]) {
            case (nil, nil): return false
            case (.some, let there?):
                // Where PostgreSQL could not be asked, one filter is taken for the other.
                return filters.printed[table].map { $0 != there } ?? false
            default: return true
            }
        }.sorted()
    }

    /// A graph that follows the stream has been made of other rows.
    static func publishesOtherwise(_ name: String, _ tables: [QualifiedName]) -> PreflightFinding {
        PreflightFinding(
            .error, .source,
            "publication \"\(name)\" has other rows (WHERE) or columns of \(tables.map(\.description).listed) than the "
                + "mapping says",
            fix: "`lockstep run --resnapshot` alters it and reads everything again; or take the change back")
    }

    private static func otherwise(
        _ publication: SourceFacts.PublicationFacts, _ tables: [QualifiedName], _ plan: Plan, _ facts: SourceFacts,
        _ graph: GraphState
    ) -> PreflightFinding {
        let name = publication.publication.name
        if case .following = graph { return publishesOtherwise(name, tables) }
        let foreign = tables.filter { facts.tables[$0]?.isOwned == false }
        let list = tables.map(\.description).listed
        if facts.role.isSuperuser || publication.isOwned && foreign.isEmpty {
            return PreflightFinding(
                .note, .source,
                "publication \"\(name)\" has other rows or columns of \(list) than the mapping says: the next "
                    + "`lockstep run` alters it")
        }
        return PreflightFinding(
            .error, .source,
            "publication \"\(name)\" has other rows or columns of \(list) than the mapping says, and role "
                + "\(facts.role.name) may not alter it",
            fix: "as the owner of the publication and the tables: "
                + plan.alterStatement(tables, present: Set(tables)) + ";")
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

    /// A graph that follows the stream may have missed changes of tables that are not published now.
    static func lacksTables(_ name: String, _ tables: [QualifiedName], _ plan: Plan) -> PreflightFinding {
        PreflightFinding(
            .error, .source,
            "publication \"\(name)\" lacks \(tables.map(\.description).listed)",
            fix:
                "they fell out of the publication, and changes of them may be lost: `lockstep run --resnapshot` adds them "
                + "and reads everything again; where the role may not alter the publication, after\n"
                + plan.alterStatement(tables) + ";")
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
        _ publication: SourceFacts.PublicationFacts, _ tables: [QualifiedName], _ plan: Plan, _ facts: SourceFacts,
        _ graph: GraphState
    ) -> PreflightFinding {
        let name = publication.publication.name
        if case .following = graph { return lacksTables(name, tables, plan) }
        let list = tables.map(\.description).listed
        let foreign = tables.filter { facts.tables[$0]?.isOwned == false }
        if facts.role.isSuperuser || publication.isOwned && foreign.isEmpty {
            return PreflightFinding(
                .note, .source, "publication \"\(name)\" lacks \(list): the next `lockstep run` adds what is missing")
        }
        return PreflightFinding(
            .error, .source,
            "publication \"\(name)\" lacks \(list), and role \(facts.role.name) does not own "
                + (publication.isOwned ? foreign.map(\.description).listed : "it (\(publication.owner) does)"),
            fix: "as the owner of the publication and the tables: " + plan.alterStatement(tables) + ";")
    }

    /// Mapped columns that a column list leaves out, or that are generated and not published.
    private static func columns(_ publication: SourceFacts.PublicationFacts, _ plan: Plan) -> [PreflightFinding] {
        guard let published = publication.publication.columns else { return [] }
        let name = QualifiedName.quoted(publication.publication.name)
        return plan.mapping.columnNames.sorted { $0.key < $1.key }.compactMap { table, columns in
            guard let there = published[table] else { return nil }
            let lacking = columns.subtracting(there).sorted()
            // Where the file wants lists, the list is altered as a whole.
            guard !lacking.isEmpty, plan.columnList(of: table) == nil else { return nil }
            let isGenerated = lacking.allSatisfy { plan.catalog.table(table)?.column($0)?.isGenerated == true }
            let fix =
                isGenerated
                ? "ALTER PUBLICATION \(name) SET (publish_generated_columns = stored);"
                : plan.alterStatement([table], present: [table]) + ";"
            return PreflightFinding(
                .error, .source,
                "publication \"\(publication.publication.name)\" leaves out columns of \(table): "
                    + lacking.joined(separator: ", "), fix: fix)
        }
    }
}
