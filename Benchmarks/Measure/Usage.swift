// Part of Lockstep. See LICENSE.

import Foundation

/// What processes have used.
enum Usage {
    /// CPU seconds, user and system, of this process.
    static var ownCPU: Double { cpu(Int32(RUSAGE_SELF.rawValue)) }

    /// CPU seconds of the children that have ended and were waited for: read it before and after one.
    static var childrenCPU: Double { cpu(Int32(RUSAGE_CHILDREN.rawValue)) }

    private static func cpu(_ who: Int32) -> Double {
        var usage = rusage()
        unsafe getrusage(who, &usage)
        return seconds(usage)
    }

    private static func seconds(_ usage: rusage) -> Double {
        let parts = [usage.ru_utime, usage.ru_stime]
        return parts.reduce(0) { $0 + Double($1.tv_sec) + Double($1.tv_usec) / 1_000_000 }
    }

    /// Peak resident megabytes of a process, by default this one; nil where the system does not say.
    ///
    /// Not `ru_maxrss`: a child begins there with what its parent had.
    static func peakMegabytes(of process: String = "self") -> Double? { status("VmHWM", of: process) }

    /// Resident megabytes of a process now.
    static func residentMegabytes(of process: String = "self") -> Double? { status("VmRSS", of: process) }

    private static func status(_ field: String, of process: String) -> Double? {
        guard let text = try? String(contentsOfFile: "/proc/\(process)/status", encoding: .utf8),
            let line = text.split(separator: "\n").first(where: { $0.hasPrefix(field + ":") }),
            let kilobytes = line.split(whereSeparator: \.isWhitespace).dropFirst().first.flatMap({ Double($0) })
        else { return nil }
        return kilobytes / 1024
    }
}
