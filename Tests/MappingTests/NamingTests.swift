// Part of Lockstep. See LICENSE.

import Testing

@testable import Mapping

struct NamingTests {
    @Test(arguments: [
        ("categories", "category"), ("addresses", "address"), ("statuses", "status"), ("status", "status"),
        ("analyses", "analysis"), ("people", "person"), ("salespeople", "salesperson"), ("series", "series"),
        ("news", "news"), ("states", "state"), ("children", "child"), ("women", "woman"), ("specimen", "specimen"),
        ("boxes", "box"), ("batches", "batch"), ("caches", "cache"), ("dishes", "dish"), ("quizzes", "quiz"),
        ("sizes", "size"), ("heroes", "hero"), ("shoes", "shoe"), ("photos", "photo"), ("movies", "movie"),
        ("ties", "tie"), ("companies", "company"), ("warehouses", "warehouse"), ("causes", "cause"), ("uses", "use"),
        ("buses", "bus"), ("bonuses", "bonus"), ("databases", "database"), ("licenses", "license"),
        ("courses", "course"), ("indices", "index"), ("indexes", "index"), ("matrices", "matrix"), ("wolves", "wolf"),
        ("archives", "archive"), ("valves", "valve"), ("aliases", "alias"), ("alias", "alias"), ("gas", "gas"),
        ("basis", "basis"), ("class", "class"), ("processes", "process"), ("keys", "key"), ("ids", "id"),
        ("metadata", "metadata"), ("metrics", "metric"), ("analytics", "analytics"), ("us", "us"), ("region", "region"),
        ("demographics", "demographic"), ("criteria", "criterion"), ("größen", "größen"), ("жители", "жители"),
        ("menus", "menu"), ("campuses", "campus"), ("premises", "premise"),
    ])
    func `nouns have their singular`(plural: String, singular: String) {
        #expect(Singular.of(plural) == singular)
    }

    @Test(arguments: [
        ("content_items", ["content", "items"]), ("ContentItems", ["content", "items"]),
        ("Content Items", ["content", "items"]), ("HTTPServers", ["http", "servers"]), ("orderID", ["order", "id"]),
        ("address2Line", ["address2", "line"]), ("_private__x_", ["private", "x"]), ("ORDERS", ["orders"]),
        ("Kundenstraße", ["kundenstraße"]), ("顧客", ["顧客"]), ("---", []), ("", []), ("a", ["a"]), ("aB", ["a", "b"]),
    ])
    func `names are cut into words`(name: String, words: [String]) {
        #expect(Naming.words(of: name) == words)
    }

    @Test(arguments: [
        ("us_states", "UsState", "usStates", "US_STATES"), ("ORDERS", "Order", "orders", "ORDERS"),
        ("Order Details", "OrderDetail", "orderDetails", "ORDER_DETAILS"),
        ("2024_sales", "2024Sale", "2024Sales", "2024_SALES"),
        ("顧客", "顧客", "顧客", "顧客"), ("été_passés", "ÉtéPassés", "étéPassés", "ÉTÉ_PASSÉS"), ("---", "---", "---", "---"),
    ])
    func `labels, properties and types follow the graph's custom`(
        name: String, label: String, property: String, type: String
    ) {
        #expect(Naming.label(name) == label)
        #expect(Naming.property(name) == property)
        #expect(Naming.type(name) == type)
    }

    @Test(arguments: [
        ("customer_id", "CUSTOMER"), ("customerId", "CUSTOMER"), ("CustomerID", "CUSTOMER"),
        ("reports_to", "REPORTS_TO"),
        ("ship_via", "SHIP_VIA"), ("parent_uuid", "PARENT"), ("id", nil), ("grid", "GRID"),
    ])
    func `a column says the role`(column: String, role: String?) {
        #expect(Naming.role(column) == role)
    }
}
