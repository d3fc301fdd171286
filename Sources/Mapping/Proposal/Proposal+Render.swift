// Part of Lockstep. See LICENSE.

internal import PostgreSQL

extension Proposal {
    /// What the file says besides the tables.
    public struct Settings: Sendable {
        public var pipeline: String
        public var source: ConnectionURL
        public var graph: ConnectionURL
        /// Nil: `lockstep_` and the pipeline's name.
        public var slot: String?
        public var publication: String?

        public init(
            pipeline: String, source: ConnectionURL, graph: ConnectionURL, slot: String? = nil,
            publication: String? = nil
        ) {
            self.pipeline = pipeline
            self.source = source
            self.graph = graph
            self.slot = slot
            self.publication = publication
        }
    }

    /// The whole mapping file, with a reason beside each decision. A password in a URL is left out.
    public func render(_ settings: Settings) -> String {
        let standard = "lockstep_" + String(settings.pipeline.lowercased().map { $0 == "-" ? "_" : $0 })
        let head = """
            # What Lockstep copies from PostgreSQL to the graph, and as what. Proposed by `lockstep init`; change what you
            # like, and run `lockstep check` and `lockstep plan` to see what it means. The format: docs/mapping.md
            version: 1
            pipeline: \(YAMLText.scalar(settings.pipeline))  # names this mapping's checkpoint in the graph

            source:
              # No password here: PGPASSWORD or ~/.pgpass is used, or a variable: postgresql://${USER}:${SECRET}@host/database
              url: \(YAMLText.url(settings.source.withoutPassword.revealed))
              slot: \(YAMLText.scalar(settings.slot ?? standard))
              publication: \(YAMLText.scalar(settings.publication ?? standard))

            graph:
              url: \(YAMLText.url(settings.graph.withoutPassword.revealed))
              password: ${LOCKSTEP_GRAPH_PASSWORD:-}  # from the environment; empty where the server asks for none

            # batch: {rows: \(BatchSettings().rows), bytes: \(ByteSize.describe(BatchSettings().bytes))}  # the most that one graph transaction holds

            \(ProposedIndex.section(vectorIndexes))
            tables:
            """
        return head + "\n" + renderTables(indent: 2) + renderViews()
    }

    private func renderViews() -> String {
        guard !views.isEmpty else { return "" }
        return """

              # Rows of a view become relationships, where it stands here with relationship, from, to, and refresh: 10s.
              \(YAMLText.comment("Views: \(views.map(\.description).joined(separator: ", "))"))

            """
    }

    /// The entries alone, each with an empty line before it but the first.
    func renderTables(indent: Int) -> String {
        tables.map { $0.lines(indent: indent).map { $0 + "\n" }.joined() }.joined(separator: "\n")
    }
}

extension ProposedTable {
    /// The entry alone, as it stands under `tables`.
    var text: String { lines(indent: 2).map { $0 + "\n" }.joined() }

    fileprivate func lines(indent: Int) -> [String] {
        let margin = String(repeating: " ", count: indent)
        let name = YAMLText.scalar(entry.table.value.description)
        var result = (reason.isEmpty ? [] : [YAMLText.comment(sentence(reason))]) + ["\(name):"]
        switch entry.role {
        case .skip:
            result += leftOut.compactMap(\.remedy).map { "  " + YAMLText.comment("To have it in the graph: \($0)") }
            result.append("  skip: true")
        case .node(let node):
            result.append(commented("  label: \(YAMLText.scalar(node.labels[0].value))", nameReason))
            let key = node.distinct.map { "distinct: {\(names($0))}" }
            result.append(
                commented("  \(key ?? "key: {\(node.key.map(pair).joined(separator: ", "))}")", keyReason))
            result += propertyLines(node.properties)
            result += referenceLines(node.references)
        case .join(let join):
            result.append(commented("  relationship: \(YAMLText.scalar(join.type.value))", nameReason))
            result.append(commented("  from: {\(end(join.from))}", fromReason))
            result.append(commented("  to: {\(end(join.to))}", toReason))
            result += propertyLines(join.properties)
        }
        if !entry.excluded.isEmpty {
            result.append(commented("  exclude: \(YAMLText.list(entry.excluded.map(\.value)))", excludeReason))
        }
        if entry.role != .skip {
            for item in leftOut {
                result.append("  " + YAMLText.comment("Not in the graph: \(item.message)."))
                result += item.remedy.map { ["  " + YAMLText.comment("  Remedy: \($0)")] } ?? []
            }
        }
        return result.map { margin + $0 }
    }

    private func propertyLines(_ properties: [ColumnEntry]) -> [String] {
        guard !properties.isEmpty else { return [] }
        return ["  properties:"]
            + zip(properties, propertyReasons).flatMap { lines(of: $0, reason: $1) }
    }

    /// One for a column, more where parts of its documents become properties, too.
    private func lines(of entry: ColumnEntry, reason: String) -> [String] {
        guard let (parts, rows) = parts[entry.column.value], !parts.isEmpty else {
            return [commented("    \(pair(entry))", reason)]
        }
        return [
            commented("    \(YAMLText.scalar(entry.column.value)):", reason),
            commented(
                "      property: \(YAMLText.scalar(entry.property.value))", "the whole; without it only parts go over"),
            commented("      parts:", "as found in up to \(rows) rows"),
        ] + parts.map { "        \($0)" }
    }

    private func referenceLines(_ references: [ReferenceEntry]) -> [String] {
        guard !references.isEmpty else { return [] }
        return ["  relationships:"]
            + zip(references, referenceReasons).flatMap { reference, reason in
                [
                    "    " + YAMLText.comment(sentence(reason)),
                    "    - {type: \(YAMLText.scalar(reference.type.value)), \(end(reference.end))"
                        + (reference.isEnforced ? "}" : ", enforced: false}"),
                ]
            }
    }

    private func names(_ distinct: DistinctEntry) -> String {
        "digest: \(YAMLText.scalar(distinct.digest.value)), count: \(YAMLText.scalar(distinct.count.value))"
    }

    private func pair(_ entry: ColumnEntry) -> String {
        "\(YAMLText.scalar(entry.column.value)): \(YAMLText.scalar(entry.property.value))"
    }

    private func end(_ end: EndEntry) -> String {
        "columns: \(YAMLText.list(end.columns.map(\.value))), "
            + "references: \(YAMLText.scalar(end.references.value.description))"
    }

    private func commented(_ line: String, _ reason: String) -> String {
        reason.isEmpty ? line : "\(line)  \(YAMLText.comment(reason))"
    }

    private func sentence(_ text: String) -> String { Naming.capitalized(text) + "." }
}
