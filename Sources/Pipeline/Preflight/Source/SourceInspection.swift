// Part of Lockstep. See LICENSE.

internal import Capture
internal import PostgreSQL

/// Reads ``SourceFacts``. What cannot be read becomes a finding and keeps nothing else from being read.
struct SourceInspection {
    let connection: PostgresConnection
    let slot: String
    let publication: String
    let tables: [QualifiedName]

    func read() -> (facts: SourceFacts, findings: [PreflightFinding]) {
        var findings: [PreflightFinding] = []
        func attempt(_ body: () throws(PostgresError) -> Void) {
            do throws(PostgresError) {
                try body()
            } catch {
                // A connection that broke is reported once.
                if error.kind == .closed, !findings.isEmpty { return }
                findings.append(PreflightFinding(.source, PipelineError(error)))
            }
        }
        var facts = SourceFacts(
            version: connection.serverVersion, database: "", role: SourceFacts.Role(name: connection.user))
        attempt { () throws(PostgresError) in try readServer(&facts) }
        attempt { () throws(PostgresError) in try readRole(&facts) }
        attempt { () throws(PostgresError) in try readSettings(&facts.settings) }
        attempt { () throws(PostgresError) in try readSlot(&facts) }
        attempt { () throws(PostgresError) in facts.publication = try readPublication() }
        attempt { () throws(PostgresError) in facts.tables = try readTables() }
        attempt { () throws(PostgresError) in
            facts.systemIdentifier = try connection.query(Self.systemIdentifierSQL).first?[0]
        }
        return (facts, findings)
    }

    static let systemIdentifierSQL = "SELECT system_identifier FROM pg_catalog.pg_control_system()"

    private func readServer(_ facts: inout SourceFacts) throws(PostgresError) {
        let row = try connection.query(
            """
            SELECT pg_catalog.current_setting('server_version') AS version,
                pg_catalog.current_database() AS database, pg_catalog.pg_is_in_recovery() AS standby,
                pg_catalog.current_setting('server_encoding') AS encoding,
                coalesce((SELECT ssl FROM pg_catalog.pg_stat_ssl WHERE pid = pg_catalog.pg_backend_pid()), false) AS tls,
                (SELECT count(*) FROM pg_catalog.pg_replication_slots) AS slots,
                (SELECT count(*) FROM pg_catalog.pg_stat_replication) AS senders
            """
        ).first
        guard let row else { return }
        facts.versionText = row["version"] ?? ""
        facts.database = row["database"] ?? ""
        facts.isStandby = row["standby"] == "t"
        facts.encoding = row["encoding"] ?? ""
        facts.isEncrypted = row["tls"] == "t"
        facts.slotsInUse = row["slots"].flatMap { Int($0) } ?? 0
        facts.sendersInUse = row["senders"].flatMap { Int($0) } ?? 0
    }

    private func readRole(_ facts: inout SourceFacts) throws(PostgresError) {
        let row = try connection.query(
            """
            SELECT r.rolname, r.rolsuper, r.rolreplication, p.rolname AS stand_in,
                coalesce(pg_catalog.pg_has_role(r.oid, p.oid, 'MEMBER'), false) AS stands,
                pg_catalog.has_database_privilege(pg_catalog.current_database(), 'CREATE') AS creates
            FROM pg_catalog.pg_roles r LEFT JOIN pg_catalog.pg_roles p ON p.rolname = 'rds_replication'
            WHERE r.rolname = current_user
            """
        ).first
        guard let row else { return }
        facts.role.name = row["rolname"] ?? facts.role.name
        facts.role.isSuperuser = row["rolsuper"] == "t"
        facts.role.replicationRole = row["stand_in"]
        facts.role.mayReplicate = facts.role.isSuperuser || row["rolreplication"] == "t" || row["stands"] == "t"
        facts.role.mayCreateInDatabase = row["creates"] == "t"
    }

