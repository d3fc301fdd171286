// Part of Lockstep. See LICENSE.

import Bolt
import PostgreSQL
import Synchronization
import TestServers
import Threading

/// A schema, a workload of several sessions on it, and two promises that each of its transactions keeps and that span
/// tables: the money in accounts and vaults together stays what it was, and each parcel has exactly three items.
enum Bank {
    static let money = 100_000

    /// - Parameter parcels: Makes it large: three items each.
    static func schema(parcels: Int = 50) -> String {
        """
        CREATE TABLE account (id int PRIMARY KEY, balance bigint NOT NULL);
        CREATE TABLE vault (id int PRIMARY KEY, amount bigint NOT NULL, keeper int REFERENCES account);
        CREATE TABLE parcel (id bigint PRIMARY KEY, owner int NOT NULL REFERENCES account);
        CREATE TABLE item (
            parcel bigint REFERENCES parcel ON DELETE CASCADE, number int, note text, PRIMARY KEY (parcel, number));
        CREATE TABLE visit (
            account int REFERENCES account, vault int REFERENCES vault, times int NOT NULL, PRIMARY KEY (account, vault));
        CREATE SEQUENCE parcels START 1000000;
        INSERT INTO account SELECT i, \(money / 100) FROM generate_series(1, 100) AS i;
        INSERT INTO vault SELECT i, 0, i FROM generate_series(1, 20) AS i;
        INSERT INTO parcel SELECT i, 1 + i % 100 FROM generate_series(1, \(parcels)) AS i;
        INSERT INTO item SELECT i, n, repeat(md5(i::text), 3) FROM generate_series(1, \(parcels)) AS i,
            generate_series(1, 3) AS n;
        """
    }

    /// The promises as the graph shows them: how often each is broken.
    static let check = """
        MATCH (a:Account) WITH sum(a.balance) AS held MATCH (v:Vault) \
        WITH held, sum(v.amount) AS stored WITH held + stored AS total \
        OPTIONAL MATCH (p:Parcel) OPTIONAL MATCH (p)<-[:PARCEL]-(i:Item) WITH total, p, count(i) AS items \
        WITH total, sum(CASE WHEN p IS NULL OR items = 3 THEN 0 ELSE 1 END) AS torn OPTIONAL MATCH (i:Item) WHERE NOT (i)-[:PARCEL]->(:Parcel) \
        RETURN total, torn, count(i) AS lost
        """

    /// What the sessions have done.
    final class Workload: Sendable {
        private let stop = StopSignal()
        let committed = Atomic<Int>(0)
        private let url: String

        init(_ project: Project) { url = project.postgres.url(database: project.database) }

        /// Runs the sessions for the length of `body`; they go on when the server comes back from where it went.
        func during<Result: Sendable>(
            sessions: Int = 3, dice: Dice, _ body: @Sendable () async throws -> Result
        ) async throws -> Result {
            try await withThrowingTaskGroup(of: Void.self) { group in
                for session in 0..<sessions {
                    let dice = Dice(seed: dice.seed &+ UInt64(session))
                    group.addTask { [self] in
                        await DedicatedThread.run(name: "session-\(session)") { [self] in session_(dice) }
                    }
                }
                do {
                    let result = try await body()
                    stop.stop()
                    try await group.waitForAll()
                    return result
                } catch {
                    stop.stop()
                    throw error
                }
            }
        }

        /// Waits until the sessions have committed so many more.
        func advance(by count: Int) async throws {
            let before = committed.load(ordering: .relaxed)
            try await eventually("\(count) more transactions", within: .seconds(60)) {
                committed.load(ordering: .relaxed) >= before + count
            }
        }

        private func session_(_ dice: Dice) {
            var dice = dice
            while !stop.isStopped {
                do {
                    let connection = try PostgresConnection(PostgresConfiguration(url), stop: stop)
                    try connection.execute("SET lock_timeout = '2s'")
                    while !stop.isStopped {
                        try connection.execute("BEGIN; " + Self.transaction(&dice))
                        try connection.execute(dice.percent(10) ? "ROLLBACK" : "COMMIT")
                        committed.add(1, ordering: .relaxed)
                        // A load that a slow machine can follow: what is tested is the order, not the speed.
                        _ = stop.sleep(for: .milliseconds(10))
                    }
                } catch {
                    // The server is down, or two sessions met: again on a new connection.
                    _ = stop.sleep(for: .milliseconds(20))
                }
            }
        }

