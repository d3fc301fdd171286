// Part of Lockstep. See LICENSE.

public import Mapping

/// One thing that stands in the pipeline's way, or is worth knowing before it starts: what, where, and the fix.
public struct PreflightFinding: Sendable, Hashable {
    public enum Severity: String, Sendable, CaseIterable {
        /// The pipeline cannot run, or would not be right.
        case error
        /// It runs, but something is at risk.
        case warning
        /// A fact that is easily overlooked.
        case note
    }

    /// What has to be changed, or is spoken of.
    public enum Area: String, Sendable, CaseIterable {
        case mapping
        case source = "postgresql"
        case graph

        fileprivate var whereUnreachable: String {
            switch self {
            case .mapping, .source: "start PostgreSQL, or correct host and port in source.url"
            case .graph: "start the graph server, or correct host and port in graph.url"
            }
        }
    }

    public var severity: Severity
    public var area: Area
    /// Where the mapping file is at fault.
    public var position: FilePosition?
    /// What is the case; one sentence without a period.
    public var what: String
    /// SQL, Cypher, a setting, or words; may have several lines.
    public var fix: String?

    public init(
        _ severity: Severity, _ area: Area, _ what: String, fix: String? = nil, position: FilePosition? = nil
    ) {
        self.severity = severity
        self.area = area
        self.position = position
        self.what = what
        self.fix = fix
    }

    init(_ fault: MappingFault) {
        let severity: Severity =
            switch fault.severity {
            case .error: .error
            case .warning: .warning
            case .note: .note
            }
        self.init(severity, .mapping, fault.message, fix: fault.remedy, position: fault.position)
    }

    /// What kept a check from being made.
    init(_ area: Area, _ error: PipelineError) {
        // A list of faults begins on a line of its own.
        let detail = String(error.detail.drop { $0 == "\n" })
        let what = detail.isEmpty ? error.what : "\(error.what): \(detail)"
        self.init(.error, area, what, fix: error.remedy ?? (error.disposition == .retry ? area.whereUnreachable : nil))
    }
}

extension PipelineError {
    /// Refuses to go on for what a preflight would have found.
    init(_ what: String, _ finding: PreflightFinding, at server: String, disposition: Disposition = .stop) {
        self.init(what, "\(server): \(finding.what)", remedy: finding.fix, disposition: disposition)
    }
}

extension [String] {
    /// All of a few; the first of many and how many there are. A fix names them all.
    var listed: String {
        count <= 5 ? joined(separator: ", ") : prefix(4).joined(separator: ", ") + " and \(count - 4) more"
    }
}
