// Part of Lockstep. See LICENSE.

import Bolt
import Foundation

/// The suite's words for values, both ways.
enum CypherValues {
    struct Unknown: Error { let what: String }

    /// A date-time whose zone this machine does not know.
    struct UnknownZone: Error { let name: String }

    static func value(_ json: JSON) throws -> BoltValue {
        let data = json["data"]
        switch json["name"].string {
        case "CypherNull": return .null
        case "CypherBool": return .boolean(data["value"].bool ?? false)
        case "CypherInt": return .integer(data["value"].int ?? 0)
        case "CypherFloat":
            switch data["value"].string {
            case "NaN": return .float(.nan)
            case "+Infinity": return .float(.infinity)
            case "-Infinity": return .float(-.infinity)
            default: return .float(data["value"].double ?? 0)
            }
        case "CypherString": return .string(data["value"].string ?? "")
        case "CypherBytes":
            let bytes = (data["value"].string ?? "").split(separator: " ").compactMap { UInt8($0, radix: 16) }
            return .bytes(bytes)
        case "CypherList": return .list(try (data["value"].array ?? []).map(value))
        case "CypherMap": return .map(try (data["value"].object ?? [:]).mapValues(value))
        case "CypherPoint":
            let isCartesian = data["system"].string == "cartesian"
            let z = data["z"].double
            let srid: Int64 = isCartesian ? (z == nil ? 7203 : 9157) : (z == nil ? 4326 : 4979)
            return .point(BoltPoint(srid: srid, x: data["x"].double ?? 0, y: data["y"].double ?? 0, z: z))
        case "CypherDate": return .date(days: days(data))
        case "CypherTime":
            let nanoseconds = secondsOfDay(data) * 1_000_000_000 + (data["nanosecond"].int ?? 0)
            guard let offset = data["utc_offset_s"].int else { return .localTime(nanoseconds: nanoseconds) }
            return .time(nanoseconds: nanoseconds, offsetSeconds: Int32(offset))
        case "CypherDateTime":
            let local = days(data) * 86_400 + secondsOfDay(data)
            let nanoseconds = Int32(data["nanosecond"].int ?? 0)
            guard let offset = data["utc_offset_s"].int else {
                return .localDateTime(seconds: local, nanoseconds: nanoseconds)
            }
            guard let zone = data["timezone_id"].string else {
                return .dateTime(seconds: local - offset, nanoseconds: nanoseconds, offsetSeconds: Int32(offset))
            }
            return .dateTimeZone(seconds: local - offset, nanoseconds: nanoseconds, zone: zone)
        case "CypherDuration":
            return .duration(
                months: data["months"].int ?? 0, days: data["days"].int ?? 0, seconds: data["seconds"].int ?? 0,
                nanoseconds: Int32(data["nanoseconds"].int ?? 0))
        case let name: throw Unknown(what: name ?? "a value without a name")
        }
    }

    static func values(_ json: JSON) throws -> [String: BoltValue] { try (json.object ?? [:]).mapValues(value) }

    static func json(_ value: BoltValue) throws -> JSON {
        switch value {
        case .null: return named("CypherNull", ["value": nil])
        case .boolean(let value): return named("CypherBool", ["value": .bool(value)])
        case .integer(let value): return named("CypherInt", ["value": .int(value)])
        case .float(let value): return named("CypherFloat", ["value": float(value)])
        case .string(let value): return named("CypherString", ["value": .string(value)])
        case .bytes(let bytes):
            let text = bytes.map { String(format: "%02x", $0) }.joined(separator: " ")
            return named("CypherBytes", ["value": .string(text)])
        case .list(let values): return named("CypherList", ["value": .array(try values.map(json))])
        case .map(let values): return named("CypherMap", ["value": .object(try values.mapValues(json))])
        case .date(let days): return named("CypherDate", .object(date(days)))
        case .localTime(let nanoseconds): return named("CypherTime", .object(time(nanoseconds)))
        case .time(let nanoseconds, let offset):
            return named("CypherTime", .object(time(nanoseconds).merging(["utc_offset_s": .int(Int64(offset))]) { $1 }))
        case .localDateTime(let seconds, let nanoseconds):
            return named("CypherDateTime", .object(dateTime(seconds, nanoseconds)))
        case .dateTime(let seconds, let nanoseconds, let offset):
            let fields = dateTime(seconds + Int64(offset), nanoseconds)
            return named("CypherDateTime", .object(fields.merging(["utc_offset_s": .int(Int64(offset))]) { $1 }))
        case .dateTimeZone(let seconds, let nanoseconds, let zone): return try zoned(seconds, nanoseconds, zone)
        case .duration(let months, let days, let seconds, let nanoseconds):
            return named(
                "CypherDuration",
                [
                    "months": .int(months), "days": .int(days), "seconds": .int(seconds),
                    "nanoseconds": .int(Int64(nanoseconds)),
                ])
        case .point(let point):
            let system = point.srid == 7203 || point.srid == 9157 ? "cartesian" : "wgs84"
            return named(
                "CypherPoint",
                [
                    "system": .string(system), "x": .double(point.x), "y": .double(point.y),
                    "z": point.z.map { .double($0) } ?? .null,
                ])
        case .node(let node): return try json(node)
        case .relationship(let relationship): return try json(relationship, relationship.ends)
        case .path(let path): return try json(path)
        case .structure(0x66, let fields) where fields.count == 3: throw UnknownZone(name: fields[2].stringValue ?? "")
        case .vector, .uuid, .unsupported, .structure: throw Unknown(what: "\(value)")
        }
    }

