// Part of Lockstep. See LICENSE.

import PostgreSQL
import Testing

@testable import Mapping

struct ProposalTests {
    @Test func `Northwind becomes what people draw`() {
        #expect(
            Proposal(for: .northwind).decisions == [
                "public.audit: skipped, no primary key, and no unique key without NULLs",
                "public.categories -> (:Category) by (category_id), primary key",
                "public.customer_customer_demo -> [:CUSTOMER_CUSTOMER_DEMO] from public.customers to "
                    + "public.customer_demographics: its primary key is made of the two foreign keys",
                "public.customer_demographics -> (:CustomerDemographic) by (customer_type_id), primary key",
                "public.customers -> (:Customer) by (customer_id), primary key",
                "public.employees -> (:Employee) by (employee_id), primary key; with [:REPORTS_TO]",
                "public.order_details -> [:ORDER_DETAILS] from public.orders to public.products: "
                    + "its primary key is made of the two foreign keys",
                "public.orders -> (:Order) by (order_id), primary key; with [:CUSTOMER], [:EMPLOYEE], [:SHIP_VIA]",
                "public.products -> (:Product) by (product_id), primary key; with [:CATEGORY]",
                "public.shippers -> (:Shipper) by (shipper_id), primary key",
                "public.us_states -> (:UsState) by (state_id), primary key",
            ])
    }

    @Test func `the file of a proposal is stable and commented`() {
        let catalog = Catalog.of(
            .of("public.log", "at timestamptz"),
            .of(
                "public.members", "team_id int4, user_id int4, since date, by_id int4", key: ["team_id", "user_id"],
                references: [
                    .of(["user_id"], "public.users", ["id"]), .of(["team_id"], "public.teams", ["id"]),
                    .of(["by_id"], "public.users", ["id"]),
                ]),
            .of(
                "public.teams", "id int4, name text!, size numeric, total numeric=, lead_id int4", key: ["id"],
                references: [.of(["lead_id"], "public.users", ["id"])]),
            .of("public.users", "id int4, place point", key: ["id"]))
        let expected = """
            tables:
              # No primary key, and no unique key without NULLs.
              public.log:
                # To have it in the graph: ALTER TABLE public.log ADD PRIMARY KEY (...); or, for a node for each distinct row, ALTER TABLE public.log REPLICA IDENTITY FULL;
                skip: true

              # Each row becomes a relationship: the primary key is made of two foreign keys, and nothing refers to it.
              public.members:
                relationship: MEMBERS  # the table's name
                from: {columns: [team_id], references: public.teams}  # foreign key fk_team_id
                to: {columns: [user_id], references: public.users}  # foreign key fk_user_id
                properties:
                  since: since  # date -> date
                  by_id: byId  # integer -> integer
                # Not in the graph: foreign key fk_by_id (by_id) to public.users: a relationship cannot have relationships of its own.
                #   Remedy: to have it, make this table a node: label, key and relationships in place of these

              public.teams:
                label: Team  # a node for each row; the table's name in the singular
                key: {id: id}  # primary key: integer -> integer
                properties:
                  name: name  # text -> string
                  size: size  # numeric -> string, exact; as: float rounds
                relationships:
                  # Foreign key fk_lead_id; named for the column.
                  - {type: LEAD, columns: [lead_id], references: public.users}
                exclude: [total]  # generated: not in the stream before PostgreSQL 18

              public.users:
                label: User  # a node for each row; the table's name in the singular
                key: {id: id}  # primary key: integer -> integer
                properties:
                  place: place  # point -> string, as PostgreSQL prints it

            """
        let text = Proposal(for: catalog).render(settings)
        let start = text.firstRange(of: "tables:\n")
        #expect(start.map { String(text[$0.lowerBound...]) } == expected)
        #expect(text == Proposal(for: catalog).render(settings))
    }

    @Test func `a password in a URL does not reach the file`() {
        let secret = Proposal.Settings(
            pipeline: "p", source: ConnectionURL("postgresql://u:hunter2@h/d?sslmode=require&password=hunter2"),
            graph: ConnectionURL("bolt://neo4j:hunter2@h:7687"))
        let text = Proposal(for: .northwind).render(secret)
        #expect(!text.contains("hunter2"))
        #expect(text.contains("  url: postgresql://u@h/d?sslmode=require\n"))
        #expect(text.contains("  url: bolt://neo4j@h:7687\n"))
    }

    // MARK: Keys

    @Test func `a table without a key that the stream carries is skipped with its remedy`() {
        let unique = Catalog.UniqueKey(indexName: "t_code", columns: ["code"])
        let catalog = Catalog.of(
            .of("public.a", "id int4", key: ["id"], identity: .nothing),
            .of("public.b", "code text!", unique: [unique]),
            .of("public.c", "code text", unique: [unique]),
            .of("public.d", "code text!", unique: [unique], identity: .full),
            .of(
                "public.e", "id int4, code text!", key: ["id"],
                unique: [.init(indexName: "t_code", columns: ["code"], isReplicaIdentity: true)], identity: .index),
            .of("public.f", "x text", identity: .full))
        let proposal = Proposal(for: catalog)
        #expect(
            proposal.leftOut.map(\.remedy) == [
                "ALTER TABLE public.a REPLICA IDENTITY DEFAULT;",
                "ALTER TABLE public.b REPLICA IDENTITY USING INDEX \"t_code\";",
                "ALTER TABLE public.c ADD PRIMARY KEY (...); or, for a node for each distinct row, "
                    + "ALTER TABLE public.c REPLICA IDENTITY FULL;",
            ])
        #expect(
            proposal.decisions.filter { $0.contains("->") } == [
                "public.d -> (:D) by (code), unique key, carried by the replica identity",
                "public.e -> (:E) by (code), unique key, carried by the replica identity",
                "public.f -> (:F), one for each distinct row",
            ])
    }

    @Test func `a table without a key whose rows come whole counts them, and nothing refers to it`() throws {
        let catalog = Catalog.of(
            .of("public.people", "id int4", key: ["id"]),
            .of(
                "public.log", "at timestamptz, who int4, row_count int4, code text",
                unique: [.init(indexName: "log_code", columns: ["code"])],
                references: [.of(["who"], "public.people", ["id"])], identity: .full),
            .of("public.notes", "id int4, code text", key: ["id"], references: [.of(["code"], "public.log", ["code"])]))
        let log = try node("public.log", in: catalog)
        #expect(log.key.isEmpty)
        #expect(log.distinct?.digest.value == "rowDigest")
        // A column is called so.
        #expect(log.distinct?.count.value == "row_count")
        #expect(log.references.map(\.type.value) == ["WHO"])
        let text = Proposal(for: catalog).render(settings)
        #expect(text.contains("distinct: {digest: rowDigest, count: row_count}  # no key, and REPLICA IDENTITY FULL"))
        #expect(try node("public.notes", in: catalog).references.isEmpty)
        #expect(text.contains("the nodes of public.log count equal rows"))
    }

    @Test func `a generated column is left out before PostgreSQL 18 and taken from it on`() throws {
        let table = Catalog.Table.of("public.t", "id int4, total numeric=", key: ["id"])
        #expect(try node("public.t", in: .of(table)).properties.isEmpty)
        #expect(try node("public.t", in: .of(table, version: 180_000)).properties.map(\.column.value) == ["total"])
    }

    @Test func `a virtual column is always left out`() throws {
        let table = Catalog.Table.of("public.t", "id int4, total numeric==", key: ["id"])
        let catalog = Catalog.of(table, version: 180_000)
        #expect(try node("public.t", in: catalog).properties.isEmpty)
        #expect(
            Proposal(for: catalog).render(settings).contains("    exclude: [total]  # virtual: not in the stream\n"))
    }

    // MARK: Relationships

    @Test func `several foreign keys to one table get names by their roles`() throws {
        let catalog = Catalog.of(
            .of(
                "public.flights", "id int4, origin_id int4, destination_id int4, crew int4, crew_id int4", key: ["id"],
                references: [
                    .of(["origin_id"], "public.airports", ["id"]), .of(["destination_id"], "public.airports", ["id"]),
                    .of(["crew"], "public.airports", ["id"]), .of(["crew_id"], "public.airports", ["id"]),
                    .of(["crew_id"], "public.airports", ["id"], name: "twice"),
                ]),
            .of("public.airports", "id int4", key: ["id"]))
        let types = try node("public.flights", in: catalog).references.map(\.type.value)
        #expect(types == ["ORIGIN", "DESTINATION", "CREW", "CREW_ID"])
        #expect(
            Proposal(for: catalog).leftOut.map(\.message) == [
                "foreign key twice (crew_id) to public.airports: says the same as fk_crew_id"
            ])
    }

    @Test func `columns that a relationship tells are properties only where they must be`() throws {
        let users = Catalog.Table.of("public.users", "tenant_id int4, id int4", key: ["tenant_id", "id"])
        let posts = Catalog.Table.of(
            "public.posts", "tenant_id int4, id int4, author_id int4!, editor_id int4", key: ["tenant_id", "id"],
            references: [
                .of(["tenant_id", "author_id"], "public.users", ["tenant_id", "id"]),
                .of(["editor_id", "tenant_id"], "public.users", ["id", "tenant_id"], name: "edit"),
            ])
        let post = try node("public.posts", in: .of(users, posts))
        #expect(post.key.map(\.column.value) == ["tenant_id", "id"])
        // A post without an editor has no relationship that would tell its other columns.
        #expect(post.properties.map(\.column.value) == ["editor_id"])
        #expect(post.references.map(\.type.value) == ["AUTHOR", "EDITOR"])
        #expect(post.references[1].end.columns.map(\.value) == ["tenant_id", "editor_id"])
    }

    @Test func `a composite foreign key without a telling column is named for its target`() throws {
        let lines = Catalog.Table.of("public.order_lines", "order_id int4, no int4", key: ["order_id", "no"])
        let returns = Catalog.Table.of(
            "public.returns", "id int4, order_id int4!, no int4!", key: ["id"],
            references: [.of(["order_id", "no"], "public.order_lines", ["order_id", "no"])])
        #expect(try node("public.returns", in: .of(lines, returns)).references.map(\.type.value) == ["ORDER_LINE"])
    }

    @Test func `a shared primary key is a relationship named for its target`() throws {
        let catalog = Catalog.of(
            .of("public.users", "id int4", key: ["id"]),
            .of(
                "public.user_profiles", "id int4, bio text", key: ["id"],
                references: [.of(["id"], "public.users", ["id"])]))
        let profile = try node("public.user_profiles", in: catalog)
        #expect(profile.references.map(\.type.value) == ["USER"])
        #expect(profile.key.map(\.column.value) == ["id"])
    }

    @Test func `a foreign key to another unique key leads to a property that stays`() throws {
        let countries = Catalog.Table.of(
            "public.countries", "id int4, code text!, region text!", key: ["id"],
            unique: [.init(indexName: "u", columns: ["code"])],
            references: [.of(["code"], "public.regions", ["code"])])
        let cities = Catalog.Table.of(
            "public.cities", "id int4, country text", key: ["id"],
            references: [.of(["country"], "public.countries", ["code"])])
        let catalog = Catalog.of(countries, cities, .of("public.regions", "code text", key: ["code"]))
        #expect(try node("public.countries", in: catalog).properties.map(\.column.value) == ["code", "region"])
        let mapping = try resolved(catalog)
        let city = try #require(mapping.nodes.first { $0.labels == ["City"] })
        #expect(city.references.map(\.target.key[0].property) == ["code"])
        #expect(city.references.map(\.target.key[0].column) == ["country"])
    }

    @Test func `a foreign key that cannot be followed is listed and keeps its column`() throws {
        let catalog = Catalog.of(
            .of("public.logs", "x text"),
            .of("public.money", "amount numeric.2", key: ["amount"]), .of("public.u", "id int4", key: ["id"]),
            .of(
                "public.t", "id int4, log int4, amount numeric.4", key: ["id"],
                references: [.of(["log"], "public.logs", ["x"]), .of(["amount"], "public.money", ["amount"])]))
        let table = try node("public.t", in: catalog)
        #expect(table.references.isEmpty)
        #expect(table.properties.map(\.column.value) == ["log", "amount"])
        let mine = Proposal(for: catalog).leftOut.filter { $0.table.name == "t" }
        #expect(
            mine.map(\.message) == [
                "foreign key fk_log (log) to public.logs: public.logs is skipped, see there",
                "foreign key fk_amount (amount) to public.money: numeric(10,4) and numeric(10,2) print with another "
                    + "number of digits",
            ])
    }

    @Test(arguments: [Catalog.ForeignKey.Coverage.newRows, .noRows, .somePartitions])
    func `a foreign key that does not hold for all rows is followed without trust in it`(
        _ coverage: Catalog.ForeignKey.Coverage
    ) throws {
        let catalog = Catalog.of(
            .of("public.u", "id int4", key: ["id"]),
            .of(
                "public.t", "id int4, u int4", key: ["id"],
                references: [.of(["u"], "public.u", ["id"], coverage: coverage)]))
        let table = try node("public.t", in: catalog)
        #expect(table.references.map(\.isEnforced) == [false])
        #expect(table.properties.isEmpty)
        let reference = try #require(try resolved(catalog).nodes.first { $0.labels == ["T"] }?.references.first)
        #expect(reference.kept == ["_lockstep_u"])
    }

    @Test func `a foreign key about periods makes no relationship, and no table of relationships`() throws {
        let catalog = Catalog.of(
            .of("public.store", "id int4", key: ["id"]),
            .of("public.price", "film int4, at text", key: ["film", "at"]),
            .of(
                "public.discount", "store int4, film int4, at text", key: ["store", "film", "at"],
                references: [
                    .of(["store"], "public.store", ["id"]),
                    .of(["film", "at"], "public.price", ["film", "at"], coverage: .periods),
                ]))
        let table = try node("public.discount", in: catalog)
        #expect(table.references.map(\.type.value) == ["STORE"])
        #expect(
            Proposal(for: catalog).leftOut.map(\.message) == [
                "foreign key fk_film_at (film, at) to public.price: it is about periods that cover others: it names no "
                    + "row by equal values"
            ])
    }

    // MARK: Joins

    @Test func `a join table of a tenant shares the tenant's column between its ends`() throws {
        let catalog = Catalog.of(
            .of("public.tenants", "id int4", key: ["id"]),
            .of("public.users", "tenant_id int4, id int4", key: ["tenant_id", "id"]),
            .of("public.roles", "tenant_id int4, id int4", key: ["id", "tenant_id"]),
            .of(
                "public.user_roles", "tenant_id int4, user_id int4, role_id int4, since date",
                key: ["tenant_id", "user_id", "role_id"],
                references: [
                    .of(["tenant_id"], "public.tenants", ["id"]),
                    .of(["tenant_id", "role_id"], "public.roles", ["tenant_id", "id"]),
                    .of(["tenant_id", "user_id"], "public.users", ["tenant_id", "id"]),
                ]))
        let join = try self.join("public.user_roles", in: catalog)
        #expect(join.type.value == "USER_ROLES")
        #expect(join.from.columns.map(\.value) == ["tenant_id", "user_id"])
        // In the order of the key there.
        #expect(join.to.columns.map(\.value) == ["role_id", "tenant_id"])
        #expect(join.properties.map(\.property.value) == ["since"])
    }

    @Test func `a join of a table with itself goes from the first column of the key`() throws {
        let catalog = Catalog.of(
            .of("public.users", "id int4", key: ["id"]),
            .of(
                "public.follows", "follower_id int4, followed_id int4", key: ["follower_id", "followed_id"],
                references: [
                    .of(["followed_id"], "public.users", ["id"]), .of(["follower_id"], "public.users", ["id"]),
                ]))
        let join = try self.join("public.follows", in: catalog)
        #expect(join.from.columns.map(\.value) == ["follower_id"])
        #expect(join.to.columns.map(\.value) == ["followed_id"])
    }

    @Test func `what is referred to, or has another key, stays a node`() throws {
        let users = Catalog.Table.of("public.users", "id int4", key: ["id"])
        let tags = Catalog.Table.of("public.tags", "id int4", key: ["id"])
        let both: [Catalog.ForeignKey] = [.of(["u"], "public.users", ["id"]), .of(["t"], "public.tags", ["id"])]
        let referred = Catalog.Table.of("public.a", "u int4, t int4", key: ["u", "t"], references: both)
        let referrer = Catalog.Table.of(
            "public.b", "id int4, u int4, t int4", key: ["id"],
            references: [.of(["u", "t"], "public.a", ["u", "t"])])
        let longer = Catalog.Table.of("public.c", "u int4, t int4, n int4", key: ["u", "t", "n"], references: both)
        let surrogate = Catalog.Table.of("public.d", "id int4, u int4!, t int4!", key: ["id"], references: both)
        let oneToOne = Catalog.Table.of(
            "public.e", "u int4", key: ["u"],
            references: [.of(["u"], "public.users", ["id"]), .of(["u"], "public.tags", ["id"], name: "second")])
        let lost = Catalog.Table.of(
            "public.f", "u int4, x int4", key: ["u", "x"],
            references: [.of(["u"], "public.users", ["id"]), .of(["x"], "public.g", ["x"])])
        let keyless = Catalog.Table.of("public.g", "x int4")
        let catalog = Catalog.of(users, tags, referred, referrer, longer, surrogate, oneToOne, lost, keyless)
        for name in ["a", "b", "c", "d", "e", "f"] { _ = try node("public.\(name)", in: catalog) }
        #expect(try node("public.e", in: catalog).references.map(\.type.value) == ["U", "U"])
        #expect(try node("public.f", in: catalog).references.map(\.type.value) == ["U"])
    }

    // MARK: Names

    @Test func `labels differ, also by more than case, and keep off Lockstep's own`() {
        func table(_ name: String) -> Catalog.Table { .of(name, "id int4", key: ["id"]) }
        let catalog = Catalog.of(
            table("public.orders"), table("sales.orders"), table("a.items"), table("b.items"), table("public.person"),
            table("public.people"), table("public.lockstep_jobs"), table("lockstepx.jobs"), table("public.\"Users\""),
            table("public.users"), table("public.sales_order"))
        #expect(
            Proposal(for: catalog).decisions.map { $0.replacing(" by (id), primary key", with: "") } == [
                "a.items -> (:AItem)", "b.items -> (:BItem)", "lockstepx.jobs -> (:Job)",
                "public.\"Users\" -> (:User)", "public.lockstep_jobs -> (:PublicLockstepJob)",
                "public.orders -> (:Order)", "public.people -> (:People)", "public.person -> (:Person)",
                "public.sales_order -> (:SalesOrder)", "public.users -> (:Users)", "sales.orders -> (:SalesOrders)",
            ])
    }

    @Test func `properties of one table differ and keep off Lockstep's own`() throws {
        let table = Catalog.Table.of(
            "public.t", "id int4, user_name text, username text, _lockstep text", key: ["id"],
            more: [.of("userName", "text"), .of("User Name", "text"), .of("_lockstep_x", "text"), .of("ID", "text")])
        #expect(
            try node("public.t", in: .of(table)).properties.map(\.property.value) == [
                "userName", "username2", "lockstep", "userName3", "User Name", "lockstepX", "id2",
            ])
    }

    // MARK: Round trip

    @Test(arguments: [Catalog.northwind, .odd]) func `a proposal's file says what was proposed`(catalog: Catalog) throws
    {
        let proposal = Proposal(for: catalog)
        let file = try parsed(proposal.render(settings))
        #expect(file.tables == proposal.tables.map(\.entry))
        let examination = file.examine(against: catalog)
        #expect(examination.faults.filter { $0.severity != .note } == [])
        let mapping = try #require(examination.mapping)
        #expect(mapping.pipeline == "north-wind")
        #expect(mapping.tables.count == proposal.tables.count { $0.entry.role != .skip })
    }

    // MARK: Helpers

    private func role(_ name: String, in catalog: Catalog) throws -> TableEntry.Role {
        // What is proposed must always be fine by the mapping's own rules.
        _ = try resolved(catalog)
        let entry = Proposal(for: catalog).tables.first { $0.entry.table.value.description == name }
        return try #require(entry).entry.role
    }

    private func node(_ name: String, in catalog: Catalog) throws -> NodeEntry {
        guard case .node(let node) = try role(name, in: catalog) else {
            throw Unexpected(message: "\(name) is no node")
        }
        return node
    }

    private func join(_ name: String, in catalog: Catalog) throws -> JoinEntry {
        guard case .join(let join) = try role(name, in: catalog) else {
            throw Unexpected(message: "\(name) is no join")
        }
        return join
    }

    private func resolved(_ catalog: Catalog) throws -> GraphMapping {
        try parsed(Proposal(for: catalog).render(settings)).resolve(against: catalog)
    }

    private struct Unexpected: Error { var message: String }
}

extension Catalog {
    /// Names that need care in YAML, in SQL and in Cypher.
    static let odd = Catalog.of(
        .of(
            "public.\"Order Details\"", "no int4", key: ["no"],
            references: [.of(["größe: #1"], "\"schön\".\"größen, \"\"alle\"\"\"", ["id"])],
            more: [
                .of("größe: #1", "int4"), .of("no", "text"), .of("- x", "text"), .of("a{b}[c]", "text"),
                .of("back`tick", "text"), .of("\"quoted\"", "text"), .of("line\nbreak", "text"), .of(" lead", "text"),
                .of("顧客", "text"), .of("true", "bool"), .of("${HOME}", "text"), .of("null", "text"), .of("1e3", "text"),
                .of("wide\u{2028}line", "text"), .of("\u{FEFF}bom", "text"), .of("emoji 🚀", "text"),
                .of("trail ", "text"),
            ]),
        .of("\"schön\".\"größen, \"\"alle\"\"\"", "id int4", key: ["id"]),
        .of("public.\"off\"", "id int4", key: ["id"]), .of("\"a.b\".\"c.d\"", "id int4", key: ["id"]))
}
