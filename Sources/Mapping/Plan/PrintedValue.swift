// Part of Lockstep. See LICENSE.

internal import PostgreSQL

/// What a property holds, in SQL: one of the entries of the contract.
struct PrintedValue {
    /// The graph's type.
    var type: String
    /// SQL whose cast to `text` prints what goes over; nil where the column's own cast does.
    var expression: String?
}

extension PropertyMapping {
    /// The values that fill the property. Of two the one that is not NULL does: text stands in for values that do not
    /// fit.
    ///
    /// - Parameters:
    ///   - column: The name to read the value by.
    ///   - table: What its table is called.
    func printedValues(of column: String, in table: String = "t") -> [PrintedValue] {
        let whole = "\(table)." + QualifiedName.quoted(column)
        let value = conversion.part.map { conversion.sql(of: $0, in: whole) } ?? whole
        let printed = conversion.printed(value)
        guard conversion.policy.otherwise == .null || conversion.policy.otherwise == .string,
            let fits = conversion.fits(value)
        else { return [PrintedValue(type: conversion.name, expression: printed ?? (value == whole ? nil : value))] }
        let fitting = PrintedValue(
            type: conversion.name, expression: "CASE WHEN \(fits) THEN \(printed ?? value) END")
        guard conversion.policy.otherwise == .string else { return [fitting] }
        // Both sides of the CASE have to be sure of NULL: what neither fits nor not is none.
        let text = conversion.isJSONPart ? conversion.jsonText(whole) : "(\(value))::text"
        return [fitting, PrintedValue(type: "string", expression: "CASE WHEN NOT (\(fits)) THEN \(text) END")]
    }
}

extension ValueConversion {
    fileprivate func sql(of part: ValuePart, in value: String) -> String {
        switch part {
        case .lower: "lower(\(value))"
        case .upper: "upper(\(value))"
        case .key(let key): "\(value) -> \(QualifiedName.literal(key))"
        case .field(let fields): fields.reduce(value) { "(\($0)).\(QualifiedName.quoted($1.name))" }
        case .path: isList ? "(\(value) #> \(path))" : jsonText(value)
        }
    }

    private var path: String {
        guard case .path(let steps) = part else { return "" }
        return "ARRAY[\(steps.map(QualifiedName.literal).joined(separator: ", "))]"
    }

    fileprivate func jsonText(_ value: String) -> String { "(\(value) #>> \(path))" }

    /// SQL for what goes over of a value that fits; nil where its own cast to `text` prints that.
    fileprivate func printed(_ value: String) -> String? {
        if isJSONPart { return isList ? printedJSONList(value) : printedScalar(value) }
        if source == .tsvector { return "tsvector_to_array(\(value))" }
        if source == .multirange {
            return "CASE WHEN \(value) IS NOT NULL THEN ARRAY(SELECT r::text FROM unnest(\(value)) "
                + "WITH ORDINALITY AS e(r, i) ORDER BY i) END"
        }
        guard isArray else { return printedScalar(value) }
        let element = printedScalar("v")
        guard element != nil || policy.nulls == .drop || policy.dimensions == .flatten else { return nil }
        let filter = policy.nulls == .drop ? " WHERE v IS NOT NULL" : ""
        return "CASE WHEN \(value) IS NOT NULL THEN ARRAY(SELECT \(element ?? "v") "
            + "FROM unnest(\(value)) WITH ORDINALITY AS e(v, i)\(filter) ORDER BY i) END"
    }

    private func printedJSONList(_ value: String) -> String {
        let function = source == .jsonb ? "jsonb" : "json"
        let filter = policy.nulls == .drop ? " WHERE v IS NOT NULL" : ""
        return "CASE WHEN \(function)_typeof(\(value)) = 'array' THEN ARRAY(SELECT \(printedScalar("v") ?? "v") "
            + "FROM \(function)_array_elements_text(\(value)) WITH ORDINALITY AS e(v, i)\(filter) ORDER BY i) END"
    }

