// Part of Lockstep. See LICENSE.

import Apply
import Mapping
import PostgreSQL
import Testing

@testable import Capture
@testable import Pipeline

private let customers = QualifiedName(schema: "public", name: "customers")
private let orders = QualifiedName(schema: "public", name: "orders")

/// A server with nothing to complain of, and a role that may do all that is needed.
private func soundFacts() -> SourceFacts {
    var facts = SourceFacts(version: 170_000, database: "shop", role: SourceFacts.Role(name: "lockstep"))
    facts.role.mayReplicate = true
    facts.settings.slotWALKeepMegabytes = 1000
    facts.tables = [customers: .init(owner: "boss"), orders: .init(owner: "boss")]
    facts.systemIdentifier = "77"
    facts.slot = slot()
    facts.publication = .init(publication: publication(), owner: "boss", isOwned: false)
    return facts
}

private func slot(confirmed: LSN = LSN(rawValue: 100)) -> ReplicationSlot {
    ReplicationSlot(
        name: "lockstep_shop", plugin: "pgoutput", database: "shop", restartLSN: LSN(rawValue: 90),
        confirmedFlushLSN: confirmed, walStatus: "reserved", retainedBytes: 5 << 20)
}

private func publication(tables: Set<QualifiedName> = [customers, orders]) -> Publication {
    Publication(
        name: "lockstep_shop", isForAllTables: false, isViaPartitionRoot: true, publishesInserts: true,
        publishesUpdates: true, publishesDeletes: true, publishesTruncates: true, tables: tables)
}

private func checkpoint(_ lsn: UInt64 = 100, _ phase: Checkpoint.Phase = .streaming) -> Checkpoint {
    var checkpoint = Checkpoint(phase: phase, lsn: LSN(rawValue: lsn))
    checkpoint.systemIdentifier = "77"
    return checkpoint
}

struct `The PostgreSQL server` {
    private func findings(_ change: (inout SourceFacts) -> Void) -> [PreflightFinding] {
        var facts = soundFacts()
        change(&facts)
        return ServerFindings.findings(facts, slot: "lockstep_shop")
    }

    @Test func `is not spoken of where all is well`() { #expect(findings { _ in }.isEmpty) }

    @Test(arguments: [
        (130_020, PreflightFinding.Severity.error), (140_000, .warning), (150_000, nil), (180_006, nil),
        (190_000, .note),
    ])
    func `is judged by its version`(version: Int, severity: PreflightFinding.Severity?) {
        #expect(findings { $0.version = version }.map(\.severity) == (severity.map { [$0] } ?? []))
    }

    @Test func `has to write a logical WAL`() {
        let found = findings { $0.settings.walLevel = "replica" }
        #expect(found.contains(.error, "wal_level is replica"))
        #expect(found.fix("wal_level")?.contains("ALTER SYSTEM SET wal_level = 'logical';") == true)
        #expect(found.fix("wal_level")?.contains("rds") == false)
        let amazon = findings {
            $0.settings.walLevel = "replica"
            $0.role.replicationRole = "rds_replication"
        }
        #expect(amazon.fix("wal_level")?.contains("rds.logical_replication = 1") == true)
    }

    @Test func `needs a free slot, unless the pipeline has one`() {
        let full = { (facts: inout SourceFacts) in facts.slotsInUse = facts.settings.replicationSlotsMax }
        #expect(findings(full).isEmpty)
        let without = findings {
            full(&$0)
            $0.slot = nil
        }
        #expect(without.contains(.error, "no replication slot is free: 10 of max_replication_slots = 10"))
    }

    @Test func `needs a free WAL sender, unless the pipeline has one`() {
        let full = { (facts: inout SourceFacts) in facts.sendersInUse = facts.settings.walSendersMax }
        #expect(findings(full).contains(.error, "no WAL sender is free"))
        #expect(
            findings {
                full(&$0)
                $0.slotReader = .init(pid: 7, application: "lockstep", address: nil)
            }.isEmpty)
    }

