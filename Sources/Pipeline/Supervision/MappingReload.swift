// Part of Lockstep. See LICENSE.

public import Mapping
internal import Synchronization
internal import Threading

/// A mapping file that is to take the place of the one in use, and the attempt that has to end for that.
final class MappingReload: Sendable {
    struct Offer: Sendable {
        var file: MappingFile
        var settings: PipelineSettings
    }

    private struct State {
        var offer: Offer?
        var attempt: StopSignal?
    }

    private let state = Mutex(State())

    /// Ends the attempt that is under way; the next one goes by the offer.
    func offer(_ offer: Offer) {
        let attempt = state.withLock { state in
            state.offer = offer
            return state.attempt
        }
        attempt?.stop()
    }

    /// What the attempt that ends by this signal is to go by; nil where that is what it was.
    func begin(_ attempt: StopSignal) -> Offer? {
        state.withLock { state in
            state.attempt = attempt
            defer { state.offer = nil }
            return state.offer
        }
    }

    var isOffered: Bool { state.withLock { $0.offer != nil } }
}

extension PipelineRun {
    /// Goes on by another mapping file, without an end of the process. What stands in its way is reported, as `lockstep check`
    /// would, and the file in use goes on.
    ///
    /// - Parameter name: The file's.
    public func takeOver(_ reading: MappingReading, named name: String) async {
        if let file = reading.file {
            let fixed = Self.fixed(file, self.file)
            guard fixed.isEmpty else {
                return refuse(
                    name, ["\(fixed.joined(separator: ", ")) cannot change while it runs: stop it and start it again"])
            }
        }
        let found = await Preflight.run(reading, file: name)
        guard !found.hasErrors, let file = reading.file else {
            return refuse(name, found.findings.filter { $0.severity == .error }.map(Self.line))
        }
        do throws(PipelineError) {
            let settings = try PipelineSettings(file)
            report(.mappingRead(name))
            reload.offer(MappingReload.Offer(file: file, settings: settings))
        } catch {
            refuse(name, [error.description])
        }
    }

    private static func line(_ finding: PreflightFinding) -> String {
        (finding.position.map { "\($0): " } ?? "") + finding.what + (finding.fix.map { "\n    -> \($0)" } ?? "")
    }

    private func refuse(_ name: String, _ reasons: [String]) {
        report(
            .warning("\(name) is refused, and the mapping in use goes on:" + reasons.map { "\n  \($0)" }.joined()))
    }

    /// Settings that say which pipeline it is, and that are other ones now.
    private static func fixed(_ new: MappingFile, _ old: MappingFile) -> [String] {
        let pairs = [
            ("pipeline", new.pipeline == old.pipeline), ("source.url", new.source.url == old.source.url),
            ("source.slot", new.source.slot == old.source.slot),
            ("source.publication", new.source.publication == old.source.publication),
            ("graph.url", new.graph.url == old.graph.url),
        ]
        return pairs.filter { !$0.1 }.map(\.0)
    }
}