    private func readSettings(_ settings: inout SourceFacts.Settings) throws(PostgresError) {
        let rows = try connection.query(
            """
            SELECT name, setting FROM pg_catalog.pg_settings
            WHERE name IN ('wal_level', 'max_replication_slots', 'max_wal_senders', 'max_slot_wal_keep_size',
                'wal_sender_timeout')
            """)
        for row in rows {
            let text = row["setting"] ?? ""
            switch row["name"] {
            case "wal_level": settings.walLevel = text
            case "max_replication_slots": settings.replicationSlotsMax = Int(text) ?? settings.replicationSlotsMax
            case "max_wal_senders": settings.walSendersMax = Int(text) ?? settings.walSendersMax
            case "max_slot_wal_keep_size": settings.slotWALKeepMegabytes = Int(text) ?? -1
            default: settings.walSenderTimeoutMilliseconds = Int(text) ?? settings.walSenderTimeoutMilliseconds
            }
        }
    }

    private func readSlot(_ facts: inout SourceFacts) throws(PostgresError) {
        facts.slot = try ReplicationSlots.find(slot, connection)
        guard let pid = facts.slot?.activePID else { return }
        let row = try connection.query(
            "SELECT application_name, client_addr FROM pg_catalog.pg_stat_activity WHERE pid = \(pid)"
        ).first
        facts.slotReader = SourceFacts.SlotReader(
            pid: pid, application: row?["application_name"] ?? "", address: row?["client_addr"])
    }

    private func readPublication() throws(PostgresError) -> SourceFacts.PublicationFacts? {
        guard let found = try Publications.find(publication, connection) else { return nil }
        let literal = QualifiedName.literal(publication)
        let owner = try connection.query(
            """
            SELECT pg_catalog.pg_get_userbyid(pubowner) AS owner, pg_catalog.pg_has_role(pubowner, 'USAGE') AS owned
            FROM pg_catalog.pg_publication WHERE pubname = \(literal)
            """
        ).first
        return SourceFacts.PublicationFacts(
            publication: found, owner: owner?["owner"] ?? "?", isOwned: owner?["owned"] == "t")
    }

    private func readTables() throws(PostgresError) -> [QualifiedName: SourceFacts.TableFacts] {
        guard !tables.isEmpty else { return [:] }
        let names = tables.map { "(\(QualifiedName.literal($0.schema)), \(QualifiedName.literal($0.name)))" }
        let named = """
            FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
            JOIN (VALUES \(names.joined(separator: ", "))) AS m (nsp, rel) ON m.nsp = n.nspname AND m.rel = c.relname
            """
        let rows = try connection.query(
            """
            SELECT n.nspname, c.relname, c.relkind, c.relpersistence, c.relispartition,
                pg_catalog.pg_get_userbyid(c.relowner) AS owner, pg_catalog.pg_has_role(c.relowner, 'USAGE') AS owned,
                pg_catalog.has_schema_privilege(n.oid, 'USAGE') AS usage,
                pg_catalog.row_security_active(c.oid) AS policies
            \(named)
            """)
        var found: [QualifiedName: SourceFacts.TableFacts] = [:]
        for row in rows {
            var table = SourceFacts.TableFacts(owner: row["owner"] ?? "?")
            table.kind = SourceFacts.TableFacts.Kind(rawValue: row["relkind"] ?? "") ?? .other
            table.isLogged = row["relpersistence"] == "p"
            table.isPartition = row["relispartition"] == "t"
            table.isOwned = row["owned"] == "t"
            table.hasSchemaUsage = row["usage"] == "t"
            table.hasActivePolicies = row["policies"] == "t"
            found[QualifiedName(schema: row["nspname"] ?? "", name: row["relname"] ?? "")] = table
        }
        let unreadable = try connection.query(
            """
            SELECT n.nspname, c.relname, a.attname \(named) JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid
            WHERE a.attnum > 0 AND NOT a.attisdropped
                AND NOT pg_catalog.has_column_privilege(c.oid, a.attnum, 'SELECT')
            """)
        for row in unreadable {
            found[QualifiedName(schema: row["nspname"] ?? "", name: row["relname"] ?? "")]?
                .unreadable.insert(row["attname"] ?? "")
        }
        return found
    }
}
