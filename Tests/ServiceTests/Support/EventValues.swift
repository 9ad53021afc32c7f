import FermataProtocol

extension FermataEvent {
    /// What a cut model call has, if it is that.
    var modelCutValue: FermataModelCut? { if case .modelCut(let cut) = kind { cut } else { nil } }
    var modelCalledValue: FermataModelCalled? { if case .modelCalled(let call) = kind { call } else { nil } }
    var holdLiftedValue: FermataHoldLifted? { if case .holdLifted(let lifted) = kind { lifted } else { nil } }
    var callEndedValue: FermataCallEnded? { if case .callEnded(let ended) = kind { ended } else { nil } }
}

extension String {
    /// One line of text and nothing else.
    var isOneLine: Bool { hasSuffix("\n") && dropLast().count > 0 && !dropLast().contains("\n") }
}