        private static func transaction(_ dice: inout Dice) -> String {
            let amount = 1 + dice.pick(50)
            let account = 1 + dice.pick(100)
            let vault = 1 + dice.pick(20)
            switch dice.pick(10) {
            case 0..<3:
                return """
                    UPDATE account SET balance = balance - \(amount) WHERE id = \(account);
                    UPDATE vault SET amount = amount + \(amount) WHERE id = \(vault);
                    INSERT INTO visit VALUES (\(account), \(vault), 1)
                    ON CONFLICT (account, vault) DO UPDATE SET times = visit.times + 1
                    """
            case 3..<5:
                return """
                    UPDATE account SET balance = balance + \(amount) WHERE id = \(account);
                    UPDATE vault SET amount = amount - \(amount), keeper = CASE WHEN keeper = \(account) THEN NULL
                    ELSE \(account) END WHERE id = \(vault);
                    DELETE FROM visit WHERE account = \(account) AND vault = \(vault)
                    """
            case 5..<7:
                return """
                    WITH new AS (INSERT INTO parcel VALUES (nextval('parcels'), \(account)) RETURNING id)
                    INSERT INTO item SELECT id, n, 'new' FROM new, generate_series(1, 3) AS n
                    """
            case 7:
                return """
                    UPDATE item SET note = 'seen \(amount)' WHERE number = 2 AND parcel IN (
                        SELECT id FROM parcel WHERE owner = \(account) ORDER BY id LIMIT 3)
                    """
            default:
                return """
                    DELETE FROM parcel WHERE id = (SELECT id FROM parcel ORDER BY id OFFSET \(dice.pick(40)) LIMIT 1
                        FOR UPDATE SKIP LOCKED)
                    """
            }
        }
    }

    /// Looks at the promises in the graph again and again.
    ///
    /// A reader that wants whole transactions first writes the checkpoint node, which takes its lock, then reads, and
    /// believes what it read once its COMMIT went through.
    final class Reader: Sendable {
        private let stop = StopSignal()
        private let url: String
        private let pipeline: String
        let looks = Atomic<Int>(0)
        private let broken = Mutex<[String]>([])
        /// Why a look came to nothing, for where none succeeds.
        let lastFailure = Mutex("none")

        init(_ project: Project) {
            url = project.graph.boltURL
            pipeline = project.pipeline
        }

        /// Waits until it has looked so often more.
        func advance(by count: Int) async throws {
            let before = looks.load(ordering: .relaxed)
            do {
                try await eventually("\(count) more looks at the graph", within: .seconds(60)) {
                    looks.load(ordering: .relaxed) >= before + count
                }
            } catch {
                throw TestServerError("\(error); the last failed by: \(lastFailure.withLock { $0 })")
            }
        }

        var complaints: [String] { broken.withLock { $0 } }

        func during<Result: Sendable>(_ body: @Sendable () async throws -> Result) async throws -> Result {
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { [self] in await DedicatedThread.run(name: "reader") { [self] in read() } }
                defer { stop.stop() }
                let result = try await body()
                stop.stop()
                try await group.waitForAll()
                return result
            }
        }

        private func read() {
            while !stop.isStopped {
                do throws(BoltError) {
                    var configuration = try BoltConfiguration(url: url)
                    configuration.database = GraphServer.database
                    let channel = try BoltChannel(configuration)
                    defer { channel.close() }
                    var pause: Duration
                    repeat {
                        let began = MonotonicTime.now
                        do throws(BoltError) {
                            if let row = try look(channel) { judge(row) }
                        } catch {
                            // Where no lock is waited for, the writer was first: again soon.
                            lastFailure.withLock { $0 = error.description }
                            guard error.isTransient, channel.isOpen else { throw error }
                            try channel.recover()
                        }
                        // A polite reader leaves the lock to the writer for longer than it had it.
                        pause = max(.milliseconds(100), (MonotonicTime.now - began) * 5)
                    } while stop.sleep(for: pause)
                } catch {
                    // The server is down, or the writer won: again.
                    _ = stop.sleep(for: .milliseconds(50))
                }
            }
        }

        private func look(_ channel: BoltChannel) throws(BoltError) -> [BoltValue]? {
            channel.begin()
            channel.run(
                "MATCH (c:LockstepCheckpoint {pipeline: $pipeline}) SET c.reader = $value RETURN c.phase",
                ["pipeline": .string(pipeline), "value": .integer(Int64.random(in: 0 ... .max))])
            channel.pull()
            channel.run(Bank.check)
            channel.pull()
            channel.commit()
            try channel.flush()
            var records: [[BoltValue]] = []
            while channel.pendingResponses > 0 {
                switch try channel.receive(deadline: .after(.seconds(20))) {
                case .record(let values): records.append(values)
                case .failure(let failure): throw BoltError(failure, server: channel.configuration.address)
                default: break
                }
            }
            // During the first read the graph is not a state that PostgreSQL had.
            guard records.count == 2, records[0].first == "streaming" else { return nil }
            return records[1]
        }

        private func judge(_ row: [BoltValue]) {
            looks.add(1, ordering: .relaxed)
            if row != [.integer(Int64(Bank.money)), 0, 0] {
                broken.withLock { $0.append("total, torn, lost: \(row.map(\.plain))") }
            }
        }
    }
}