    private func printedScalar(_ value: String) -> String? {
        switch (source, target) {
        case (.inet, _):
            // The cast adds /32 to a host's address, the output function does not.
            return "CASE WHEN \(value) IS NOT NULL THEN format('%s', \(value)) END"
        case (_, .integer) where isJSONPart:
            return "(\(value))::numeric::bigint"
        case (.numeric, .integer):
            // 10.00 is a whole number, but does not print as one.
            let scaled = policy.scale == 0 ? value : "\(value) * 1\(String(repeating: "0", count: policy.scale))"
            guard policy.otherwise == .nearest else {
                return policy.scale == 0 ? "\(value)::bigint" : "(\(scaled))::bigint"
            }
            return clamped(scaled, "\(Int64.min)", "\(Int64.max)") + "::bigint"
        case (.numeric, .float) where policy.otherwise == .nearest:
            let limit = "(2::numeric ^ 1024 - 2::numeric ^ 971)"
            return "CASE WHEN abs(\(value)) IN ('Infinity', 'NaN') THEN \(value) "
                + "ELSE \(clamped(value, "-\(limit)", limit)) END"
        case (.money, .integer):
            // The digits are those of the smallest unit, wherever the locale puts its signs.
            return "(CASE WHEN \(value) < 0::money THEN '-' ELSE '' END"
                + " || regexp_replace((\(value))::text, '[^0-9]', '', 'g'))::bigint"
        case (.geometry, .point):
            let point = "(\(value))::geometry"
            return "CASE WHEN \(value) IS NOT NULL THEN "
                + "concat_ws(' ', ST_X(\(point)), ST_Y(\(point)), ST_Z(\(point))) END"
        case (.vector, .float), (.halfvec, .float):
            return "(\(value))::real[]"
        case (_, .duration) where isList:
            // Each element as months|days|microseconds.
            let months = "extract(year FROM v) * 12 + extract(month FROM v)"
            let clock =
                "extract(hour FROM v) * 3600000000 + extract(minute FROM v) * 60000000 + extract(microseconds FROM v)"
            return "(\(months))::bigint || '|' || extract(day FROM v)::bigint || '|' || (\(clock))::bigint"
        default:
            return policy.otherwise == .nearest ? nearest(value) : nil
        }
    }

    private func nearest(_ value: String) -> String? {
        switch source {
        case .time: return clamped(value, "'00:00'", "'23:59:59.999999'")
        case .timetz:
            return "CASE WHEN (\(value))::time = '24:00' THEN ((\(value)) - interval '1 microsecond') ELSE \(value) END"
        case .date, .timestamp, .timestamptz:
            guard let (first, last) = limits else { return nil }
            return clamped(value, first, last)
        default: return nil
        }
    }

    /// `least` and `greatest` leave NULLs out, which are to stay.
    private func clamped(_ value: String, _ first: String, _ last: String) -> String {
        "(CASE WHEN \(value) IS NOT NULL THEN least(greatest(\(value), \(first)), \(last)) END)"
    }

    /// The first and the last moment of the years that fit.
    private var limits: (first: String, last: String)? {
        guard let years = policy.limitingYears else { return nil }
        let zone = source == .timestamptz ? "+00" : ""
        func moment(_ year: Int, _ rest: String, _ clock: String) -> String {
            let number = String(year > 0 ? year : 1 - year)
            let text = String(repeating: "0", count: max(0, 4 - number.count)) + number + rest
            return "'\(text)\(source == .date ? "" : clock + zone)\(year > 0 ? "" : " BC")'"
        }
        return (moment(years.lowerBound, "-01-01", " 00:00"), moment(years.upperBound, "-12-31", " 23:59:59.999999"))
    }

    /// The SQL condition that a value has a place in the graph; nil where every value has.
    fileprivate func fits(_ value: String) -> String? {
        if isJSONPart { return jsonFits(value) }
        guard isArray else { return scalarFits(value) }
        var conditions: [String] = []
        if policy.dimensions == .error { conditions.append("coalesce(array_ndims(\(value)), 1) = 1") }
        var misfits: [String] = []
        if policy.nulls == .error { misfits.append("v IS NULL") }
        if let element = scalarFits("v") { misfits.append("NOT (\(element))") }
        if !misfits.isEmpty {
            conditions.append(
                "NOT EXISTS (SELECT FROM unnest(\(value)) AS e(v) WHERE \(misfits.joined(separator: " OR ")))")
        }
        // A NULL has no misfits, but it does not fit either.
        return conditions.isEmpty ? nil : (["\(value) IS NOT NULL"] + conditions).joined(separator: " AND ")
    }

