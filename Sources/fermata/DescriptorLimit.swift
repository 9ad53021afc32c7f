internal import Foundation

/// As many descriptors as the kernel lets the process have: each client, model call and tool takes some.
///
/// - Returns: how many that are.
func raiseDescriptorLimit() -> UInt64 {
    var limit = rlimit()
    guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return 0 }
    limit.rlim_cur = limit.rlim_max
    setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    return UInt64(min(limit.rlim_max, 1 << 30))
}
