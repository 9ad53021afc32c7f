/// Of what a message in the outbox tells. frozen: it is in stores.
///
/// Of one event the ask's message goes before the status's.
package enum OutboxKind: Int32, Sendable {
    case ask = 1
    case status = 2
}
