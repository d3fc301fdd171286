// Part of Lockstep. See LICENSE.

internal import COpenSSL

/// SHA-256, by OpenSSL.
public enum SHA256 {
    /// The digest of `bytes` in lower-case hexadecimal digits, as `encode(sha256(…), 'hex')` gives it in SQL.
    public static func hex(of bytes: RawSpan) -> InlineArray<64, UInt8> {
        // The one-shot function cannot fail, and writes these 32 bytes.
        var digest = InlineArray<32, UInt8>(repeating: 0)
        var output = digest.mutableSpan
        unsafe bytes.withUnsafeBytes { input in
            unsafe output.withUnsafeMutableBufferPointer { output in
                unsafe _ = COpenSSL.SHA256(
                    input.baseAddress?.assumingMemoryBound(to: UInt8.self), input.count, output.baseAddress)
            }
        }
        return InlineArray { index in digit(digest[index / 2] >> (index.isMultiple(of: 2) ? 4 : 0) & 15) }
    }

    private static func digit(_ value: UInt8) -> UInt8 {
        value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "a") + value - 10
    }
}
