// Part of Lockstep. See LICENSE.

internal import CYAML

/// One event of libyaml, copied out.
struct YAMLEvent {
    enum Kind {
        case streamStart, streamEnd, documentStart, documentEnd
        case alias
        case scalar(String, isPlain: Bool)
        case sequenceStart(isFlow: Bool), sequenceEnd
        case mappingStart(isFlow: Bool), mappingEnd
    }

    /// As libyaml counts: from 0.
    struct Mark {
        var line: Int
        var column: Int
    }

    var kind: Kind
    var start: Mark
    var end: Mark
    /// It carries an anchor (`&name`) or a tag (`!name`), which the reader refuses.
    var hasAnchor = false
    var hasTag = false
}

/// What libyaml could not read.
struct YAMLSyntaxError: Error {
    var message: String
    var line: Int
    var column: Int
}

/// One libyaml parser over bytes that stay alive as long as it does.
@safe struct YAMLEvents: ~Copyable {
    // libyaml keeps a pointer to the parser inside of it: it must not move.
    private let parser: UnsafeMutablePointer<yaml_parser_t>

    /// - Parameter bytes: Read in place: they must outlive the parser.
    init(unsafeBytes bytes: UnsafeBufferPointer<UInt8>) {
        unsafe parser = .allocate(capacity: 1)
        unsafe precondition(yaml_parser_initialize(parser) == 1, "out of memory")
        unsafe yaml_parser_set_input_string(parser, bytes.baseAddress, bytes.count)
        unsafe yaml_parser_set_encoding(parser, YAML_UTF8_ENCODING)
    }

    deinit {
        unsafe yaml_parser_delete(parser)
        unsafe parser.deallocate()
    }

    mutating func next() throws(YAMLSyntaxError) -> YAMLEvent {
        var event = unsafe yaml_event_t()
        guard unsafe yaml_parser_parse(parser, &event) == 1 else { throw problem() }
        defer { unsafe yaml_event_delete(&event) }
        return unsafe YAMLEvent(event)
    }

    private func problem() -> YAMLSyntaxError {
        let text = unsafe parser.pointee.problem.map { unsafe String(cString: $0) } ?? "it cannot be read"
        let context = unsafe parser.pointee.context.map { unsafe " " + String(cString: $0) } ?? ""
        // The reader of characters gives no mark of its own; the scanner's is the last place that was fine.
        let failure = unsafe parser.pointee.error
        let mark = unsafe failure == YAML_READER_ERROR ? parser.pointee.mark : parser.pointee.problem_mark
        return YAMLSyntaxError(message: text + context, line: Int(mark.line), column: Int(mark.column))
    }
}

extension YAMLEvent {
    fileprivate init(_ event: yaml_event_t) {
        unsafe start = Mark(line: Int(event.start_mark.line), column: Int(event.start_mark.column))
        unsafe end = Mark(line: Int(event.end_mark.line), column: Int(event.end_mark.column))
        switch unsafe event.type {
        case YAML_STREAM_START_EVENT: kind = .streamStart
        case YAML_DOCUMENT_START_EVENT: kind = .documentStart
        case YAML_DOCUMENT_END_EVENT: kind = .documentEnd
        case YAML_ALIAS_EVENT: kind = .alias
        case YAML_SCALAR_EVENT:
            let scalar = unsafe event.data.scalar
            let bytes = unsafe UnsafeBufferPointer(start: scalar.value, count: scalar.length)
            // libyaml has checked that it is UTF-8.
            kind = unsafe .scalar(
                String(decoding: bytes, as: UTF8.self), isPlain: scalar.style == YAML_PLAIN_SCALAR_STYLE)
            unsafe hasAnchor = scalar.anchor != nil
            unsafe hasTag = scalar.tag != nil
        case YAML_SEQUENCE_START_EVENT:
            let sequence = unsafe event.data.sequence_start
            kind = unsafe .sequenceStart(isFlow: sequence.style == YAML_FLOW_SEQUENCE_STYLE)
            unsafe hasAnchor = sequence.anchor != nil
            unsafe hasTag = sequence.tag != nil
        case YAML_SEQUENCE_END_EVENT: kind = .sequenceEnd
        case YAML_MAPPING_START_EVENT:
            let mapping = unsafe event.data.mapping_start
            kind = unsafe .mappingStart(isFlow: mapping.style == YAML_FLOW_MAPPING_STYLE)
            unsafe hasAnchor = mapping.anchor != nil
            unsafe hasTag = mapping.tag != nil
        case YAML_MAPPING_END_EVENT: kind = .mappingEnd
        default: kind = .streamEnd
        }
    }
}
