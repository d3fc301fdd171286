// Part of Lockstep. See LICENSE.

import PostgreSQL
import TestServers
import TestSupport
import Testing
import Threading

@Suite(.postgres(authentication: .scram), .serialized)
struct PostgresConnectionTests {
    @Test func `a session answers in one known form`() throws {
        let connection = try connect()
        let row = try connection.query(
            """
            SELECT '2024-02-29 12:00:00+02'::timestamptz, '1 mon 2 days'::interval, 0.1::float8 + 0.2::float8,
                '\\x00ff'::bytea, current_setting('application_name'), current_setting('client_encoding'), 'Zoë €'
            """)[0]
        #expect(row[0] == "2024-02-29 10:00:00+00")
        #expect(row[1] == "1 mon 2 days")
        #expect(row[2] == "0.30000000000000004")
        #expect(row[3] == "\\x00ff")
        #expect(row[4] == "lockstep")
        #expect(row[5] == "UTF8")
        #expect(row[6] == "Zoë €")
        #expect(connection.serverVersion >= 150_000)
        #expect(connection.server == "127.0.0.1:\(PostgresServer.current.port)/postgres")
    }

    @Test func `parameters and rows go by position and name, null included`() throws {
        let connection = try connect()
        let rows = try connection.query(
            "SELECT n AS number, $2 AS text FROM generate_series(1, $1::int) n", ["3", nil])
        #expect(rows.map { $0["number"] } == ["1", "2", "3"])
        #expect(rows.allSatisfy { $0["text"] == nil })
        #expect(try connection.query("SELECT $1", ["it's \"quoted\" \\ ü"])[0][0] == "it's \"quoted\" \\ ü")
        #expect(try connection.query("SELECT 1 WHERE false").isEmpty)
    }

    @Test func `a large statement and a large result get through`() throws {
        let connection = try connect()
        let text = String(repeating: "0123456789abcdef", count: 1 << 19)
        #expect(try connection.query("SELECT $1", [text])[0][0] == text)
        #expect(try connection.query("SELECT length('\(text)')")[0][0] == "\(text.utf8.count)")
    }

    @Test func `the log is written out as far as somebody needs it`() throws {
        let connection = try connect()
        let flushed = "SELECT pg_current_wal_flush_lsn()"
        // As pages that a query cleans up: no commit waits for it.
        try connection.execute("BEGIN; SELECT pg_logical_emit_message(false, 'nobody', 'waits'); ROLLBACK")
        let end = try connection.currentLSN()
        try connection.flushLog(to: end)
        #expect(try #require(LSN(try connection.query(flushed)[0][0] ?? "")) >= end)
        let after = try connection.currentLSN()
        try connection.flushLog(to: end)
        #expect(try connection.currentLSN() == after)
    }

    @Test func `a failed statement tells its SQLSTATE and leaves the connection usable`() throws {
        let connection = try connect()
        let error = #expect(throws: PostgresError.self) { try connection.query("SELECT * FROM nowhere.nothing") }
        #expect(error?.kind == .missingObject)
        #expect(error?.sqlState == "42P01")
        #expect(error?.server == connection.server)
        try connection.execute("CREATE TEMP TABLE t (v int); INSERT INTO t VALUES (1), (2)")
        #expect(try connection.query("SELECT count(*) FROM t")[0][0] == "2")
        #expect(throws: PostgresError.self) { try connection.execute("INSERT INTO t VALUES (3); SELECT 1 / 0") }
        #expect(try connection.query("SELECT count(*) FROM t")[0][0] == "2")
    }

    @Test func `a transaction is seen as one`() throws {
        let connection = try connect()
        #expect(!connection.isInTransaction)
        try connection.execute("BEGIN")
        #expect(connection.isInTransaction)
        #expect(throws: PostgresError.self) { try connection.query("SELECT 1 / 0") }
        #expect(connection.isInTransaction)
        try connection.execute("ROLLBACK")
        #expect(!connection.isInTransaction)
    }

    @Test func `COPY gives each row and the connection goes on`() throws {
        let connection = try connect()
        var lines: [String] = []
        try connection.copyOut("COPY (SELECT n, NULL FROM generate_series(1, 1000) n) TO STDOUT") { bytes in
            lines.append(unsafe bytes.withUnsafeBytes { unsafe String(decoding: $0, as: UTF8.self) })
        }
        #expect(lines == (1...1000).map { "\($0)\t\\N\n" })
        #expect(try connection.query("SELECT 1")[0][0] == "1")
    }

    @Test func `COPY that fails half way throws the server's error`() throws {
        let connection = try connect()
        var count = 0
        let failure = #expect(throws: CopyFailure<Never>.self) {
            try connection.copyOut("COPY (SELECT 1 / (500 - n) FROM generate_series(1, 1000) n) TO STDOUT") { _ in
                count += 1
            }
        }
        guard case .postgres(let error) = failure else { return #expect(Bool(false), "\(String(describing: failure))") }
        #expect(error.sqlState == "22012")
        #expect(count == 499)
        #expect(try connection.query("SELECT 1")[0][0] == "1")
    }

