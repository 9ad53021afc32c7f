/// When a commit returns.
public enum JournalDurability: Sendable, Hashable {
    /// After the disk has it: it survives a loss of power.
    case full
    /// After the operating system has it: it survives the end of the process; a loss of power can take the last
    /// commits with it, in their order and whole.
    case normal
}

/// How a store is opened.
public struct JournalOptions: Sendable, Hashable {
    public var durability = JournalDurability.full
    /// Accepted requests that are remembered at most; the oldest are forgotten in the commit that would pass it.
    public var requestLimit: Int64 = 100_000
    /// The largest size of the store's file in pages of 4,096 bytes; a commit that would pass it is `storeFull`. nil:
    /// as large as the file system allows.
    public var pageLimit: Int64?

    public init() {}
}
