// Part of Lockstep. See LICENSE.

import Bolt

extension BoltSummary {
    /// The summary in the suite's words.
    func json() throws -> JSON {
        func number(_ name: String) -> JSON { .int(counters[name] ?? 0) }
        let names = [
            ("constraintsAdded", "constraints-added"), ("constraintsRemoved", "constraints-removed"),
            ("indexesAdded", "indexes-added"), ("indexesRemoved", "indexes-removed"), ("labelsAdded", "labels-added"),
            ("labelsRemoved", "labels-removed"), ("nodesCreated", "nodes-created"), ("nodesDeleted", "nodes-deleted"),
            ("propertiesSet", "properties-set"), ("relationshipsCreated", "relationships-created"),
            ("relationshipsDeleted", "relationships-deleted"), ("systemUpdates", "system-updates"),
        ]
        var counted = Dictionary(uniqueKeysWithValues: names.map { ($0.0, number($0.1)) })
        let stats = metadata["stats"]?.mapValue ?? [:]
        let updates = names.dropLast().contains { (counters[$0.1] ?? 0) > 0 }
        counted["containsUpdates"] = .bool(stats["contains-updates"]?.boolValue ?? updates)
        counted["containsSystemUpdates"] = .bool(
            stats["contains-system-updates"]?.boolValue ?? ((counters["system-updates"] ?? 0) > 0))
        return [
            "serverInfo": server.map { $0.json() } ?? .null, "counters": .object(counted),
            "query": [
                "text": .string(query), "parameters": .object(try parameters.mapValues { try CypherValues.json($0) }),
            ],
            "database": database.map { .string($0) } ?? .null, "queryType": queryType.map { .string($0) } ?? .null,
            "notifications": notifications.map { .array($0.map(\.json)) } ?? .null,
            "gqlStatusObjects": .array(try statuses.map { try $0.json() }),
            "plan": plan.map(Self.plain) ?? .null, "profile": profile.map(Self.plain) ?? .null,
            "resultAvailableAfter": availableAfterMilliseconds.map { .int($0) } ?? .null,
            "resultConsumedAfter": consumedAfterMilliseconds.map { .int($0) } ?? .null,
        ]
    }

    /// A value without the suite's wrapping.
    static func plain(_ value: BoltValue) -> JSON {
        switch value {
        case .boolean(let value): .bool(value)
        case .integer(let value): .int(value)
        case .float(let value): .double(value)
        case .string(let value): .string(value)
        case .list(let values): .array(values.map(plain))
        case .map(let values): .object(values.mapValues(plain))
        default: .null
        }
    }
}

extension BoltNotification {
    fileprivate var json: JSON {
        var fields: [String: JSON] = [
            "code": .string(code), "title": .string(title), "description": .string(description),
            "severity": .string(rawSeverity), "rawSeverityLevel": .string(rawSeverity),
            "severityLevel": .string(severity.rawValue), "rawCategory": .string(rawClassification),
            "category": .string(classification.rawValue),
        ]
        fields["position"] = position?.json
        return .object(fields)
    }
}

extension BoltStatus {
    fileprivate func json() throws -> JSON {
        [
            "gqlStatus": .string(gqlStatus), "statusDescription": .string(description),
            "isNotification": .bool(isNotification), "position": position?.json ?? .null,
            "severity": .string(severity.rawValue), "rawSeverity": rawSeverity.map { .string($0) } ?? .null,
            "classification": .string(classification.rawValue),
            "rawClassification": rawClassification.map { .string($0) } ?? .null,
            "diagnosticRecord": .object(try diagnosticRecord.mapValues { try CypherValues.json($0) }),
        ]
    }
}

extension BoltInputPosition {
    fileprivate var json: JSON { ["offset": .int(offset), "line": .int(line), "column": .int(column)] }
}

extension BoltServer {
    func json() -> JSON {
        ["address": .string(address), "agent": .string(agent), "protocolVersion": .string("\(version)")]
    }
}
