// Part of Lockstep. See LICENSE.

internal import Apply
internal import Pipeline
internal import Synchronization
internal import Threading

/// Shows what a running pipeline tells: a bar and a moving line on a terminal, one log line for each event elsewhere.
final class RunDisplay: Sendable {
    private struct State {
        var hasMovingLine = false
        var lastBar = MonotonicTime(nanoseconds: 0)
        var last: (checkpoint: Checkpoint, at: MonotonicTime)?
        var shownLSN = ""
    }

    private let state = Mutex(State())
    private let isQuiet: Bool
    private let isTerminal = Terminal.isErrorTerminal

    init(isQuiet: Bool) { self.isQuiet = isQuiet }

    func show(_ event: PipelineEvent) {
        state.withLock { state in
            switch event {
            case .connected(let source, let graph): line(&state, "connected", "source=\(source) graph=\(graph)")
            case .created(let what): line(&state, "created", what)
            case .schema(let what): line(&state, "schema", what)
            case .snapshotStarted(let tables, let rows, let lsn, let done):
                let begun = done > 0 ? ", goes on at \(Int(done * 100)) %" : ""
                line(&state, "snapshot", "tables=\(tables) rows~\(rows) lsn=\(lsn)" + begun)
            case .loadProgress(let progress): load(&state, progress)
            case .counting(let table): line(&state, "counting", "the stream waits until \(table) is read")
            case .loaded(let tables, let rows, let seconds):
                let list = tables.joined(separator: ", ")
                line(&state, "loaded", "\(list) rows=\(rows) seconds=\(Self.fixed(seconds, 1))")
            case .viewRead(let view, let rows, let changed, let removed, let seconds):
                guard changed + removed > 0 else { break }
                line(
                    &state, "read",
                    "\(view) rows=\(rows) changed=\(changed) removed=\(removed) seconds=\(Self.fixed(seconds, 1))")
            case .catchingUp(let lsn, let until): line(&state, "catching up", "from=\(lsn) to=\(until)")
            case .snapshotFinished(let rows, let seconds):
                line(&state, "snapshot done", "rows=\(rows) seconds=\(Self.fixed(seconds, 1))")
            case .streaming(let lsn, let binary):
                state.last = nil
                line(&state, "streaming", "from=\(lsn) format=\(binary ? "binary" : "text")")
            case .progress(let checkpoint): progress(&state, checkpoint)
            case .largeTransaction(let lsn, let changes, let partial):
                let from = partial.map { " from=\(Self.text($0))" } ?? ""
                line(&state, "large transaction", "lsn=\(lsn) changes=\(changes), applied in parts" + from)
            case .mappingRead(let file): line(&state, "mapping", "\(file) was read anew")
            case .retrying(let error, let seconds):
                line(&state, "retrying in \(Self.fixed(seconds, 1)) s", error.description, always: true)
            case .warning(let text): line(&state, "warning", text, always: true)
            case .stopped(let checkpoint):
                line(&state, "stopped", checkpoint.map { "checkpoint=\($0.lsn)" } ?? "no checkpoint yet")
            }
        }
    }

    /// Leaves the cursor on a fresh line.
    func finish() { state.withLock { clear(&$0) } }

    private func line(_ state: inout State, _ what: String, _ detail: String, always: Bool = false) {
        guard always || !isQuiet else { return }
        clear(&state)
        Terminal.error("lockstep: \(what): \(detail)")
    }

    private func load(_ state: inout State, _ progress: LoadProgress) {
        let now = MonotonicTime.now
        let pause: Duration = isTerminal ? .milliseconds(100) : .seconds(5)
        guard !isQuiet, progress.share >= 1 || now - state.lastBar > pause else { return }
        state.lastBar = now
        let percent = Int(progress.share * 100)
        let left = progress.secondsLeft.map { "  \(Self.time($0)) left" } ?? ""
        let figures = "\(progress.rows) rows  \(Self.bytes(progress.bytes))\(left)  \(progress.table)"
        let what = progress.isBeside ? "loading" : "snapshot"
        guard isTerminal else { return Terminal.error("lockstep: \(what): \(percent) %  " + figures) }
        let width = 24
        let filled = Int(progress.share * Double(width))
        moving(
            &state,
            "[" + String(repeating: "#", count: filled) + String(repeating: "-", count: width - filled)
                + "] \(percent) %  " + figures)
    }

    /// `1:07`, `2:03:10`.
    static func time(_ seconds: Double) -> String {
        let whole = Int(seconds.rounded(.up))
        func two(_ value: Int) -> String { value < 10 ? "0\(value)" : "\(value)" }
        let minutes = "\(whole >= 3600 ? two(whole / 60 % 60) : "\(whole / 60)"):\(two(whole % 60))"
        return whole >= 3600 ? "\(whole / 3600):\(minutes)" : minutes
    }

    static func bytes(_ count: Int64) -> String {
        var value = Double(count)
        for unit in ["bytes", "kB", "MB", "GB"] {
            if value < 1024 || unit == "GB" { return "\(fixed(value, unit == "bytes" ? 0 : 1)) \(unit)" }
            value /= 1024
        }
        return ""
    }

    private func progress(_ state: inout State, _ checkpoint: Checkpoint) {
        let now = MonotonicTime.now
        defer { state.last = (checkpoint, now) }
        guard !isQuiet, let (last, at) = state.last else { return }
        let seconds = max(0.001, (now - at) / .seconds(1))
        let rows = Double(checkpoint.changes - last.changes) / seconds
        let transactions = Double(checkpoint.transactions - last.transactions) / seconds
        let partial = checkpoint.partial.map { " partial=\(Self.text($0))" } ?? ""
        let text =
            "checkpoint=\(checkpoint.lsn) rows/s=\(Int(rows)) tx/s=\(Int(transactions)) rows=\(checkpoint.changes)"
            + partial
        if isTerminal {
            moving(&state, text)
        } else if checkpoint.changes != last.changes || checkpoint.partial != last.partial {
            Terminal.error("lockstep: progress: " + text)
        }
    }

    private func moving(_ state: inout State, _ text: String) {
        Terminal.errorRaw("\r\u{1B}[K" + String(text.prefix(Terminal.columns - 1)))
        state.hasMovingLine = true
    }

    private func clear(_ state: inout State) {
        guard state.hasMovingLine else { return }
        Terminal.errorRaw("\r\u{1B}[K")
        state.hasMovingLine = false
    }

    static func text(_ partial: PartialTransaction) -> String { "\(partial.pass.rawValue):\(partial.changes)" }

    static func fixed(_ value: Double, _ digits: Int) -> String {
        var scale = 1.0
        for _ in 0..<digits { scale *= 10 }
        let scaled = Int64((value * scale).rounded())
        guard digits > 0 else { return String(scaled) }
        let text = String(scaled.magnitude)
        let padded = String(repeating: "0", count: max(0, digits + 1 - text.count)) + text
        return (scaled < 0 ? "-" : "") + padded.dropLast(digits) + "." + padded.suffix(digits)
    }
}
