// Part of Lockstep. See LICENSE.

/// Reads one YAML document into a tree.
///
/// Refused: anchors and aliases (they can blow up a small file), tags, keys that are no text, a key twice, more than one
/// document, files over 4 MiB, nesting deeper than 32.
struct YAMLReader: ~Copyable {
    static let bytesMax = 4 << 20
    static let depthMax = 32

    private var events: YAMLEvents
    private let file: String
    private var faults: [MappingFault] = []

    /// The document's root, with what was refused on the way; nil where it could not be read to its end.
    static func read(_ bytes: [UInt8], file: String) -> (root: YAMLNode?, faults: [MappingFault]) {
        let top = FilePosition(file: file, line: 1, column: 1)
        guard bytes.count <= bytesMax else {
            return (nil, [MappingFault(.syntax, at: top, "the file is larger than 4 MiB")])
        }
        return unsafe bytes.withUnsafeBufferPointer { buffer in
            var reader = YAMLReader(events: unsafe YAMLEvents(unsafeBytes: buffer), file: file)
            let root = reader.document()
            return (root, reader.faults)
        }
    }

    private init(events: consuming YAMLEvents, file: String) {
        self.events = events
        self.file = file
    }

    private mutating func document() -> YAMLNode? {
        do throws(YAMLSyntaxError) {
            _ = try events.next()  // the stream's start
            let start = try events.next()
            guard case .documentStart = start.kind else {
                faults.append(MappingFault(.syntax, at: place(start.start), "the file is empty"))
                return nil
            }
            let root = try node(try events.next(), depth: 0)
            _ = try events.next()  // the document's end
            let behind = try events.next()
            if case .documentStart = behind.kind {
                refuse(behind, "a second document begins here", "keep one mapping in a file")
            }
            return root
        } catch {
            let position = place(YAMLEvent.Mark(line: error.line, column: error.column))
            faults.append(MappingFault(.syntax, at: position, "this is not YAML: \(error.message)"))
            return nil
        }
    }

    private mutating func node(_ event: YAMLEvent, depth: Int) throws(YAMLSyntaxError) -> YAMLNode {
        guard depth < Self.depthMax else {
            throw YAMLSyntaxError(message: "nested too deeply", line: event.start.line, column: event.start.column)
        }
        if event.hasAnchor { refuse(event, "an anchor (&) stands here", "write the value out where it is used") }
        if event.hasTag { refuse(event, "a tag (!) stands here", "leave it out") }
        switch event.kind {
        case .scalar(let text, let isPlain):
            return node(.scalar(text, isPlain: isPlain), from: event, to: event.end)
        case .sequenceStart(let isFlow):
            var items: [YAMLNode] = []
            var next = try events.next()
            while true {
                if case .sequenceEnd = next.kind { break }
                items.append(try node(next, depth: depth + 1))
                next = try events.next()
            }
            return node(.sequence(items), from: event, to: next.end, after: isFlow ? nil : items.last?.lastLine)
        case .mappingStart(let isFlow):
            return try mapping(event, isFlow: isFlow, depth: depth)
        case .alias:
            refuse(event, "an alias (*) stands here", "write the value out")
            return node(.invalid, from: event, to: event.end)
        default:
            return node(.invalid, from: event, to: event.end)
        }
    }

    private mutating func mapping(_ start: YAMLEvent, isFlow: Bool, depth: Int) throws(YAMLSyntaxError) -> YAMLNode {
        var entries: [YAMLNode.Entry] = []
        var first: [String: FilePosition] = [:]
        var last: Int?
        while true {
            let event = try events.next()
            if case .mappingEnd = event.kind {
                return node(.mapping(entries, isFlow: isFlow), from: start, to: event.end, after: isFlow ? nil : last)
            }
            let key = try node(event, depth: depth + 1)
            let value = try node(try events.next(), depth: depth + 1)
            last = Swift.max(key.lastLine, value.lastLine)
            guard case .scalar(let name, _) = key.content else {
                refuse(event, "a key must be plain text", nil)
                continue
            }
            if let earlier = first[name] {
                refuse(event, "\(name) stands here twice", "the first is in line \(earlier.line)")
                continue
            }
            first[name] = key.position
            entries.append(YAMLNode.Entry(key: name, keyPosition: key.position, value: value))
        }
    }

    /// - Parameter after: The last line of the content of a block collection: its end event lies where the next thing
    ///   begins, which may be far below.
    private func node(
        _ content: YAMLNode.Content, from event: YAMLEvent, to end: YAMLEvent.Mark, after: Int? = nil
    ) -> YAMLNode {
        // A block scalar ends at the start of a line: the line before is its last.
        let ending = end.column == 0 && end.line > event.start.line ? end.line : end.line + 1
        return YAMLNode(content: content, position: place(event.start), lastLine: after ?? ending)
    }

    private func place(_ mark: YAMLEvent.Mark) -> FilePosition {
        FilePosition(file: file, line: mark.line + 1, column: mark.column + 1)
    }

    private mutating func refuse(_ event: YAMLEvent, _ message: String, _ remedy: String?) {
        faults.append(MappingFault(.syntax, at: place(event.start), message, remedy: remedy))
    }
}
