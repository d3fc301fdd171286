// Part of Lockstep. See LICENSE.

internal import PostgreSQL

// A partition's changes come under its root's name, but with what its own replica identity carries.
extension MappingResolver {
    /// Every partition's updates and deletes say which row they mean.
    mutating func checkPartitions(
        of table: Catalog.Table, carry columns: [String], at position: FilePosition?
    ) -> Bool {
        let foreign = table.partitions.filter(\.isForeign)
        let silent = table.partitions.filter { !$0.isForeign && !table.isCarried(columns, by: $0) }
        if let first = foreign.first {
            note(
                .key, position,
                "\(first.name)\(Self.more(foreign)) is a partition of \(table.name) and a foreign table: its changes are in "
                    + "another server's WAL",
                "ALTER TABLE \(table.name) DETACH PARTITION \(first.name);")
        }
        if let first = silent.first {
            let identity =
                table.replicaIdentity == .full || columns != table.primaryKey ? "FULL" : "DEFAULT"
            note(
                .key, position,
                "updates and deletes in \(first.name)\(Self.more(silent)), a partition of \(table.name), "
                    + (table.replicaIdentity == .full
                        ? "do not carry the whole row, as the table's REPLICA IDENTITY FULL promises"
                        : "do not say which row they mean"),
                silent.map { "ALTER TABLE \($0.name) REPLICA IDENTITY \(identity);" }.joined(separator: " "))
        }
        return foreign.isEmpty && silent.isEmpty
    }

    private static func more(_ partitions: [Catalog.Partition]) -> String {
        partitions.count > 1 ? " (and \(partitions.count - 1) more)" : ""
    }
}

extension Catalog.Table {
    /// What a partition writes of old rows has these columns. Where the root says FULL, the stream announces whole rows: what
    /// a partition leaves out then looks like NULL.
    func isCarried(_ columns: [String], by partition: Catalog.Partition) -> Bool {
        switch partition.replicaIdentity {
        case .full: true
        case .nothing: false
        case .default, .index: replicaIdentity != .full && Set(partition.identityKey).isSuperset(of: columns)
        }
    }
}
