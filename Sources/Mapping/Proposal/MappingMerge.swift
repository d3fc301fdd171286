// Part of Lockstep. See LICENSE.

public import PostgreSQL

/// A mapping file brought up to date with the database without touching what its owner wrote.
public struct MappingMerge: Sendable {
    /// The file with the new tables at the end of `tables`; every byte of before is in it, in order.
    public var text: String
    /// Entries for tables that the file did not mention.
    public var added: Proposal
    /// Columns and foreign keys of the file's own tables that it mentions nowhere: `public.orders: column notes (text)`.
    public var unmentioned: [String]
    /// What the file names and the database has no more.
    public var gone: [MappingFault]
    /// Set where the file's form allows no insertion: then ``text`` is unchanged, and this is to be put in by hand.
    public var toInsertByHand: String?
}

extension MappingFile {
    /// Adds the tables of `catalog` that a mapping file does not mention.
    ///
    /// - Throws: What keeps the file from being read; variables need not be set.
    public static func merging(_ bytes: [UInt8], file: String, with catalog: Catalog) throws(MappingError)
        -> MappingMerge
    {
        let entries = try Self.tableEntries(bytes, file: file)
        let proposal = Proposal(for: catalog, beside: entries)
        let text = String(decoding: bytes, as: UTF8.self)
        var resolver = MappingResolver(tables: entries, pipeline: "", file: file, catalog: catalog)
        _ = resolver.resolve()
        var merge = MappingMerge(
            text: text, added: proposal, unmentioned: entries.flatMap { unmentioned(in: $0, catalog) },
            gone: resolver.faults.filter { $0.kind == .unknownName && $0.position != nil }.inFileOrder)
        guard !proposal.tables.isEmpty else { return merge }

        // The insertion proves itself: the longer file must say what the shorter one and the proposal say.
        let wanted = entries + proposal.tables.map(\.entry)
        if let insertion = InsertionPlace(bytes, file: file),
            case let merged = insertion.insert(proposal, into: text),
            (try? Self.tableEntries(Array(merged.utf8), file: file)) == wanted
        {
            merge.text = merged
        } else {
            merge.toInsertByHand = proposal.renderTables(indent: 2)
        }
        return merge
    }

    /// The tables of a file that may have nothing else in it.
    static func tableEntries(_ bytes: [UInt8], file: String) throws(MappingError) -> [TableEntry] {
        let (root, faults) = YAMLReader.read(bytes, file: file)
        var reader = MappingFileReader(
            file: file, variables: VariableExpansion(environment: { _ in nil }), faults: faults)
        let entries = root.map { reader.readTables($0) }
        guard let entries, !reader.faults.hasErrors else { throw MappingError(faults: reader.faults) }
        return entries
    }

    /// What a table has and its entry does not mention.
    private static func unmentioned(in entry: TableEntry, _ catalog: Catalog) -> [String] {
        guard let table = catalog.table(entry.table.value) else { return [] }
        var mentioned = Set(entry.excluded.map(\.value))
        var foreignKeys: [Catalog.ForeignKey] = []
        switch entry.role {
        case .skip: return []
        case .node(let node):
            mentioned.formUnion((node.key + node.properties).map(\.column.value))
            let ends = node.references.map(\.end) + node.lookups.map(\.end)
            mentioned.formUnion(ends.flatMap(\.columns).map(\.value))
            foreignKeys = table.foreignKeys.filter { foreignKey in
                let isExcluded = foreignKey.columns.contains { column in entry.excluded.contains { $0.value == column }
                }
                return !isExcluded && !node.isOwn
                    && !ends.contains {
                        $0.references.value == foreignKey.referencedTable
                            && Set($0.columns.map(\.value)) == Set(foreignKey.columns)
                    }
            }
        case .join(let join):
            mentioned.formUnion((join.from.columns + join.to.columns).map(\.value))
            mentioned.formUnion(join.properties.map(\.column.value))
        }
        let columns = table.columns.filter { column in
            !mentioned.contains(column.name) && catalog.isInStream(column)
        }
        return columns.map { "\(table.name): column \($0.name) (\($0.formattedType))" }
            + foreignKeys.map { "\(table.name): \($0.text(of: table))" }
    }
}

/// Where new tables go in a file: behind the last line of `tables`, with the comments that belong there.
private struct InsertionPlace {
    /// Lines before the insertion.
    let line: Int
    let indent: Int

    /// Nil where `tables` is not written in block style.
    init?(_ bytes: [UInt8], file: String) {
        guard case .mapping(let entries, isFlow: false)? = YAMLReader.read(bytes, file: file).root?.content,
            let tables = entries.first(where: { $0.key == "tables" })
        else { return nil }
        switch tables.value.content {
        case .mapping(let inner, isFlow: false):
            guard let first = inner.first else { return nil }
            indent = first.keyPosition.column - 1
            line = tables.value.lastLine
        case .scalar where tables.value.isMissing:
            indent = 2
            line = tables.keyPosition.line
        default: return nil
        }
    }

    func insert(_ proposal: Proposal, into text: String) -> String {
        // Swift holds "\r\n" for one character: lines are cut between Unicode scalars.
        let lines = text.unicodeScalars.split(separator: "\n", omittingEmptySubsequences: false).map { String($0) }
        var position = Swift.min(line, lines.count)
        // Comments and empty lines further in belong to the last table; those at the margin to what follows, if anything.
        while position < lines.count, lines[position].isBlank || lines[position].isIndentedComment { position += 1 }
        if lines[position...].allSatisfy({ $0.isBlank || $0.isComment }) { position = lines.count }
        while position > 0, lines[position - 1].isBlank { position -= 1 }

        let isCRLF = lines.first?.unicodeScalars.last == "\r"
        let ending = isCRLF ? "\r\n" : "\n"
        let new = proposal.renderTables(indent: indent).split(separator: "\n", omittingEmptySubsequences: false)
        let inserted = ([""] + new.dropLast().map(String.init)).map { $0 + ending }.joined()
        let before = lines[..<position].joined(separator: "\n")
        let after = lines[position...].joined(separator: "\n")
        let isAtEnd = position == lines.count
        return before + (isAtEnd ? ending : "\n") + inserted + after
    }
}

extension String {
    fileprivate var isBlank: Bool { allSatisfy(\.isWhitespace) }
    fileprivate var isComment: Bool { first { !$0.isWhitespace } == "#" }
    fileprivate var isIndentedComment: Bool { isComment && first != "#" }
}
