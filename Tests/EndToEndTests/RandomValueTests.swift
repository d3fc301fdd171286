// Part of Lockstep. See LICENSE.

import PostgreSQL
import TestServers
import TestSupport
import Testing

/// A value that the server refuses would only make the random proof poorer, and nobody would see it.
@Suite(.postgres(), .serialized)
struct `Random values` {
    @Test func `are values of their type, for each type that random schemas have`() async throws {
        let database = "random_values"
        try await PostgresServer.current.createDatabase(database)
        let connection = try PostgresConnection(
            PostgresConfiguration(PostgresServer.current.url(database: database)))
        // Nothing but the types of the schema is wanted.
        try connection.execute(RandomSchema.typeDefinitions)
        let types = Set(RandomSchema.types)
        let columns = types.sorted().enumerated().map { "c\($0) \($1)" }.joined(separator: ", ")
        try connection.execute("CREATE TABLE every_type (id int PRIMARY KEY, \(columns))")
        let table = try #require(try SchemaShape(connection).tables.first)
        var values = RandomValue(dice: Dice(seed: 1))
        for column in table.others {
            for id in 0..<20 {
                let made = values.expression(of: column)
                let value = try #require(made, "\(column.type)")
                try connection.execute(
                    "INSERT INTO every_type (id, \(column.name)) VALUES (\(id), \(value)) "
                        + "ON CONFLICT (id) DO UPDATE SET \(column.name) = EXCLUDED.\(column.name)")
            }
            let count = try connection.query("SELECT count(\(column.name)) FROM every_type").first?[0]
            #expect(count == "20", "\(column.type)")
        }
        #expect(table.others.count == types.count)
    }
}
