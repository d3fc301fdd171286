// Part of Lockstep. See LICENSE.

import Bolt

/// What the suite asks about clusters, and what the driver then asks the suite.
extension Backend {
    func routingTable(_ data: JSON) async throws -> (String, JSON) {
        let database = data["database"].string
        let table = try await find(drivers, data, "driverId").routingTable(for: database)
        func addresses(_ members: [BoltAddress]?) -> JSON {
            .array((members ?? []).map { .string($0.description) })
        }
        return (
            "RoutingTable",
            [
                "database": (table?.database ?? database).map { .string($0) } ?? .null,
                "ttl": .int(table?.timeToLive.components.seconds ?? 0), "routers": addresses(table?.routers),
                "readers": addresses(table?.readers), "writers": addresses(table?.writers),
            ]
        )
    }

    func updateRoutingTable(_ data: JSON) async throws -> (String, JSON) {
        try await find(drivers, data, "driverId").updateRoutingTable(
            for: data["database"].string, bookmarks: (data["bookmarks"].array ?? []).compactMap(\.string))
        return ("Driver", ["id": data["driverId"]])
    }

    func poolMetrics(_ data: JSON) async throws -> (String, JSON) {
        guard let address = BoltAddress(data["address"].string ?? "") else { throw Failed(message: "no address") }
        let (inUse, idle) = try await find(drivers, data, "driverId").connectionCount(to: address)
        return ("ConnectionPoolMetrics", ["inUse": .int(Int64(inUse)), "idle": .int(Int64(idle))])
    }

    func resolve(_ settings: inout BoltDriverSettings, _ data: JSON) {
        if data["resolverRegistered"].bool == true {
            settings.resolver = { [self] address in
                await resolve("ResolverResolutionRequired", ["address": .string(address.description)])
                    .compactMap { BoltAddress($0) }
            }
        }
        if data["domainNameResolverRegistered"].bool == true {
            settings.lookUp = { [self] name in
                await resolve("DomainNameResolutionRequired", ["name": .string(name)])
            }
        }
    }

    /// A test that hangs up knows no address.
    private func resolve(_ name: String, _ data: [String: JSON]) async -> [String] {
        let answer = try? await ask(name, data)
        return (answer?["addresses"].array ?? []).compactMap(\.string)
    }
}
