// Part of Lockstep. See LICENSE.

internal import PostgreSQL

// Views and queries whose rows become relationships.
extension MappingResolver {
    mutating func computed(_ join: JoinEntry, _ refresh: RefreshEntry, _ entry: TableEntry) -> ComputedMapping? {
        guard let view = catalog.view(entry.table.value) else { return nil }
        for (rule, position) in [("where", entry.filter?.position), ("softDelete", entry.softDelete?.column.position)] {
            guard position != nil else { continue }
            let kind = entry.query == nil ? "view" : "query"
            note(.value, position, "\(rule) is not for a \(kind)", "write the condition into the \(kind)")
        }
        guard var mapping = relationship(join, entry, view.table, isView: true) else { return nil }
        mapping.waits = true
        let followed = Set(view.reads.filter(isFollowed))
        let unseen = view.reads.filter { !followed.contains($0) }
        let isByClock = refresh.isByClock || view.isMaterialized || view.reads.isEmpty || !unseen.isEmpty
        var computed = ComputedMapping(
            join: mapping, query: view.query, interval: refresh.interval, reads: followed, isByClock: isByClock)
        for column in view.table.columns {
            computed.types[column.name] = catalog.underlyingType(of: column.type)?.oid ?? column.type
        }
        if isByClock, !refresh.isByClock { tellOfClock(computed, view, unseen, refresh) }
        return computed
    }

    /// Every change of a row of its shows in the stream.
    private func isFollowed(_ name: QualifiedName) -> Bool {
        tables.contains { entry in
            entry.table.value == name && entry.role != .skip && entry.refresh == nil && entry.filter == nil
        }
    }

    private mutating func tellOfClock(
        _ computed: ComputedMapping, _ view: Catalog.View, _ unseen: [QualifiedName], _ refresh: RefreshEntry
    ) {
        let how = "it is read every \(computed.intervalText), whether anything has changed or not"
        let ok = "write refresh: {every: \(computed.intervalText)} where that is meant"
        if view.isMaterialized {
            note(
                .reference, refresh.position,
                "\(computed.table) is a materialized view, whose REFRESH the stream does not show: \(how)", ok,
                severity: .warning)
        } else if unseen.isEmpty {
            note(.reference, refresh.position, "\(computed.table) reads no table: \(how)", ok, severity: .warning)
        } else {
            let list = unseen.map(\.description).joined(separator: ", ")
            note(
                .reference, refresh.position,
                "\(computed.table) reads \(list), whose changes are not all followed: \(how)",
                "map what it reads, without where; or \(ok)", severity: .warning)
        }
    }

    /// What a query gives; one that the server does not take is a fault.
    mutating func query(_ query: Located<String>, called name: QualifiedName) -> Catalog.Table? {
        if let view = catalog.view(name) { return view.table }
        let refusal = catalog.refusals[name]?.message ?? "it was not asked about"
        note(
            .value, query.position, "PostgreSQL does not take the query \(name): \(refusal)",
            "it takes one SELECT without a semicolon, in which tables, and functions and types outside of pg_catalog, have "
                + "their schema")
        return nil
    }

    /// The view of an entry that is to be read again and again; a table by that name, or a view without, is a fault.
    mutating func view(of entry: TableEntry) -> Catalog.Table? {
        let name = entry.table.value
        if let view = catalog.view(name) {
            if entry.refresh != nil { return view.table }
            guard entry.role != .skip else { return nil }
            note(
                .unknownName, entry.table.position, "\(name) is a view: it has no changes of its own",
                "map the tables below it; or, for relationships, say how often it is read again: refresh: 10s")
        } else if catalog.table(name) != nil, let refresh = entry.refresh {
            note(
                .value, refresh.position, "\(name) is a table, whose changes are followed",
                "leave refresh out: it is for views")
        }
        return nil
    }
}