    private func scalarFits(_ value: String) -> String? {
        switch (source, target) {
        case (.date, .date), (.timestamp, .localDateTime), (.timestamptz, .dateTime):
            guard let (first, last) = limits else { return "isfinite(\(value))" }
            return "\(value) BETWEEN \(first) AND \(last)"
        case (.time, .localTime): return "\(value) < '24:00'"
        case (.timetz, .time): return "(\(value))::time < '24:00'"
        case (.interval, .duration): return "isfinite(\(value))"
        case (.numeric, .integer):
            let scaled = "\(value) * 1\(String(repeating: "0", count: policy.scale))"
            return "\(scaled) = trunc(\(scaled)) AND \(scaled) BETWEEN \(Int64.min) AND \(Int64.max)"
        case (.numeric, .float):
            // From here on the nearest double is infinite.
            return "(\(value) IN ('NaN', 'Infinity', '-Infinity') "
                + "OR abs(\(value)) < 2::numeric ^ 1024 - 2::numeric ^ 970)"
        case (.geometry, .point):
            let point = "(\(value))::geometry"
            let finite = "BETWEEN -1.7976931348623157e308 AND 1.7976931348623157e308"
            let inside =
                "CASE WHEN ST_SRID(\(point)) = 4326 THEN ST_X(\(point)) BETWEEN -180 AND 180 AND ST_Y(\(point)) "
                + "BETWEEN -90 AND 90 ELSE ST_X(\(point)) \(finite) AND ST_Y(\(point)) \(finite) END"
            return "CASE WHEN \(value) IS NOT NULL THEN CASE WHEN GeometryType(\(point)) <> 'POINT' "
                + "OR ST_IsEmpty(\(point)) OR ST_Zmflag(\(point)) IN (1, 3) OR ST_SRID(\(point)) NOT IN (0, 4326) "
                + "THEN false ELSE \(inside) AND coalesce(ST_Z(\(point)), 0) \(finite) END END"
        case (.point, .point):
            let finite = "BETWEEN -1.7976931348623157e308 AND 1.7976931348623157e308"
            return "(\(value))[0] \(finite) AND (\(value))[1] \(finite)"
        default: return nil
        }
    }

    private func jsonFits(_ value: String) -> String? {
        let function = source == .jsonb ? "jsonb" : "json"
        if !isList {
            guard target != .string else { return nil }
            guard case .path? = part else { return nil }
            switch target {
            case .boolean: return "\(value) IN ('true', 'false')"
            default:
                let number = "\(value) ~ '^-?[0-9]+([.][0-9]+)?([eE][-+]?[0-9]+)?$'"
                let whole =
                    "CASE WHEN \(number) THEN (\(value))::numeric = trunc((\(value))::numeric) "
                    + "AND (\(value))::numeric BETWEEN \(Int64.min) AND \(Int64.max) ELSE false END"
                return "CASE WHEN \(value) IS NOT NULL THEN \(target == .integer ? whole : number) END"
            }
        }
        let nulls = policy.nulls == .error ? "v IS NULL" : "false"
        let kind: String? =
            switch target {
            case .boolean: "v NOT IN ('true', 'false')"
            case .string: nil
            default: "v !~ '^-?[0-9]+([.][0-9]+)?([eE][-+]?[0-9]+)?$'"
            }
        let misfits = [nulls, kind].compactMap(\.self).joined(separator: " OR ")
        return "CASE WHEN \(function)_typeof(\(value)) = 'array' THEN NOT EXISTS (SELECT FROM "
            + "\(function)_array_elements_text(\(value)) AS e(v) WHERE \(misfits)) "
            + "WHEN \(function)_typeof(\(value)) <> 'null' THEN false END"
    }
}