    @Test func `is a risk for its own disk without a bound on the WAL of slots`() {
        #expect(findings { $0.settings.slotWALKeepMegabytes = -1 }.contains(.warning, "max_slot_wal_keep_size"))
    }

    @Test func `may be a standby from 16 on only`() {
        let old = findings {
            $0.isStandby = true
            $0.version = 150_000
        }
        #expect(old.contains(.error, "standby"))
        #expect(findings { $0.isStandby = true }.contains(.warning, "standby"))
    }

    @Test func `is noted for settings that are easily overlooked`() {
        #expect(findings { $0.settings.walSenderTimeoutMilliseconds = 0 }.contains(.note, "wal_sender_timeout is 0"))
        #expect(findings { $0.encoding = "SQL_ASCII" }.contains(.warning, "SQL_ASCII"))
    }
}

struct `The slot` {
    private func findings(
        _ graph: GraphState = .following(checkpoint()), _ change: (inout SourceFacts) -> Void = { _ in }
    ) -> [PreflightFinding] {
        var facts = soundFacts()
        change(&facts)
        return SlotFindings.findings(facts, named: "lockstep_shop", graph: graph)
    }

    @Test func `may be missing before the first run, and never after it`() {
        #expect(findings(.fresh) { $0.slot = nil }.map(\.severity) == [.note])
        #expect(findings(.unknown) { $0.slot = nil }.map(\.severity) == [.note])
        #expect(findings { $0.slot = nil }.contains(.error, "the replication slot is gone"))
    }

    @Test func `has to go on where the graph stands`() {
        #expect(findings().map(\.what) == ["the replication slot \"lockstep_shop\" keeps 5 MB of WAL"])
        #expect(findings { $0.slot = slot(confirmed: LSN(rawValue: 101)) }.contains(.error, "moved past the graph"))
        #expect(findings { $0.systemIdentifier = "78" }.contains(.error, "another PostgreSQL cluster"))
        let lost = findings { $0.slot?.walStatus = "lost" }
        #expect(lost.contains(.error, "invalidated"))
        // A first read makes the slot anew.
        let unfinished = findings(GraphState(checkpoint(1, .snapshot)))
        #expect(unfinished.map(\.severity) == [.note])
    }

    @Test func `has to be of this database and plugin`() {
        let other = findings { $0.slot?.plugin = "wal2json" }
        #expect(other.contains(.error, "of plugin wal2json"))
        let physical = findings { $0.slot?.plugin = nil }
        #expect(physical.contains(.error, "a physical one"))
        let foreign = findings { $0.slot?.database = "other" }
        #expect(foreign.fix("not this pipeline's")?.contains("pg_drop_replication_slot('lockstep_shop')") == true)
    }

    @Test(arguments: [("lockstep", PreflightFinding.Severity.note), ("", .note), ("debezium", .error)])
    func `may be read by Lockstep alone`(application: String, severity: PreflightFinding.Severity) {
        let found = findings { $0.slotReader = .init(pid: 4711, application: application, address: "10.0.0.9") }
        #expect(found.contains(severity, "is read by process 4711"))
        #expect(found.contains { $0.fix?.contains("pg_terminate_backend(4711)") == true } == (severity == .error))
    }

    @Test func `is watched for the WAL that it keeps`() {
        let idle = findings { $0.slot?.retainedBytes = 3 << 30 }
        #expect(idle.contains(.warning, "keeps 3072 MB of WAL, and nobody reads"))
        let read = findings {
            $0.slot?.retainedBytes = 3 << 30
            $0.slot?.activePID = 7
        }
        #expect(read.contains(.note, "keeps 3072 MB of WAL"))
        let unreserved = findings { $0.slot?.walStatus = "unreserved" }
        #expect(unreserved.contains(.warning, "about to be lost"))
    }
}

struct `The role` {
    private func findings(_ change: (inout SourceFacts) -> Void) throws -> [PreflightFinding] {
        var facts = soundFacts()
        change(&facts)
        return RightsFindings.findings(facts, columns: try Shop.plan().mapping.columnNames)
    }

