// Part of Lockstep. See LICENSE.

internal import Mapping

/// Everything that a preflight found.
public struct PreflightReport: Sendable {
    public typealias Severity = PreflightFinding.Severity

    /// The mapping file, as it was named.
    public var file: String
    /// The file could not be read whole: the mapping was not held against the database.
    public var isMappingUnreadable: Bool
    /// What answered, for instance `127.0.0.1:5432/shop as lockstep, PostgreSQL 15.18`; nil where nothing is known.
    public var source: String?
    public var graph: String?
    public var findings: [PreflightFinding]

    public func count(_ severity: Severity) -> Int { findings.count { $0.severity == severity } }

    public var hasErrors: Bool { isMappingUnreadable || count(.error) > 0 }

    /// The findings of one area: errors, warnings, notes; within each as found.
    public func findings(in area: PreflightFinding.Area) -> [PreflightFinding] {
        let here = findings.filter { $0.area == area }
        return Severity.allCases.flatMap { severity in here.filter { $0.severity == severity } }
    }
}

// MARK: - Printing

extension PreflightReport {
    private func title(_ area: PreflightFinding.Area) -> String {
        switch area {
        case .mapping: "mapping \(file)"
        case .source: "PostgreSQL" + (source.map { " \($0)" } ?? "")
        case .graph: "graph" + (graph.map { " \($0)" } ?? "")
        }
    }

    /// For people: grouped by place, the fix behind an arrow, the counts in the last line.
    ///
    /// - Parameter emphasize: Marks a finding's severity up.
    public func text(emphasize: (Severity, String) -> String = { $1 }) -> String {
        var lines: [String] = []
        for area in PreflightFinding.Area.allCases {
            lines.append(title(area))
            let here = findings(in: area)
            if here.isEmpty { lines.append("  nothing to say") }
            for finding in here {
                let place = finding.position.map { "\($0): " } ?? ""
                let severity = emphasize(finding.severity, finding.severity.rawValue)
                lines.append("  \(severity): \(place)" + Self.indented(finding.what, by: 4))
                if let fix = finding.fix { lines.append("    -> " + Self.indented(fix, by: 7)) }
            }
            lines.append("")
        }
        return (lines + [summary]).joined(separator: "\n")
    }

    /// `2 errors, 1 warning, 3 notes`.
    private var summary: String {
        Severity.allCases.map { severity in
            let number = count(severity)
            return "\(number) \(severity.rawValue)\(number == 1 ? "" : "s")"
        }.joined(separator: ", ")
    }

    private static func indented(_ text: String, by width: Int) -> String {
        let margin = "\n" + String(repeating: " ", count: width)
        return text.split(separator: "\n", omittingEmptySubsequences: false).joined(separator: margin)
    }

    /// For machines; described in `docs/cli.md`.
    public var json: String {
        let entries = PreflightFinding.Area.allCases.flatMap { findings(in: $0) }.map { finding in
            JSONText.object([
                ("severity", .string(finding.severity.rawValue)), ("area", .string(finding.area.rawValue)),
                ("file", finding.position.map { .string($0.file) } ?? .null),
                ("line", finding.position.map { .number($0.line) } ?? .null),
                ("column", finding.position.map { .number($0.column) } ?? .null), ("what", .string(finding.what)),
                ("fix", finding.fix.map { .string($0) } ?? .null),
            ])
        }
        return JSONText.object([
            ("mapping", .string(file)), ("source", source.map { .string($0) } ?? .null),
            ("graph", graph.map { .string($0) } ?? .null), ("errors", .number(count(.error))),
            ("warnings", .number(count(.warning))), ("notes", .number(count(.note))), ("findings", .array(entries)),
        ]).text()
    }
}
