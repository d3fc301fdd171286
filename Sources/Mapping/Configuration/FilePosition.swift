// Part of Lockstep. See LICENSE.

/// A place in a configuration file, printed as compilers do: `lockstep.yaml:12:7`.
public struct FilePosition: Sendable, Hashable, CustomStringConvertible {
    public var file: String
    /// From 1.
    public var line: Int
    /// From 1, in characters.
    public var column: Int

    public init(file: String, line: Int, column: Int) {
        self.file = file
        self.line = line
        self.column = column
    }

    public var description: String { "\(file):\(line):\(column)" }
}

/// A value and where the file says it; equality is the value's alone. A value that no file holds has no position.
struct Located<Value: Sendable & Equatable>: Sendable, Equatable {
    var value: Value
    var position: FilePosition?

    init(_ value: Value, at position: FilePosition? = nil) {
        self.value = value
        self.position = position
    }

    static func == (a: Self, b: Self) -> Bool { a.value == b.value }
}