    // MARK: Graph values

    private static func json(_ node: BoltNode) throws -> JSON {
        named(
            "Node",
            [
                "id": try json(.integer(node.id)), "labels": try json(.list(node.labels.map { .string($0) })),
                "props": try json(.map(node.properties)),
                "elementId": try json(.string(node.elementID ?? "\(node.id)")),
            ])
    }

    private static func json(_ relationship: BoltRelationship, _ ends: BoltRelationship.Ends?) throws -> JSON {
        named(
            "Relationship",
            [
                "id": try json(.integer(relationship.id)), "startNodeId": try json(.integer(ends?.startID ?? -1)),
                "endNodeId": try json(.integer(ends?.endID ?? -1)), "type": try json(.string(relationship.type)),
                "props": try json(.map(relationship.properties)),
                "elementId": try json(.string(relationship.elementID ?? "\(relationship.id)")),
                "startNodeElementId": try json(.string(ends?.startElementID ?? "\(ends?.startID ?? -1)")),
                "endNodeElementId": try json(.string(ends?.endElementID ?? "\(ends?.endID ?? -1)")),
            ])
    }

    private static func json(_ path: BoltPath) throws -> JSON {
        guard var here = path.nodes.first else { throw Unknown(what: "a path without a node") }
        var nodes = [try json(here)]
        var relationships: [JSON] = []
        for step in stride(from: 0, to: path.indices.count - 1, by: 2) {
            let (index, next) = (path.indices[step], Int(path.indices[step + 1]))
            let number = Int(index.magnitude) - 1
            guard path.nodes.indices.contains(next), path.relationships.indices.contains(number) else {
                throw Unknown(what: "a path that leads nowhere")
            }
            let there = path.nodes[next]
            let (from, to) = index > 0 ? (here, there) : (there, here)
            let ends = BoltRelationship.Ends(
                startID: from.id, endID: to.id, startElementID: from.elementID, endElementID: to.elementID)
            relationships.append(try json(path.relationships[number], ends))
            nodes.append(try json(there))
            here = there
        }
        return named(
            "Path",
            [
                "nodes": named("CypherList", ["value": .array(nodes)]),
                "relationships": named("CypherList", ["value": .array(relationships)]),
            ])
    }

    // MARK: Times

    private static func zoned(_ seconds: Int64, _ nanoseconds: Int32, _ zone: String) throws -> JSON {
        guard let found = TimeZone(identifier: zone) else { throw UnknownZone(name: zone) }
        let offset = Int64(found.secondsFromGMT(for: Date(timeIntervalSince1970: TimeInterval(seconds))))
        let fields = dateTime(seconds + offset, nanoseconds)
        return named(
            "CypherDateTime",
            .object(fields.merging(["utc_offset_s": .int(offset), "timezone_id": .string(zone)]) { $1 }))
    }

    private static func days(_ data: JSON) -> Int64 {
        // Days of a proleptic Gregorian date, counted in years that begin in March.
        let month = data["month"].int ?? 1
        let year = (data["year"].int ?? 0) - (month <= 2 ? 1 : 0)
        let era = (year >= 0 ? year : year - 399) / 400
        let yearOfEra = year - era * 400
        let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + (data["day"].int ?? 1) - 1
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    }

    private static func date(_ days: Int64) -> [String: JSON] {
        let shifted = days + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        let month = shiftedMonth + (shiftedMonth < 10 ? 3 : -9)
        let day = dayOfYear - (153 * shiftedMonth + 2) / 5 + 1
        let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
        return ["year": .int(year), "month": .int(month), "day": .int(day)]
    }

    private static func secondsOfDay(_ data: JSON) -> Int64 {
        (data["hour"].int ?? 0) * 3600 + (data["minute"].int ?? 0) * 60 + (data["second"].int ?? 0)
    }

    private static func time(_ nanoseconds: Int64) -> [String: JSON] {
        let seconds = nanoseconds / 1_000_000_000
        return [
            "hour": .int(seconds / 3600), "minute": .int(seconds / 60 % 60), "second": .int(seconds % 60),
            "nanosecond": .int(nanoseconds % 1_000_000_000),
        ]
    }

    private static func dateTime(_ seconds: Int64, _ nanoseconds: Int32) -> [String: JSON] {
        let day = seconds >= 0 ? seconds / 86_400 : (seconds - 86_399) / 86_400
        return date(day).merging(time((seconds - day * 86_400) * 1_000_000_000 + Int64(nanoseconds))) { $1 }
    }

    private static func float(_ value: Double) -> JSON {
        if value.isNaN { return "NaN" }
        if value.isInfinite { return value > 0 ? "+Infinity" : "-Infinity" }
        return .double(value)
    }

    private static func named(_ name: String, _ data: JSON) -> JSON { ["name": .string(name), "data": data] }
}
