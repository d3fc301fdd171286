// Part of Lockstep. See LICENSE.

internal import Bolt
internal import Mapping
internal import Pipeline
internal import PostgreSQL
internal import Threading

enum InitCommand: Command {
    static let name = "init"
    static let summary = "looks at the database and writes a mapping"
    static let synopsis = "--source URL --graph URL [-o FILE] [--pipeline NAME] [--sample ROWS]"
    static let details = """
        Reads the catalog and writes a commented mapping that is right for most databases; says what it decided and why.
        A file that is there already is kept byte for byte: tables that it does not mention are added at its end.

          --source URL      PostgreSQL, postgresql://user@host:5432/database; the password by PGPASSWORD or ~/.pgpass
          --graph URL       Neo4j, bolt://user@host:7687; the password by LOCKSTEP_GRAPH_PASSWORD
          -o FILE           where to write (default lockstep.yaml)
          --pipeline NAME   names the checkpoint in the graph (default: the database's name)
          --sample ROWS     look into so many rows of each table with json or jsonb, and propose a property for each
                            member that stands there; names of members get into the file, values do not
        """
    static let options: Set<String> = ["source", "graph", "output", "pipeline", "config", "sample"]
    static let flags: Set<String> = []

    static func run(_ arguments: Arguments) async throws -> ExitCode {
        let path = arguments["output"] ?? arguments["config"] ?? "lockstep.yaml"
        let existing = FileSystem.read(path)
        let source = try sourceURL(arguments, existing, path)
        let catalog = try await DedicatedThread.run(name: "init") { () throws(PipelineError) in
            try SourceCatalog.read(source)
        }
        let rows = try sampleRows(arguments)
        if let existing {
            if rows != nil { throw Arguments.UsageError(message: "--sample is for a new file; \(path) is there") }
            return try merge(existing, path, catalog)
        }
        guard let graph = arguments["graph"] else {
            throw Arguments.UsageError(message: "--graph URL is needed: bolt://user@host:7687")
        }
        do throws(BoltError) { _ = try BoltConfiguration(url: graph) } catch {
            throw Arguments.UsageError(message: error.description)
        }
        var proposal = Proposal(for: catalog)
        if let rows {
            proposal.add(
                try await DedicatedThread.run(name: "sample") { () throws(PipelineError) in
                    try DocumentSampling.read(source, catalog, rows: rows)
                })
        }
        let pipeline = arguments["pipeline"] ?? pipelineName(catalog.database)
        let text = proposal.render(
            Proposal.Settings(pipeline: pipeline, source: ConnectionURL(source), graph: ConnectionURL(graph)))
        try write(text, path)
        explain(proposal)
        Terminal.out("\nwrote \(path); next: lockstep check, then lockstep run")
        return .success
    }

    private static func sampleRows(_ arguments: Arguments) throws(Arguments.UsageError) -> Int? {
        guard let text = arguments["sample"] else { return nil }
        guard let rows = Int(text), (1...1_000_000).contains(rows) else {
            throw Arguments.UsageError(message: "--sample takes a number of rows from 1 to 1000000, not \"\(text)\"")
        }
        return rows
    }

    private static func sourceURL(_ arguments: Arguments, _ existing: [UInt8]?, _ path: String) throws -> String {
        if let url = arguments["source"] { return url }
        guard let existing else {
            throw Arguments.UsageError(message: "--source URL is needed: postgresql://user@host:5432/database")
        }
        do throws(MappingError) {
            return try MappingFile.parse(existing, file: path, environment: FileSystem.environment).source.url.revealed
        } catch {
            throw PipelineError(error)
        }
    }

    private static func merge(_ existing: [UInt8], _ path: String, _ catalog: Catalog) throws -> ExitCode {
        let merge: MappingMerge
        do throws(MappingError) {
            merge = try MappingFile.merging(existing, file: path, with: catalog)
        } catch {
            throw PipelineError(error)
        }
        for fault in merge.gone { Terminal.out("gone: \(fault)") }
        for what in merge.unmentioned { Terminal.out("not mapped: \(what)") }
        if let text = merge.toInsertByHand {
            Terminal.out("\(path) has a form that nothing can be added to safely; add this to its tables:\n\n\(text)")
            return .negative
        }
        explain(merge.added)
        if Array(merge.text.utf8) == existing {
            Terminal.out("\(path) mentions every table; nothing was changed")
        } else {
            try write(merge.text, path)
            Terminal.out("\nadded to \(path); what was there is unchanged")
        }
        return .success
    }

    private static func write(_ text: String, _ path: String) throws(PipelineError) {
        guard FileSystem.write(text, to: path) else {
            throw PipelineError("cannot write \(path)", remedy: "-o names another file.")
        }
    }

    private static func explain(_ proposal: Proposal) {
        for line in proposal.decisions { Terminal.out(line) }
        guard !proposal.leftOut.isEmpty else { return }
        Terminal.out("\nnot in the graph:")
        for left in proposal.leftOut {
            Terminal.out("  \(left.table): \(left.message)" + (left.remedy.map { "\n    -> \($0)" } ?? ""))
        }
    }

    /// A database's name with what a pipeline's name cannot have replaced.
    private static func pipelineName(_ database: String) -> String {
        let name = database.utf8.prefix(50).map { byte in
            let isFine = (48...57).contains(byte) || (65...90).contains(byte) || (97...122).contains(byte) || byte == 45
            return isFine ? byte : UInt8(ascii: "_")
        }
        return name.isEmpty ? "lockstep" : String(decoding: name, as: UTF8.self)
    }
}
