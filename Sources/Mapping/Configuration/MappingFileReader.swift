// Part of Lockstep. See LICENSE.

internal import Bolt

/// Turns a YAML tree into a ``MappingFile``, noting every fault on the way.
struct MappingFileReader {
    let file: String
    let variables: VariableExpansion
    var faults: [MappingFault]
    /// The parts that could be read, whatever became of the others.
    private(set) var pipeline: String?
    private(set) var source: SourceSettings?
    private(set) var graph: GraphSettings?

    init(file: String, variables: VariableExpansion, faults: [MappingFault]) {
        self.file = file
        self.variables = variables
        self.faults = faults
    }

    mutating func read(_ root: YAMLNode) -> MappingFile? {
        guard var fields = mapping(root, "the file") else { return nil }
        if let version = required("version", &fields).flatMap({ text($0, "version") }), version.value != "1" {
            fault(.value, version.position, "version \(version.value) of the format is not known", "write version: 1")
        }
        pipeline = required("pipeline", &fields).flatMap { pipelineName($0) }
        source = required("source", &fields).flatMap { source($0, pipeline: pipeline) }
        graph = required("graph", &fields).flatMap { graph($0) }
        let batch = fields.take("batch").map { self.batch($0) } ?? BatchSettings()
        let changes = fields.take("schemaChanges").map { schemaChanges($0) } ?? SchemaPolicies()
        let tables = required("tables", &fields).map { self.tables($0) }
        let queries = fields.take("queries").map { self.queries($0, beside: tables ?? []) } ?? []
        let schema = fields.take("schema").map { self.schema($0) } ?? []
        finish(fields)
        guard let pipeline, let source, let graph, let tables else { return nil }
        return MappingFile(
            file: file, pipeline: pipeline, source: source, graph: graph, batch: batch, schemaChanges: changes,
            tables: tables + queries, schema: schema)
    }

    /// Reads `tables` alone: what needs no variable.
    mutating func readTables(_ root: YAMLNode) -> [TableEntry] {
        guard var fields = mapping(root, "the file") else { return [] }
        return required("tables", &fields).map { tables($0) } ?? []
    }

    private mutating func pipelineName(_ node: YAMLNode) -> String? {
        guard let name = expanded(node, "pipeline") else { return nil }
        let isFine = name.value.utf8.allSatisfy {
            (48...57).contains($0) || (65...90).contains($0) || (97...122).contains($0) || $0 == 95 || $0 == 45
        }
        guard isFine, (1...50).contains(name.value.utf8.count) else {
            fault(.value, name.position, "a pipeline's name is made of letters, digits, _ and -, up to 50")
            return nil
        }
        return name.value
    }

    private mutating func source(_ node: YAMLNode, pipeline: String?) -> SourceSettings? {
        guard var fields = mapping(node, "source") else { return nil }
        let url = required("url", &fields).flatMap { connection($0, "source", "PGPASSWORD or ~/.pgpass") }
        let slot = fields.take("slot").flatMap { slotName($0) }
        let publication = fields.take("publication").flatMap { expanded($0, "publication") }
        let spool = fields.take("spool").flatMap { expanded($0, "spool") }
        let columnLists = fields.take("columnLists").map { flag($0, "columnLists") } ?? false
        let twoPhase = fields.take("twoPhase").flatMap { self.twoPhase($0) }
        finish(fields)
        if let publication, !(1...63).contains(publication.value.utf8.count) {
            fault(.value, publication.position, "a publication's name has 1 to 63 bytes")
        }
        let standard = "lockstep_" + (pipeline ?? "").lowercased().map { $0 == "-" ? "_" : $0 }
        return url.map {
            SourceSettings(
                url: $0, slot: slot ?? standard, publication: publication?.value ?? standard,
                spool: spool?.value ?? SourceSettings.standardSpool, columnLists: columnLists,
                twoPhase: twoPhase ?? .commit)
        }
    }

