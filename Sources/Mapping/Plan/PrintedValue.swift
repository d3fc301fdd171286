// Part of Lockstep. See LICENSE.

internal import PostgreSQL

extension PropertyMapping {
    /// SQL whose cast to `text` prints what goes over, where the column's own cast does not; nil where it does.
    ///
    /// - Parameter column: The name to read the value by, of the table `t`.
    func printedValue(of column: String) -> String? {
        let value = "t." + QualifiedName.quoted(column)
        switch (conversion.source, conversion.target, conversion.isArray) {
        case (.inet, _, _):
            // The cast adds /32 to a host's address, the output function does not.
            return "CASE WHEN \(value) IS NOT NULL THEN format('%s', \(value)) END"
        case (.numeric, .integer, false):
            // 10.00 is a whole number, but does not print as one.
            return "\(value)::bigint"
        case (.numeric, .integer, true):
            return "\(value)::bigint[]"
        case (_, .duration, true):
            // Each element as months|days|microseconds.
            let months = "extract(year FROM v) * 12 + extract(month FROM v)"
            let clock =
                "extract(hour FROM v) * 3600000000 + extract(minute FROM v) * 60000000 + extract(microseconds FROM v)"
            return "CASE WHEN \(value) IS NOT NULL THEN ARRAY(SELECT (\(months))::bigint || '|' || "
                + "extract(day FROM v)::bigint || '|' || (\(clock))::bigint "
                + "FROM unnest(\(value)) WITH ORDINALITY AS e(v, i) ORDER BY i) END"
        default:
            return nil
        }
    }
}
