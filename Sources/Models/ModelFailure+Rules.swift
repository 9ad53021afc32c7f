extension ModelFailure {
    /// What a provider's refusal means: one table for HTTP bodies, for errors inside a stream of 200 and for bodies of
    /// 200. The first row that fits counts. Codes are what `code`, `type`, `status` and `reason` say, phrases are looked
    /// for in the message; both in lower case.
    ///
    /// Sources: the providers' error pages and servers' sources, as of November 2026.
    private static let rules: [Rule] = [
        Rule(
            .contextTooLong, isFinal: true,
            codes: [
                "context_length_exceeded", "exceed_context_size_error", "context_window_exceeded",
                "contextwindowexceedederror", "model_context_window_exceeded", "request_too_large",
            ],
            phrases: [
                "maximum context length", "context length exceeded", "context window", "prompt is too long",
                // llama.cpp; LM Studio; xAI; Gemini; LiteLLM; Bedrock; OpenAI.
                "exceeds the available context size", "context size has been exceeded",
                "greater than the context length", "exceeds the context length",
                "maximum prompt length", "input token count", "contextwindowexceedederror", "input is too long",
                "reduce the length of the messages", "exceed context limit",
                // Cohere; LM Studio.
                "too many tokens", "tokens to keep from the initial prompt is greater",
                // vLLM; SGLang; TGI and Together.
                "longer than the maximum model length", "longer than the model's context length",
                "tokens + `max_new_tokens` must be",
            ],
            statuses: [nil, 400, 413, 422, 500]),
        // An image, or a file, that is refused once is refused with every later request that has it.
        Rule(
            .imagesRefused, isFinal: true,
            codes: [
                // OpenAI.
                "invalid_image", "invalid_image_format", "invalid_base64_image", "invalid_image_url",
                "invalid_image_mode", "image_too_large", "image_too_small", "image_file_too_large", "image_parse_error",
                "image_content_policy_violation", "unsupported_image_media_type", "empty_image_file",
            ],
            phrases: [
                // llama.cpp, at 500; servers of many makes; LM Studio.
                "image input is not supported", "does not support image", "do not support image",
                "images are not supported", "does not support vision",
                // OpenRouter, at 404; OpenAI; DeepSeek; Groq; Mistral.
                "support image input", "image_url is only supported by certain models", "unknown variant `image_url`",
                "content must be a string", "content' : value must be a string", "image_url is not supported",
                // vLLM.
                "not a multimodal model", "at most 0 image", "cannot identify image",
                // Anthropic; OpenAI; Gemini; Ollama.
                "could not process image", "image exceeds", "image dimensions exceed", "invalid image",
                "not represent a valid image", "unsupported image", "unable to process input image",
                "missing data required for image input", "failed to process image", "failed to load image",
                "failed to decode image",
                // Files: OpenAI; Gemini; Anthropic; vLLM; servers of many makes.
                "unsupported mime type", "invalid file data", "unsupported file", "does not support pdf",
                "pdf specified was not valid", "unknown part type", "does not support file",
                "does not support document", "file type is not supported",
            ],
            statuses: [nil, 400, 404, 413, 415, 422, 500]),
        Rule(
            .quota, isFinal: true,
            codes: [
                "insufficient_quota", "billing_error", "billing_hard_limit_reached", "billing_not_active",
                "exceeded_current_quota_error", "insufficient_balance", "insufficient_credits", "quota_exceeded",
                // LiteLLM; DashScope; Zhipu.
                "budget_exceeded", "arrearage", "1113",
            ],
            phrases: [
                "exceeded your current quota", "credit balance", "insufficient balance", "insufficient credits",
                "requires more credits", "monthly limit", "weekly limit", "spend limit", "spending limit",
                "monthly usage limit", "budget has been exceeded", "used all available credits",
            ],
            statuses: [nil, 400, 402, 403, 429]),
        Rule(.quota, isFinal: true, onStatus: [402]),
        Rule(
            .modelNotFound, isFinal: true,
            codes: [
                "model_not_available", "model_not_found", "model_not_supported", "deploymentnotfound", "invalid_model",
                "model_decommissioned",
            ],
            phrases: [
                "model not found", "no such model", "is not a valid model", "not found, try pulling it",
                "model does not exist", "unknown model", "is not found for api version",
                "has been decommissioned", "invalid model name", "model not exist",
                // xAI.
                "does not exist or your team",
            ],
            statuses: [nil, 400, 403, 404, 422]),
        // Anthropic names no more than the model, vLLM says `The model … does not exist.`; other things may be missing at
        // the same status.
        Rule(
            .modelNotFound, isFinal: true, codes: [], phrases: ["model:", "the model "],
            alsoCodes: ["not_found_error", "notfounderror"], statuses: [nil, 404]),
        Rule(
            .authentication, isFinal: true,
            codes: [
                "invalid_api_key", "authentication_error", "invalid_authentication_error", "unauthenticated",
                "api_key_invalid", "permission_denied", "permission_error",
            ],
            phrases: ["incorrect api key", "api key not valid", "invalid api key", "invalid x-api-key"],
            statuses: [nil, 400]),
        // OpenRouter's moderation, which is no matter of the key.
        Rule(
            .refused, isFinal: true, codes: [], phrases: ["requires moderation on", "input was flagged"],
            statuses: [nil, 403]),
        Rule(.authentication, isFinal: true, onStatus: [401, 403]),
        Rule(
            .refused, isFinal: true,
            codes: [
                "content_filter", "content_policy_violation", "responsibleaipolicyviolation", "data_inspection_failed",
                "misalignment_policy_violation", "bio_policy", "contentpolicyviolationerror", "invalid_prompt",
            ],
            phrases: ["content management policy", "content policy violation"], statuses: [nil, 400, 403, 422]),
        // Not what says that reasoning is missing: that without any would be refused as well.
        Rule(
            .reasoningRefused, isFinal: true,
            codes: ["invalid_encrypted_content", "thinking_binding_mismatch"],
            phrases: [
                // Anthropic; Bedrock and Vertex say the same.
                "bound to a different conversation", "blocks in the latest assistant message cannot be modified",
                "blocks cannot be modified", "invalid `signature` in `thinking` block",
                "invalid signature in thinking block",
                // OpenAI.
                "encrypted content could not be", "the encrypted content for item",
                "was provided without its required 'reasoning' item",
                "was provided without its required following item",
                // Gemini.
                "thought signature is not valid", "corrupted thought signature", "invalid thought_signature",
                "invalid thought signature",
            ],
            statuses: [nil, 400, 422]),
        Rule(
            .unsupportedParameter, isFinal: true,
            codes: [
                "unsupported_parameter", "unsupported_value", "unknown_parameter", "unsupportedparamserror",
                "extra_forbidden",
            ],
            phrases: [
                "unsupported parameter", "unrecognized request argument", "unknown parameter", "unsupported value",
                "extra inputs are not permitted", "does not support parameter", "does not support tools",
                "argument not supported",
            ],
            statuses: [nil, 400, 422, 500]),
        Rule(
            .rateLimited, isFinal: false,
            codes: [
                "rate_limit_exceeded", "rate_limit_error", "resource_exhausted", "too_many_requests", "ratelimiterror",
            ],
            phrases: ["rate limit"], statuses: [nil, 429]),
        Rule(.rateLimited, isFinal: false, onStatus: [429]),
    ]

    private struct Rule {
        let kind: Kind
        let isFinal: Bool
        /// These alone say it.
        var onStatus: Set<Int> = []
        var codes: Set<String> = []
        var phrases: [String] = []
        /// One of these has to be there beside a phrase.
        var alsoCodes: Set<String> = []
        /// Where codes and phrases count; nil: an error in a response of 200 that names no status.
        var statuses: [Int?] = []

        init(_ kind: Kind, isFinal: Bool, onStatus: Set<Int>) {
            self.kind = kind
            self.isFinal = isFinal
            self.onStatus = onStatus
        }

        init(
            _ kind: Kind, isFinal: Bool, codes: Set<String>, phrases: [String], alsoCodes: Set<String> = [],
            statuses: [Int?]
        ) {
            self.alsoCodes = alsoCodes
            self.kind = kind
            self.isFinal = isFinal
            self.codes = codes
            self.phrases = phrases
            self.statuses = statuses
        }

        func fits(_ status: Int?, _ error: ChatError?, _ text: String) -> Bool {
            if let status, onStatus.contains(status) { return true }
            guard statuses.contains(status) else { return false }
            if !alsoCodes.isEmpty, error?.codes.contains(where: alsoCodes.contains) != true { return false }
            return error?.codes.contains(where: codes.contains) == true || phrases.contains { text.contains($0) }
        }
    }

    /// What a response's status and its error mean.
    ///
    /// - Parameters:
    ///   - status: of the response; of one of 200, the status that its error names; nil: none.
    ///   - shouldRetry: what the provider's header `x-should-retry` says.
    static func judge(_ status: Int?, _ error: ChatError?, shouldRetry: Bool?) -> (kind: Kind, isRetryable: Bool) {
        let text = error?.message.lowercased() ?? ""
        if error?.isLongQuota == true { return (.quota, false) }
        if error?.isShortQuota == true { return (.rateLimited, shouldRetry ?? true) }
        if let rule = rules.first(where: { $0.fits(status, error, text) }) {
            return (rule.kind, rule.isFinal ? false : shouldRetry ?? true)
        }
        // Nothing is known of an error in a stream: the server may do better with the next one.
        guard let status else { return (.badResponse, shouldRetry ?? true) }
        return (.httpStatus, shouldRetry ?? ([408, 409, 425].contains(status) || status >= 500))
    }
}
