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
        var snapshotBegan = MonotonicTime.now
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
            case .snapshotStarted(let tables, let rows, let lsn):
                state.snapshotBegan = .now
                line(&state, "snapshot", "tables=\(tables) rows~\(rows) lsn=\(lsn)")
            case .snapshotProgress(let done, let total, let table): bar(&state, done, total, table)
            case .snapshotFinished(let rows, let seconds):
                line(&state, "snapshot done", "rows=\(rows) seconds=\(Self.fixed(seconds, 1))")
            case .streaming(let lsn, let binary):
                state.last = nil
                line(&state, "streaming", "from=\(lsn) format=\(binary ? "binary" : "text")")
            case .progress(let checkpoint): progress(&state, checkpoint)
            case .largeTransaction(let lsn, let changes, let partial):
                let from = partial.map { " from=\(Self.text($0))" } ?? ""
                line(&state, "large transaction", "lsn=\(lsn) changes=\(changes), applied in parts" + from)
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

    private func bar(_ state: inout State, _ done: Int64, _ total: Int64, _ table: String) {
        let now = MonotonicTime.now
        guard !isQuiet, isTerminal, done >= total || now - state.lastBar > .milliseconds(100) else { return }
        state.lastBar = now
        let rate = Double(done) / max(0.001, (now - state.snapshotBegan) / .seconds(1))
        let share = total > 0 ? min(1, Double(done) / Double(total)) : 0
        let width = 24
        let filled = Int(share * Double(width))
        let text =
            "[" + String(repeating: "#", count: filled) + String(repeating: "-", count: width - filled)
            + "] \(Int(share * 100)) %  \(done)/\(total) rows  \(Int(rate)) rows/s  \(table)"
        moving(&state, text)
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