    @Test func `needs the right to replicate`() throws {
        #expect(try findings { _ in }.isEmpty)
        let plain = try findings { $0.role.mayReplicate = false }
        #expect(plain.fix("may not replicate") == "ALTER ROLE \"lockstep\" REPLICATION;")
        let amazon = try findings {
            $0.role.mayReplicate = false
            $0.role.replicationRole = "rds_replication"
        }
        #expect(amazon.fix("may not replicate") == "GRANT \"rds_replication\" TO \"lockstep\";")
    }

    @Test func `needs to read what is mapped, and no more`() throws {
        let found = try findings { $0.tables[customers]?.unreadable = ["name"] }
        #expect(
            found.fix("may not read public.customers") == "GRANT SELECT ON \"public\".\"customers\" TO \"lockstep\";")
        #expect(try findings { $0.tables[customers]?.unreadable = ["salary"] }.isEmpty)
    }

    @Test func `needs the schemas and must see all rows`() throws {
        let closed = try findings { $0.tables[orders]?.hasSchemaUsage = false }
        #expect(closed.fix("may not use the schema public") == "GRANT USAGE ON SCHEMA \"public\" TO \"lockstep\";")
        let hidden = try findings { $0.tables[orders]?.hasActivePolicies = true }
        #expect(hidden.fix("row security") == "ALTER ROLE \"lockstep\" BYPASSRLS;")
    }
}

struct `The publication` {
    private func findings(
        _ graph: GraphState = .fresh, _ change: (inout SourceFacts) -> Void
    ) throws -> [PreflightFinding] {
        var facts = soundFacts()
        change(&facts)
        return PublicationFindings.findings(facts, plan: try Shop.plan(), graph: graph)
    }

    @Test func `may be missing where the role can make it`() throws {
        let plain = try findings { $0.publication = nil }
        #expect(plain.contains(.error, "does not own public.customers, public.orders"))
        let sql = "as the owner of the tables or a superuser: \n" + (try Shop.plan().publicationStatement) + ";"
        #expect(plain.fix("does not exist") == sql)
        let owner = try findings { facts in
            facts.publication = nil
            for table in facts.tables.keys { facts.tables[table]?.isOwned = true }
        }
        #expect(owner.contains(.error, "may not create it in database shop"))
        let superuser = try findings {
            $0.publication = nil
            $0.role.isSuperuser = true
        }
        #expect(superuser.map(\.severity) == [.note])
    }

    @Test func `has to publish every kind of change`() throws {
        #expect(try findings { _ in }.isEmpty)
        let found = try findings {
            $0.publication?.publication.publishesDeletes = false
            $0.publication?.publication.isViaPartitionRoot = false
        }
        #expect(found.contains(.error, "leaves out deletes and names partitions instead of their root"))
    }

    @Test func `has to have every table by the time the graph follows`() throws {
        let lacking: (inout SourceFacts) -> Void = { $0.publication?.publication = publication(tables: [customers]) }
        let plain = try findings(.fresh, lacking)
        #expect(plain.contains(.error, "lacks public.orders, and role lockstep does not own it (boss does)"))
        let mayAlter = try findings {
            lacking(&$0)
            $0.role.isSuperuser = true
        }
        #expect(mayAlter.map(\.severity) == [.note])
        let following = try findings(.following(checkpoint())) {
            lacking(&$0)
            $0.role.isSuperuser = true
        }
        #expect(following.contains(.error, "lacks public.orders"))
        #expect(following.fix("lacks")?.contains("--resnapshot") == true)
    }

    @Test func `has to have every mapped column, and all rows`() throws {
        let found = try findings {
            $0.publication?.publication.columns = [customers: ["id", "name"], orders: ["id", "customer_id"]]
            $0.publication?.publication.filters = [customers: "(id > 3)"]
        }
        #expect(found.contains(.error, "leaves out columns of public.orders: address"))
        #expect(found.contains(.error, "has other rows or columns of public.customers than the mapping says, and role"))
        #expect(found.count == 2)
        let following = try findings(.following(checkpoint())) {
            $0.publication?.publication.filters = [customers: "(id > 3)"]
            $0.role.isSuperuser = true
        }
        #expect(following.fix("has other rows")?.contains("--resnapshot") == true)
    }
}

