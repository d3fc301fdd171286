// Part of Lockstep. See LICENSE.

/// One thing that is wrong, or worth knowing, about a mapping file: what, where, and what to do.
public struct MappingFault: Sendable, Hashable, CustomStringConvertible {
    public enum Severity: String, Sendable {
        /// Nothing starts with it.
        case error
        /// It works, but probably not as meant.
        case warning
        /// A fact that is easily overlooked.
        case note
    }

    public enum Kind: Sendable {
        /// Not YAML, or YAML of a kind that is refused (aliases, tags, several documents).
        case syntax
        /// A key that the format does not know.
        case unknownKey
        /// A value that is missing, of the wrong shape, or out of range.
        case value
        /// A table or column that the database does not have.
        case unknownName
        /// A key that does not identify a row, or a replica identity that does not carry it.
        case key
        /// A relationship whose other end is no node, or whose columns do not fit the key there.
        case reference
        /// Two things of one name.
        case clash
        /// A name that is Lockstep's own.
        case reserved
        /// A value that the graph type cannot hold, or that goes over only as text.
        case conversion
    }

    public var severity: Severity
    public var kind: Kind
    /// Nil where no file is at fault.
    public var position: FilePosition?
    /// What is wrong; one sentence without a period.
    public var message: String
    /// What to do: words, SQL, or a line for the file.
    public var remedy: String?

    public init(
        _ kind: Kind, at position: FilePosition?, _ message: String, remedy: String? = nil, severity: Severity = .error
    ) {
        self.severity = severity
        self.kind = kind
        self.position = position
        self.message = message
        self.remedy = remedy
    }

    /// `lockstep.yaml:12:7: error: no table public.order` and, in a second line, the remedy.
    public var description: String {
        let place = position.map { "\($0): " } ?? ""
        return "\(place)\(severity.rawValue): \(message)" + (remedy.map { "\n    \($0)" } ?? "")
    }
}

/// A mapping file that cannot be used: every fault that was found, in the order of the file.
public struct MappingError: Error, Sendable, CustomStringConvertible {
    public var faults: [MappingFault]

    public init(faults: [MappingFault]) { self.faults = faults.inFileOrder }

    public var description: String { faults.map(\.description).joined(separator: "\n") }
}

extension [MappingFault] {
    /// Those with a position by line and column, the others behind them; otherwise as found.
    var inFileOrder: [MappingFault] {
        enumerated().sorted { a, b in
            let (p, q) = (a.element.position, b.element.position)
            return (p?.line ?? .max, p?.column ?? .max, a.offset) < (q?.line ?? .max, q?.column ?? .max, b.offset)
        }.map(\.element)
    }

    var hasErrors: Bool { contains { $0.severity == .error } }
}
