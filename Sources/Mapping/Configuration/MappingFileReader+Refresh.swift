// Part of Lockstep. See LICENSE.

// How often a view or a query is read.
extension MappingFileReader {
    private static let shortest: Duration = .seconds(1)
    private static let longest: Duration = .seconds(86400)

    /// `refresh: 10s`, when something has changed; `refresh: {every: 10s}`, in any case.
    mutating func refresh(_ node: YAMLNode) -> RefreshEntry? {
        guard case .mapping = node.content else {
            return interval(node, "refresh").map { RefreshEntry(interval: $0, position: node.position) }
        }
        guard var fields = mapping(node, "refresh") else { return nil }
        let every = required("every", &fields).flatMap { interval($0, "every") }
        finish(fields)
        return every.map { RefreshEntry(interval: $0, isByClock: true, position: node.position) }
    }

    private mutating func interval(_ node: YAMLNode, _ what: String) -> Duration? {
        guard let written = text(node, what) else { return nil }
        if let interval = Self.interval(written.value) { return interval }
        fault(.value, written.position, "\(what) is a time from 1s to 24h", "for instance 10s, 5m or 1h")
        return nil
    }

    private static func interval(_ text: String) -> Duration? {
        guard let unit = text.last, let number = Int64(text.dropLast()), (0...86400).contains(number),
            let seconds = ["s": Int64(1), "m": 60, "h": 3600][unit]
        else { return nil }
        let interval = Duration.seconds(number * seconds)
        return (shortest...longest).contains(interval) ? interval : nil
    }
}