struct `A mapped relation` {
    @Test func `has to be something that a publication takes`() throws {
        var facts = soundFacts()
        let names = ["view", "leaf", "unlogged", "foreign"].map { QualifiedName(schema: "public", name: $0) }
        for name in names { facts.tables[name] = .init(owner: "boss") }
        facts.tables[names[0]]?.kind = .view
        facts.tables[names[1]]?.isPartition = true
        facts.tables[names[2]]?.isLogged = false
        facts.tables[names[3]]?.kind = .foreignTable
        let mapped = names + [customers, QualifiedName(schema: "public", name: "nowhere")]
        let found = TableFindings.unpublishable(facts, mapped.map { (name: $0, position: nil) })
        #expect(found.map(\.severity) == [.error, .error, .error, .error])
        #expect(found.fix("public.unlogged") == "ALTER TABLE public.unlogged SET LOGGED;")
        #expect(found.fix("public.leaf") == "map the root table")
    }

    @Test func `can turn the whole stream to text`() throws {
        let found = TableFindings.textOnly(try Shop.plan().mapping)
        #expect(found.contains(.note, "public.orders.address (line)"))
    }
}

struct `A walsender that is refused` {
    private func refusal(_ kind: PostgresError.Kind, _ sqlState: String) -> PostgresError {
        PostgresError(kind, sqlState: sqlState, "refused", server: "db:5432/shop")
    }

    @Test func `is reported where nothing else explains it`() {
        var facts = soundFacts()
        #expect(Preflight.replication(nil, facts).isEmpty)
        let byRules = Preflight.replication(refusal(.authentication, "28000"), facts)
        #expect(byRules.fix("replication connection")?.contains("pg_hba.conf") == true)
        #expect(Preflight.replication(refusal(.privilege, "42501"), facts).count == 1)
        facts.role.mayReplicate = false
        #expect(Preflight.replication(refusal(.privilege, "42501"), facts).isEmpty)
        #expect(Preflight.replication(refusal(.unavailable, "53300"), facts).count == 1)
        facts.sendersInUse = facts.settings.walSendersMax
        #expect(Preflight.replication(refusal(.unavailable, "53300"), facts).isEmpty)
    }
}

struct `The way to a server` {
    @Test(arguments: [
        ("postgresql://u@127.0.0.1/d", 0), ("postgresql://u@localhost/d", 0), ("host=/run/postgresql dbname=d", 0),
        ("postgresql://u@[::1]/d", 0), ("postgresql://u@db.example/d?sslmode=verify-full", 0),
        ("postgresql://u@db.example/d", 1), ("postgresql://u@db.example/d?sslmode=require", 1),
        ("postgresql://u@db.example/d?sslmode=verify-ca", 1), ("postgresql://u@127.0.0.1,db.example/d", 1),
        ("postgresql://u@127.example.org/d", 1),
    ])
    func `is warned of where PostgreSQL could be impersonated`(url: String, count: Int) throws {
        let found = TransportFindings.source(try PostgresConfiguration(url), isEncrypted: true)
        #expect(found.count == count)
        #expect(found.allSatisfy { $0.severity == .warning && $0.fix?.contains("sslmode=verify-full") == true })
    }

    @Test func `is said to be open where it turned out so`() throws {
        let configuration = try PostgresConfiguration("postgresql://u@db.example/d")
        #expect(TransportFindings.source(configuration, isEncrypted: false).contains(.warning, "is not encrypted"))
    }

    @Test(arguments: [
        ("bolt://127.0.0.1", 0), ("bolt://localhost", 0), ("bolt://[::1]", 0), ("bolt://graph.example", 1),
    ])
    func `is warned of where the graph is not on this machine`(url: String, count: Int) throws {
        let settings = try #require(Shop.reading(graph: url).graph)
        #expect(TransportFindings.graph(PipelineSettings.graph(settings)).count == count)
    }
}
