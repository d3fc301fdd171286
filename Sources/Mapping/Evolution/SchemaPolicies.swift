// Part of Lockstep. See LICENSE.

/// What can happen to a mapped table while a pipeline lives. Raw values are the keys of `schemaChanges` in the mapping file.
public enum SchemaChangeKind: String, Sendable, CaseIterable {
    case columnAdded, columnDropped, columnRenamed, columnRetyped, tableRenamed, tableDropped,
        partitionsChanged
    /// One that the mapping does not mention.
    case tableAdded
    /// What tells its rows apart is no key any more, or the stream does not carry it.
    case keyChanged
    /// A constraint that a reference goes by is gone, or holds for some rows only.
    case foreignKeyDropped
    /// Not the table, but what the mapping file says of it.
    case mappingEdited

    /// What can be done about it. A reference is one that is believed, or one that is not.
    var policies: [SchemaChangePolicy] {
        self == .foreignKeyDropped ? [.apply, .pause] : SchemaChangePolicy.allCases
    }
}

/// What a pipeline does about it.
public enum SchemaChangePolicy: String, Sendable, CaseIterable {
    /// The graph follows.
    case apply
    /// The pipeline stops, with the checkpoint where it is.
    case pause
    /// What is in the graph stays as it is, and the line of the mapping stands for nothing any more.
    case ignore
}

/// The mapping file's `schemaChanges`.
public struct SchemaPolicies: Sendable, Equatable {
    private var chosen: [SchemaChangeKind: SchemaChangePolicy] = [:]

    public init() {}

    /// Without a word of the file: the file is the contract, so that what is new stays out; what can be followed without
    /// loss is; what would delete something waits for somebody.
    public subscript(kind: SchemaChangeKind) -> SchemaChangePolicy {
        get { chosen[kind] ?? Self.standard(kind) }
        set { chosen[kind] = newValue }
    }

    static func standard(_ kind: SchemaChangeKind) -> SchemaChangePolicy {
        switch kind {
        case .columnAdded, .tableAdded: .ignore
        case .columnRenamed, .columnRetyped, .tableRenamed, .foreignKeyDropped, .partitionsChanged, .mappingEdited:
            .apply
        case .columnDropped, .tableDropped, .keyChanged: .pause
        }
    }
}

extension MappingFileReader {
    mutating func schemaChanges(_ node: YAMLNode) -> SchemaPolicies {
        var policies = SchemaPolicies()
        guard var fields = mapping(node, "schemaChanges") else { return policies }
        for kind in SchemaChangeKind.allCases {
            guard let written = fields.take(kind.rawValue).flatMap({ text($0, kind.rawValue) }) else { continue }
            let names = kind.policies.map(\.rawValue)
            if let policy = SchemaChangePolicy(rawValue: written.value), kind.policies.contains(policy) {
                policies[kind] = policy
            } else {
                let list = names.dropLast().joined(separator: ", ") + " or " + names[names.count - 1]
                fault(
                    .value, written.position, "\(kind.rawValue) is \(list)",
                    Suggestion.remedy(for: written.value, among: names))
            }
        }
        finish(fields)
        return policies
    }
}
