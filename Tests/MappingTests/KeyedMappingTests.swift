// Part of Lockstep. See LICENSE.

import PostgreSQL
import Testing

@testable import Mapping

/// Tables of relationships with a key of their own, in the file, in `check` and in what `init` says.
@Suite struct `Relationships with a key of their own in the mapping` {
    private static func catalog(
        payer: String = "int4!", identity: Catalog.ReplicaIdentity = .default, key: [String] = ["id"]
    ) -> Catalog {
        var payments = Catalog.Table.of(
            "public.payments", "id int4!, payer \(payer), payee int4!, amount int4, memo text", key: key,
            references: [
                .of(["payer"], "public.accounts", ["id"]), .of(["payee"], "public.accounts", ["id"], name: "p2"),
            ], identity: identity)
        payments.columns[4].mayBeToasted = true
        return .of(.of("public.accounts", "id int4", key: ["id"]), payments)
    }

    private static let accounts = "  public.accounts: {label: Account, key: {id: id}}\n"
    private static let payments = """
          public.payments:
            relationship: PAID
            key: {id: paymentId}
            from: {columns: [payer], references: public.accounts}
            to: {columns: [payee], references: public.accounts}
            properties: {amount: amount, memo: memo}

        """

    private func errors(_ tables: String, against catalog: Catalog) -> [String] {
        faults(head + tables, against: catalog).filter { $0.contains("error") }
    }

    @Test func `have it as properties, and an index by which they are found`() throws {
        let mapping = try parsed(head + Self.accounts + Self.payments).resolve(against: Self.catalog())
        let join = mapping.joins[0]
        #expect(join.key.map(\.property) == ["paymentId"])
        #expect(join.columns.map(\.column) == ["id", "payer", "payee", "amount", "memo"])
        #expect(
            mapping.constraints.last?.statement
                == "CREATE INDEX `lockstep_row_PAID_paymentId` IF NOT EXISTS FOR ()-[r:`PAID`]-() ON (r.`paymentId`)")
    }

    @Test func `take a key of the table that the stream carries`() {
        #expect(
            errors(
                Self.accounts + Self.payments.replacing("{id: paymentId}", with: "{amount: n}"), against: Self.catalog()
            )
                == [
                    "m.yaml:9:11: error: the key (amount) is neither the primary key of public.payments nor a unique key"
                ])
    }

    @Test func `want whole rows where an end can be NULL and a value be long`() {
        let loose = Self.catalog(payer: "int4")
        #expect(
            errors(Self.accounts + Self.payments, against: loose).map { $0.prefix(44) } == [
                "m.yaml:10:22: error: payer can be NULL, and "
            ])
        #expect(errors(Self.accounts + Self.payments.replacing(", memo: memo", with: ""), against: loose) == [])
        let whole = Self.catalog(payer: "int4", identity: .full)
        #expect(errors(Self.accounts + Self.payments, against: whole) == [])
    }

    @Test func `have a type to themselves`() {
        let other =
            Self.accounts + """
                  public.notes: {label: Note, key: {id: id}, relationships: [{type: PAID, columns: [a], references: public.accounts}]}

                """
        let notes = Catalog.Table.of(
            "public.notes", "id int4, a int4", key: ["id"], references: [.of(["a"], "public.accounts", ["id"])])
        let catalog = Catalog.of(Self.catalog().tables + [notes])
        #expect(
            errors(other + Self.payments, against: catalog)
                == ["m.yaml:9:19: error: public.notes makes relationships of the type PAID, too"])
    }

    @Test func `are hinted at where a table does little else than join others`() throws {
        func reason(_ catalog: Catalog, _ table: String = "payments") throws -> String {
            try #require(Proposal(for: catalog).tables.first { $0.entry.table.value.name == table }).reason
        }
        #expect(
            try reason(Self.catalog())
                == "each row could be a relationship instead: relationship: PAYMENTS, key: {id: id}, "
                + "from: {columns: [payer], references: public.accounts}, to: {columns: [payee], references: public.accounts}"
        )
        #expect(try reason(Self.catalog(payer: "int4")) == "")
        #expect(try reason(Self.catalog(), "accounts") == "")
        let three = Catalog.of(
            .of("public.a", "id int4", key: ["id"]),
            .of(
                "public.t", "u int4, v int4, w int4", key: ["u", "v", "w"],
                references: [
                    .of(["u"], "public.a", ["id"], name: "1"), .of(["v"], "public.a", ["id"], name: "2"),
                    .of(["w"], "public.a", ["id"], name: "3"),
                ]))
        let said = try reason(three, "t")
        #expect(
            said
                == "each row could be a relationship instead: relationship: T, key: {u: u, v: v, w: w}, "
                + "from: {columns: [u], references: public.a}, to: {columns: [v], references: public.a}; "
                + "w would be a property then")
    }
}
