// Part of Lockstep. See LICENSE.

public import PostgreSQL

/// A name in the mapping file that the database has not any more. It goes on meaning what it meant, by what is remembered
/// in the graph; only the file should say so, too.
public struct OldName: Sendable, Equatable {
    /// `table` or `column`.
    public var kind: String
    public var name: String
    /// The table that has it, or is it, as the file calls it.
    public var table: QualifiedName
    /// What the database says now.
    public var now: String
    /// Where the file has it.
    public var positions: [FilePosition]

    init(of kind: String, _ name: String, in table: QualifiedName, now: String, positions: [FilePosition]) {
        self.kind = kind
        self.name = name
        self.table = table
        self.now = now
        self.positions = positions
    }

    /// For instance `write remark in place of note under public.orders in the mapping (lockstep.yaml, lines 12 and 15)`.
    public var advice: String {
        let place = kind == "table" ? "" : " under \(table)"
        return "write \(now) in place of \(name)\(place) in the mapping" + (lines.map { " (\($0))" } ?? "")
    }

    public var description: String {
        kind == "table"
            ? "table \(name) is called \(now) now: \(advice)"
            : "\(table): column \(name) is called \(now) now: \(advice)"
    }

    /// `lockstep.yaml, lines 12 and 15`; nil where the file says it nowhere.
    private var lines: String? {
        var numbers: [String] = []
        for position in positions where !numbers.contains(String(position.line)) {
            numbers.append(String(position.line))
        }
        guard let file = positions.first?.file, let last = numbers.popLast() else { return nil }
        return numbers.isEmpty
            ? "\(file), line \(last)" : "\(file), lines \(numbers.joined(separator: ", ")) and \(last)"
    }
}