    @Test func `a consumer that throws ends the COPY and the connection`() throws {
        struct Enough: Error {}
        let connection = try connect()
        #expect(throws: CopyFailure<Enough>.self) {
            try connection.copyOut("COPY (SELECT n FROM generate_series(1, 1000000) n) TO STDOUT") {
                _ throws(Enough) in throw Enough()
            }
        }
        #expect(connection.isClosed)
        let error = #expect(throws: PostgresError.self) { try connection.query("SELECT 1") }
        #expect(error?.kind == .closed)
    }

    // MARK: Not getting in

    @Test func `a wrong password is told apart`() throws {
        var configuration = try configuration()
        configuration.password = "wr0ng"
        let error = refusal(configuration)
        #expect(error?.kind == .authentication)
        #expect(error?.sqlState == "28P01")
        #expect(error?.isTransient == false)
        #expect(error?.description.contains("postgres") == true)
        #expect(error?.description.contains("wr0ng") == false)
    }

    @Test func `no password at all is told apart`() throws {
        let port = PostgresServer.current.port
        let error = refusal(try PostgresConfiguration("host=127.0.0.1 port=\(port) user=postgres passfile=/nowhere"))
        #expect(error?.kind == .authentication)
    }

    @Test func `a missing database is told apart`() throws {
        let error = refusal(try PostgresConfiguration(PostgresServer.current.url(database: "no such")))
        #expect(error?.kind == .missingDatabase)
        #expect(error?.sqlState == "3D000")
        #expect(error?.server.hasSuffix("/no such") == true)
    }

    @Test func `TLS where the server has none is told apart`() throws {
        let error = refusal(try PostgresConfiguration(PostgresServer.current.url() + "?sslmode=require"))
        #expect(error?.kind == .tls)
    }

    @Test func `a refused connection names the server and may be tried again`() throws {
        let error = refusal(try PostgresConfiguration("postgresql://u@127.0.0.1:1/d"))
        #expect(error?.kind == .connect)
        #expect(error?.isTransient == true)
        #expect(error?.description.hasPrefix("PostgreSQL at 127.0.0.1:1/d: ") == true)
    }

    @Test(arguments: ["sslmode=requir", "port=99999", "service=none"])
    func `an option with a value that means nothing is one of configuration`(option: String) throws {
        let error = refusal(try PostgresConfiguration("postgresql://u@127.0.0.1/d?\(option)"))
        #expect(error?.kind == .configuration, "\(String(describing: error))")
    }

    @Test func `a server that accepts and says nothing runs into the time limit`() throws {
        let silent = try SilentServer()
        let start = MonotonicTime.now
        let error = refusal(
            try PostgresConfiguration("postgresql://u@127.0.0.1:\(silent.port)/d?connect_timeout=2&sslmode=disable"))
        #expect(error?.kind == .timeout)
        #expect((.seconds(1)...(.seconds(10))).contains(MonotonicTime.now - start))
    }

    @Test func `too many connections may be tried again`() throws {
        let admin = try connect()
        try admin.execute("DROP ROLE IF EXISTS few; CREATE ROLE few LOGIN PASSWORD 'p' CONNECTION LIMIT 0")
        let url = PostgresServer.current.url(user: "few", password: "p")
        #expect(refusal(try PostgresConfiguration(url))?.kind == .unavailable)
    }

    // MARK: Being interrupted

    @Test func `a session that the administrator ends is closed, and may be tried again`() throws {
        let connection = try connect()
        let admin = try connect()
        _ = try admin.query("SELECT pg_terminate_backend($1::int, 5000)", ["\(connection.backendPID)"])
        let error = #expect(throws: PostgresError.self) { try connection.query("SELECT 1") }
        #expect(error?.isTransient == true)
        #expect(connection.isClosed)
    }

    /// The best of some tries: other suites keep the machine busy.
    @Test func `the stop signal ends a query within 100 ms`() async throws {
        var best = Duration.seconds(60)
        for _ in 0..<5 where best >= .milliseconds(100) { best = min(best, try await timeToStop()) }
        #expect(best < .milliseconds(100))
    }

    private func timeToStop() async throws -> Duration {
        let configuration = try configuration()
        let stop = StopSignal()
        let watcher = try connect()
        async let outcome = DedicatedThread.run(name: "query") { () -> (PostgresError?, MonotonicTime) in
            do throws(PostgresError) {
                _ = try PostgresConnection(configuration, stop: stop).query("SELECT pg_sleep(60) AS sleeper")
                return (nil, .now)
            } catch {
                return (error, .now)
            }
        }
        try await eventually("the query runs") {
            try watcher.query(
                "SELECT FROM pg_stat_activity WHERE query LIKE '%sleeper' AND state = 'active' AND wait_event = 'PgSleep'"
            ).count >= 1
        }
        let start = MonotonicTime.now
        stop.stop()
        let (error, end) = await outcome
        #expect(error?.kind == .stopped)
        _ = try watcher.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%sleeper'")
        return end - start
    }

    /// Other suites open and close descriptors meanwhile, but not as many as would be left behind here.
    @Test func `a connection gives its wake-up back to the stop signal`() throws {
        let stop = StopSignal()
        let before = openDescriptors()
        for _ in 0..<100 { try PostgresConnection(try configuration(), stop: stop).close() }
        #expect(openDescriptors() < before + 100)
    }

    // MARK: Helpers

    private func configuration() throws -> PostgresConfiguration {
        try PostgresConfiguration(PostgresServer.current.url())
    }

    private func connect() throws -> PostgresConnection { try PostgresConnection(try configuration()) }

    private func refusal(_ configuration: PostgresConfiguration) -> PostgresError? {
        #expect(throws: PostgresError.self) { try PostgresConnection(configuration) }
    }
}
