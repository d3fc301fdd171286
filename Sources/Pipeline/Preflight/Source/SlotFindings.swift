// Part of Lockstep. See LICENSE.

internal import Capture
internal import PostgreSQL

/// What is to be said of the pipeline's slot by itself; whether it fits the graph is ``ContinuityFault``'s part.
enum SlotFindings {
    /// An idle slot that keeps more than this is worth a warning.
    private static let retainedBytesMax: Int64 = 1 << 30

    static func findings(_ facts: SourceFacts, named name: String, graph: GraphState) -> [PreflightFinding] {
        if case .following(let checkpoint) = graph,
            let fault = ContinuityFault(
                checkpoint, slot: facts.slot, named: name, systemIdentifier: facts.systemIdentifier)
        {
            return [PreflightFinding(fault)]
        }
        guard let slot = facts.slot else {
            return [
                PreflightFinding(
                    .note, .source, "the replication slot \"\(name)\" is not there yet: `lockstep run` makes it")
            ]
        }
        return kind(slot, facts) + reader(slot, facts) + wal(slot, facts, graph)
    }

    /// A slot that was once read with prepared transactions is read so from then on.
    static func twoPhase(_ slot: ReplicationSlot?, wanted: Bool) -> [PreflightFinding] {
        guard let slot, slot.isTwoPhase, !wanted else { return [] }
        return [
            PreflightFinding(
                .note, .source,
                "the replication slot \"\(slot.name)\" decodes two-phase transactions when they are prepared, as "
                    + "source.twoPhase once said; that stays so until it is made anew, and the graph is the same")
        ]
    }

    private static func kind(_ slot: ReplicationSlot, _ facts: SourceFacts) -> [PreflightFinding] {
        guard slot.plugin != "pgoutput" || slot.database != facts.database else { return [] }
        let what = slot.plugin.map { "of plugin \($0), database \(slot.database ?? "none")" } ?? "a physical one"
        return [
            PreflightFinding(
                .error, .source, "the replication slot \"\(slot.name)\" is not this pipeline's: it is \(what)",
                fix: "name another one in the mapping (source.slot), or, if nobody needs it: SELECT "
                    + "pg_drop_replication_slot(\(QualifiedName.literal(slot.name)));")
        ]
    }

    private static func reader(_ slot: ReplicationSlot, _ facts: SourceFacts) -> [PreflightFinding] {
        guard let reader = facts.slotReader else { return [] }
        let place = reader.address.map { " from \($0)" } ?? ""
        let who = reader.application.isEmpty ? "" : " (\(reader.application)\(place))"
        let what = "the replication slot \"\(slot.name)\" is read by process \(reader.pid)\(who)"
        // A role without pg_monitor sees nothing of other roles' sessions.
        if reader.application.isEmpty || reader.application.hasPrefix("lockstep") {
            return [PreflightFinding(.note, .source, what + ": the pipeline seems to be running")]
        }
        return [
            PreflightFinding(
                .error, .source, what,
                fix: "stop that program: only one can read a slot. SELECT pg_terminate_backend(\(reader.pid)); ends "
                    + "its session")
        ]
    }

    private static func wal(_ slot: ReplicationSlot, _ facts: SourceFacts, _ graph: GraphState) -> [PreflightFinding] {
        if slot.isLost {
            return [
                PreflightFinding(
                    .error, .source,
                    "the replication slot \"\(slot.name)\" was invalidated and can never be read again",
                    fix: "SELECT pg_drop_replication_slot(\(QualifiedName.literal(slot.name))); `lockstep run` makes "
                        + "it anew")
            ]
        }
        let retained = slot.retainedBytes ?? 0
        if slot.walStatus == "unreserved" {
            return [
                PreflightFinding(
                    .warning, .source,
                    "the replication slot \"\(slot.name)\" is about to be lost: it keeps \(megabytes(retained)) of "
                        + "WAL, more than max_slot_wal_keep_size",
                    fix: "start `lockstep run` now, or raise max_slot_wal_keep_size")
            ]
        }
        let isIdle = slot.activePID == nil && retained > retainedBytesMax
        return [
            PreflightFinding(
                isIdle ? .warning : .note, .source,
                "the replication slot \"\(slot.name)\" keeps \(megabytes(retained)) of WAL"
                    + (isIdle ? ", and nobody reads it" : ""),
                fix: isIdle ? "start `lockstep run`, or give the slot up: lockstep teardown" : nil)
        ]
    }

    private static func megabytes(_ bytes: Int64) -> String { "\((bytes + (1 << 19)) >> 20) MB" }
}