    private mutating func twoPhase(_ node: YAMLNode) -> SourceSettings.TwoPhase? {
        guard let written = expanded(node, "twoPhase") else { return nil }
        if let choice = SourceSettings.TwoPhase(rawValue: written.value) { return choice }
        fault(.value, written.position, "twoPhase is commit or prepare: when a two-phase transaction is decoded")
        return nil
    }

    private mutating func slotName(_ node: YAMLNode) -> String? {
        guard let name = expanded(node, "slot") else { return nil }
        let isFine = name.value.utf8.allSatisfy { (48...57).contains($0) || (97...122).contains($0) || $0 == 95 }
        guard isFine, (1...63).contains(name.value.utf8.count) else {
            fault(.value, name.position, "a slot's name is made of lower-case letters, digits and _, up to 63")
            return nil
        }
        return name.value
    }

    private mutating func graph(_ node: YAMLNode) -> GraphSettings? {
        guard var fields = mapping(node, "graph") else { return nil }
        let urlNode = required("url", &fields)
        let url = urlNode.flatMap { connection($0, "graph", "password: ${LOCKSTEP_GRAPH_PASSWORD}") }
        let secretNode = fields.take("password")
        let secret = secretNode.flatMap { self.secret($0) }
        let authority = fields.take("tls").flatMap { self.authority($0) }
        finish(fields)
        guard let url, let urlNode else { return nil }
        var configuration: BoltConfiguration
        do throws(BoltError) {
            configuration = try BoltConfiguration(url: url.revealed)
        } catch {
            fault(.value, urlNode.position, error.message)
            return nil
        }
        let password = secret ?? configuration.password.map { Secret($0.reveal()) }
        configuration.password = nil
        if let authority {
            guard configuration.tls?.trust == .system else {
                fault(
                    .value, authority.position, "tls.ca is given, but graph.url asks for no check of the server",
                    "write bolt+s:// or neo4j+s:// in graph.url")
                return nil
            }
            configuration.tls?.trust = .authorities(files: [authority.value])
        }
        return GraphSettings(url: url, configuration: configuration, password: password)
    }

    /// The file that says whose certificates the graph may show.
    private mutating func authority(_ node: YAMLNode) -> Located<String>? {
        guard var fields = mapping(node, "tls") else { return nil }
        let file = required("ca", &fields).flatMap { expanded($0, "ca") }
        finish(fields)
        return file
    }

    private mutating func secret(_ node: YAMLNode) -> Secret? {
        guard let written = text(node, "password") else { return nil }
        if !written.value.contains("${") {
            fault(
                .value, written.position, "a password stands in the file",
                "put it in the environment and write password: ${LOCKSTEP_GRAPH_PASSWORD}")
            return nil
        }
        return expanded(node, "password").map { Secret($0.value) }
    }

    private mutating func connection(_ node: YAMLNode, _ what: String, _ elsewhere: String) -> ConnectionURL? {
        guard let written = text(node, "url") else { return nil }
        let holder = ConnectionURL(written.value)
        // `${` inside is no password yet.
        if holder.holdsPassword, !written.value.contains("${") {
            fault(.value, written.position, "the \(what)'s URL holds a password", "leave it out and use \(elsewhere)")
            return nil
        }
        guard let url = expanded(node, "url") else { return nil }
        if url.value.isEmpty {
            fault(.value, url.position, "the \(what)'s URL is empty")
            return nil
        }
        return ConnectionURL(url.value)
    }

    private mutating func batch(_ node: YAMLNode) -> BatchSettings {
        var settings = BatchSettings()
        guard var fields = mapping(node, "batch") else { return settings }
        count("rows", &fields, BatchSettings.rowsRange, &settings.rows)
        size("bytes", &fields, BatchSettings.bytesRange, &settings.bytes)
        count("wholeRows", &fields, BatchSettings.wholeRowsRange, &settings.wholeRows)
        size("wholeBytes", &fields, BatchSettings.wholeBytesRange, &settings.wholeBytes)
        finish(fields)
        return settings
    }

