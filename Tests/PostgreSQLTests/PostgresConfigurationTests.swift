// Part of Lockstep. See LICENSE.

import PostgreSQL
import Testing

@Suite struct PostgresConfigurationTests {
    @Test func `a URI is described without its password`() throws {
        let configuration = try PostgresConfiguration("postgresql://anna:s3cret@db.example:6543/shop?sslmode=require")
        #expect(configuration.description == "db.example:6543/shop as anna")
        #expect(configuration.server == "db.example:6543/shop")
        for text in ["\(configuration)", String(reflecting: configuration), dumped(configuration)] {
            #expect(!text.contains("s3cret"))
        }
    }

    @Test func `a keyword string is read too`() throws {
        let configuration = try PostgresConfiguration("host=/run/pg dbname='my db' user=bob port=1")
        #expect(configuration.description == "/run/pg:1/my db as bob")
    }

    @Test func `several hosts are all named`() throws {
        let configuration = try PostgresConfiguration("postgresql://u@one:1,two:2/d")
        #expect(configuration.server == "one:1,two:2/d")
    }

    @Test func `the database's name is the user's where none is given`() throws {
        #expect(try PostgresConfiguration("postgresql://carl@h").server.hasSuffix("/carl"))
    }

    @Test func `a misspelt parameter is named`() {
        let error = #expect(throws: PostgresError.self) {
            try PostgresConfiguration("postgresql://u:s3cret@h/d?sslmod=require")
        }
        #expect(error?.kind == .configuration)
        #expect(error?.description.contains("sslmod") == true)
        #expect(error?.isTransient == false)
    }

    @Test(arguments: [
        "postgresql://u:s3cret%zz@h/d", "postgresql://u:pass?s3cret@h/d", "postgresql://u:pass?a=b&s3cret=@h/d",
        "host=h password=a s3cret", "host=h password='s3cret", "postgresql://[u:s3cret@h/d", "s3cret",
        "postgresql://u:s3cret@h:x]y/d?s3cret",
    ])
    func `an unreadable string is refused without quoting it`(url: String) {
        do {
            let configuration = try PostgresConfiguration(url)
            #expect(!"\(configuration)".contains("s3cret"))
        } catch {
            #expect(error.kind == .configuration)
            #expect(!"\(error)".contains("s3cret"), "\(error)")
        }
    }

    private func dumped(_ value: some Any) -> String {
        var text = ""
        dump(value, to: &text)
        return text
    }
}
