// Part of Lockstep. See LICENSE.

internal import Mapping
internal import Pipeline

#if canImport(Glibc)
internal import Glibc
#else
internal import Darwin
#endif

/// One subcommand: what it takes and what it does.
protocol Command {
    static var name: String { get }
    static var summary: String { get }
    static var synopsis: String { get }
    static var details: String { get }
    /// Options that take a value, and flags that stand alone.
    static var options: Set<String> { get }
    static var flags: Set<String> { get }
    /// Whether words that are neither may come.
    static var takesOperands: Bool { get }

    static func run(_ arguments: Arguments) async throws -> ExitCode
}

extension Command {
    static var takesOperands: Bool { false }
}

/// A mapping file and the settings in it, as nearly every command starts.
struct Project {
    let file: MappingFile
    let settings: PipelineSettings

    init(_ arguments: Arguments) throws(PipelineError) {
        let (path, bytes) = try Self.read(arguments)
        do throws(MappingError) {
            file = try MappingFile.parse(bytes, file: path, environment: FileSystem.environment)
        } catch {
            throw PipelineError(error)
        }
        settings = try PipelineSettings(file)
    }

    /// The bytes of the mapping file that `-c` names.
    static func read(_ arguments: Arguments) throws(PipelineError) -> (path: String, bytes: [UInt8]) {
        let path = arguments["config"] ?? "lockstep.yaml"
        guard let bytes = FileSystem.read(path) else {
            throw PipelineError(
                "cannot read \(path)", unsafe String(cString: strerror(errno)),
                remedy: "`lockstep init --source URL --graph URL` writes one; -c names another.", isConfiguration: true)
        }
        return (path, bytes)
    }
}

enum FileSystem {
    static func read(_ path: String) -> [UInt8]? {
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = unsafe buffer.withUnsafeMutableBytes { unsafe readBytes(descriptor, $0.baseAddress, $0.count) }
            if count < 0 && errno == EINTR { continue }
            if count < 0 { return nil }
            if count == 0 { return bytes }
            bytes.append(contentsOf: buffer[..<count])
        }
    }

    /// Writes beside and renames, so that a file is never half there.
    static func write(_ text: String, to path: String) -> Bool {
        let temporary = path + ".new"
        let descriptor = unsafe open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { return false }
        var text = text
        let isWritten = text.withUTF8 { bytes in
            var done = 0
            while done < bytes.count {
                let count = unsafe writeBytes(descriptor, bytes.baseAddress! + done, bytes.count - done)
                if count < 0 && errno == EINTR { continue }
                guard count > 0 else { return false }
                done += count
            }
            return true
        }
        let isSynced = fsync(descriptor) == 0
        close(descriptor)
        return isWritten && isSynced && (unsafe rename(temporary, path)) == 0
    }

    static func environment(_ name: String) -> String? {
        guard let value = unsafe getenv(name) else { return nil }
        return unsafe String(cString: value)
    }

    private static func readBytes(_ descriptor: Int32, _ start: UnsafeMutableRawPointer?, _ count: Int) -> Int {
        #if canImport(Glibc)
        unsafe Glibc.read(descriptor, start, count)
        #else
        unsafe Darwin.read(descriptor, start, count)
        #endif
    }

    private static func writeBytes(_ descriptor: Int32, _ start: UnsafePointer<UInt8>, _ count: Int) -> Int {
        #if canImport(Glibc)
        unsafe Glibc.write(descriptor, start, count)
        #else
        unsafe Darwin.write(descriptor, start, count)
        #endif
    }
}