    private mutating func count(_ key: String, _ fields: inout Fields, _ range: ClosedRange<Int>, _ value: inout Int) {
        guard let written = fields.take(key).flatMap({ expanded($0, key) }) else { return }
        if let number = Int(written.value), range.contains(number) {
            value = number
        } else {
            fault(.value, written.position, "\(key) is a number from \(range.lowerBound) to \(range.upperBound)")
        }
    }

    private mutating func size(_ key: String, _ fields: inout Fields, _ range: ClosedRange<Int>, _ value: inout Int) {
        guard let written = fields.take(key).flatMap({ expanded($0, key) }) else { return }
        if let size = ByteSize.parse(written.value), range.contains(size) {
            value = size
        } else {
            let bounds = [range.lowerBound, range.upperBound].map { ByteSize.describe($0) }
            fault(.value, written.position, "\(key) is a size from \(bounds[0]) to \(bounds[1])", "for instance 4MiB")
        }
    }
}

// Pieces that every part reads with.
extension MappingFileReader {
    /// The entries of one YAML mapping; what nobody asks for is unknown.
    struct Fields {
        let node: YAMLNode
        let what: String
        let entries: [YAMLNode.Entry]
        var known: [String] = []

        mutating func take(_ key: String) -> YAMLNode? {
            known.append(key)
            return entries.first { $0.key == key }?.value
        }

        func has(_ key: String) -> Bool { entries.contains { $0.key == key } }
    }

    mutating func fault(
        _ kind: MappingFault.Kind, _ position: FilePosition?, _ message: String, _ remedy: String? = nil
    ) {
        faults.append(MappingFault(kind, at: position, message, remedy: remedy))
    }

    mutating func mapping(_ node: YAMLNode, _ what: String) -> Fields? {
        switch node.content {
        case .mapping(let entries, _): return Fields(node: node, what: what, entries: entries)
        case .invalid: return nil
        default:
            fault(.value, node.position, "\(what) is a mapping of names to values, not \(node.shape)")
            return nil
        }
    }

    mutating func list(_ node: YAMLNode, _ what: String) -> [YAMLNode]? {
        switch node.content {
        case .sequence(let items): return items
        case .invalid: return nil
        default:
            fault(.value, node.position, "\(what) is a list, not \(node.shape)", "write \(what): [one, another]")
            return nil
        }
    }

    mutating func text(_ node: YAMLNode, _ what: String) -> Located<String>? {
        switch node.content {
        case .invalid: return nil
        case .scalar(let text, _) where !node.isMissing: return Located(text, at: node.position)
        default:
            fault(.value, node.position, "\(what) is a single value, not \(node.shape)")
            return nil
        }
    }

    mutating func expanded(_ node: YAMLNode, _ what: String) -> Located<String>? {
        guard let written = text(node, what) else { return nil }
        do {
            return Located(try variables.expand(written.value), at: node.position)
        } catch {
            fault(.value, node.position, error.message, error.remedy)
            return nil
        }
    }

    mutating func flag(_ node: YAMLNode, _ what: String) -> Bool {
        guard let written = text(node, what) else { return false }
        if written.value != "true" && written.value != "false" {
            fault(.value, node.position, "\(what) is true or false")
        }
        return written.value == "true"
    }

    mutating func required(_ key: String, _ fields: inout Fields) -> YAMLNode? {
        if let node = fields.take(key) { return node }
        fault(.value, fields.node.position, "\(fields.what) has no \(key)")
        return nil
    }

    /// Reports what nobody asked for.
    mutating func finish(_ fields: Fields) {
        for entry in fields.entries where !fields.known.contains(entry.key) {
            let remedy =
                Suggestion.remedy(for: entry.key, among: fields.known)
                ?? "here go \(fields.known.joined(separator: ", "))"
            fault(.unknownKey, entry.keyPosition, "\(fields.what) knows no key \"\(entry.key)\"", remedy)
        }
    }
}
