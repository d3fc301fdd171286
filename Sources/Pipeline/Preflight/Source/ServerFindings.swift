// Part of Lockstep. See LICENSE.

internal import PostgreSQL

/// What the PostgreSQL server's release and settings mean for a pipeline.
enum ServerFindings {
    /// pgoutput's options `binary` and `messages` came with 14. Releases before are out of support and never tried.
    static let oldestVersion = 140_000
    /// The oldest release that the tests run against, and the newest.
    private static let tested = 150_000..<190_000
    /// Logical decoding on a standby came with 16.
    private static let standbyVersion = 160_000

    static func findings(_ facts: SourceFacts, slot: String) -> [PreflightFinding] {
        version(facts) + standby(facts) + encoding(facts) + walLevel(facts) + capacity(facts) + retention(facts, slot)
            + senderTimeout(facts)
    }

    static func unsupported(_ version: Int) -> PreflightFinding? {
        guard version < oldestVersion else { return nil }
        return PreflightFinding(
            .error, .source,
            "PostgreSQL \(version / 10_000) is too old: its pgoutput lacks the options that Lockstep uses",
            fix: "upgrade to PostgreSQL 15 or later; 14 is the least that works")
    }

    /// Two-phase transactions can be decoded when they are prepared from here on.
    private static let twoPhaseVersion = 150_000

    /// The setting `twoPhase: prepare` on a server that cannot.
    static func twoPhase(_ decodesPrepared: Bool, _ version: Int) -> PreflightFinding? {
        guard decodesPrepared, version < twoPhaseVersion else { return nil }
        return PreflightFinding(
            .error, .source, "source.twoPhase is prepare, and PostgreSQL \(version / 10_000) cannot do that",
            fix: "leave it out, or upgrade to PostgreSQL 15 or later")
    }

    private static func version(_ facts: SourceFacts) -> [PreflightFinding] {
        if let unsupported = unsupported(facts.version) { return [unsupported] }
        if facts.version < tested.lowerBound {
            return [
                PreflightFinding(
                    .warning, .source, "PostgreSQL 14 has what Lockstep needs, but is not tested with it any more",
                    fix: "upgrade to a supported release, 15 or later")
            ]
        }
        guard facts.version >= tested.upperBound else { return [] }
        return [
            PreflightFinding(
                .note, .source,
                "PostgreSQL \(facts.version / 10_000) is newer than what Lockstep is tested with")
        ]
    }

    private static func standby(_ facts: SourceFacts) -> [PreflightFinding] {
        guard facts.isStandby else { return [] }
        guard facts.version >= standbyVersion else {
            return [
                PreflightFinding(
                    .error, .source,
                    "the server is a standby, and PostgreSQL before 16 decodes the WAL on a primary only",
                    fix: "name the primary in source.url")
            ]
        }
        return [
            PreflightFinding(
                .warning, .source,
                "the server is a standby: the publication has to be made on the primary, and the slot is lost where "
                    + "the primary removes rows that it still needs",
                fix: "ALTER SYSTEM SET hot_standby_feedback = on; on the standby, with a physical slot on the "
                    + "primary; or name the primary in source.url")
        ]
    }

    private static func encoding(_ facts: SourceFacts) -> [PreflightFinding] {
        guard facts.encoding == "SQL_ASCII" else { return [] }
        return [
            PreflightFinding(
                .warning, .source,
                "database \(facts.database) has the encoding SQL_ASCII: PostgreSQL converts nothing, and text that "
                    + "is not UTF-8 is refused on its way to the graph",
                fix: "dump and restore into a database with ENCODING 'UTF8'")
        ]
    }

    private static func walLevel(_ facts: SourceFacts) -> [PreflightFinding] {
        guard facts.settings.walLevel != "logical" else { return [] }
        let provider = facts.role.replicationRole == nil ? "" : " (Amazon RDS: rds.logical_replication = 1)"
        return [
            PreflightFinding(
                .error, .source,
                "wal_level is \(facts.settings.walLevel): the WAL does not carry what changes are made of",
                fix: "ALTER SYSTEM SET wal_level = 'logical'; then restart PostgreSQL" + provider)
        ]
    }

    private static func capacity(_ facts: SourceFacts) -> [PreflightFinding] {
        var findings: [PreflightFinding] = []
        let settings = facts.settings
        if facts.slot == nil, facts.slotsInUse >= settings.replicationSlotsMax {
            findings.append(
                PreflightFinding(
                    .error, .source,
                    "no replication slot is free: \(facts.slotsInUse) of max_replication_slots = "
                        + "\(settings.replicationSlotsMax) are taken",
                    fix: "SELECT pg_drop_replication_slot('…'); for one that nobody needs (SELECT * FROM "
                        + "pg_replication_slots;), or ALTER SYSTEM SET max_replication_slots = "
                        + "\(settings.replicationSlotsMax + 5); then restart PostgreSQL"))
        }
        if facts.slotReader == nil, facts.sendersInUse >= settings.walSendersMax {
            findings.append(
                PreflightFinding(
                    .error, .source,
                    "no WAL sender is free: \(facts.sendersInUse) of max_wal_senders = \(settings.walSendersMax) are "
                        + "taken",
                    fix: "end one that nobody needs (SELECT * FROM pg_stat_replication;), or ALTER SYSTEM SET "
                        + "max_wal_senders = \(settings.walSendersMax + 5); then restart PostgreSQL"))
        }
        return findings
    }

    private static func retention(_ facts: SourceFacts, _ slot: String) -> [PreflightFinding] {
        guard facts.settings.slotWALKeepMegabytes < 0 else { return [] }
        return [
            PreflightFinding(
                .warning, .source,
                "max_slot_wal_keep_size is not set: while Lockstep does not run, the slot \"\(slot)\" keeps WAL "
                    + "until the disk of PostgreSQL is full",
                fix: "ALTER SYSTEM SET max_slot_wal_keep_size = '50GB'; SELECT pg_reload_conf(); with what the disk "
                    + "can spare: beyond it the slot is lost and the graph is read anew")
        ]
    }

    private static func senderTimeout(_ facts: SourceFacts) -> [PreflightFinding] {
        guard facts.settings.walSenderTimeoutMilliseconds == 0 else { return [] }
        return [
            PreflightFinding(
                .note, .source,
                "wal_sender_timeout is 0: after a network failure PostgreSQL may hold the slot for a session that is "
                    + "gone",
                fix: "ALTER SYSTEM SET wal_sender_timeout = '60s'; SELECT pg_reload_conf();")
        ]
    }
}
