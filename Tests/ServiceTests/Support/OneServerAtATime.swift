import Testing

/// Holds the suites whose tests start servers: one test after the other, so that none takes another's time.
@Suite(.serialized) struct OneServerAtATime {}
