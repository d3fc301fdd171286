// Part of Lockstep. See LICENSE.

import Foundation

/// Where a measurement was made.
enum Machine {
    static var description: String {
        let info = ProcessInfo.processInfo
        let load = (try? String(contentsOfFile: "/proc/loadavg", encoding: .utf8))?.split(separator: " ").first
        return "\(processor), \(info.activeProcessorCount) cores, \(info.physicalMemory >> 30) GB, "
            + "\(info.operatingSystemVersionString), load \(load ?? "?"), \(build) build"
    }

    private static var processor: String {
        let text = (try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8)) ?? ""
        let line = text.split(separator: "\n").first { $0.hasPrefix("model name") }
        return line.map { $0.drop { $0 != ":" }.dropFirst().trimmingCharacters(in: .whitespaces) } ?? "?"
    }

    private static var build: String {
        #if DEBUG
        "debug"
        #else
        "release"
        #endif
    }
}
