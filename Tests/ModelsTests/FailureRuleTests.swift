import Models
import RawServer
import Testing

/// Errors in the words of many providers: one kind each, wherever they come.
@Suite(.timeLimit(.minutes(2)))
struct FailureRuleTests {
    struct Words: Sendable, CustomTestStringConvertible {
        let who: String
        let status: String
        /// The value of `error`.
        let error: String
        let kind: ModelFailure.Kind
        let retryable: Bool
        var testDescription: String { "\(who): \(error)" }
    }

    static let words = [
        Words(
            who: "Anthropic, a model", status: "404 Not Found",
            error: #"{"type":"not_found_error","message":"model: claude-9"}"#, kind: .modelNotFound, retryable: false),
        Words(
            who: "vLLM", status: "404 Not Found",
            error: #"{"message":"The model `x` does not exist.","type":"NotFoundError","param":"model","code":404}"#,
            kind: .modelNotFound, retryable: false),
        Words(
            who: "Groq", status: "400 Bad",
            error: #"{"message":"The model `x` has been decommissioned","code":"model_decommissioned"}"#,
            kind: .modelNotFound, retryable: false),
        Words(
            who: "xAI, a parameter", status: "400 Bad",
            error: #""Model grok-4 does not support parameter stop.""#, kind: .unsupportedParameter, retryable: false),
        Words(
            who: "llama.cpp, an image", status: "500 Internal Server Error",
            error: #"{"code":500,"message":"image input is not supported - hint: no mmproj","type":"server_error"}"#,
            kind: .imagesRefused, retryable: false),
        Words(
            who: "OpenAI, an image", status: "400 Bad",
            error:
                #"{"message":"Invalid content type. image_url is only supported by certain models.","type":"invalid_request_error"}"#,
            kind: .imagesRefused, retryable: false),
        Words(
            who: "OpenAI, half an image", status: "400 Bad", error: #"{"message":"x","code":"image_parse_error"}"#,
            kind: .imagesRefused, retryable: false),
        Words(
            who: "Anthropic, an image", status: "400 Bad",
            error: #"{"type":"invalid_request_error","message":"messages.0.content.1: Could not process image"}"#,
            kind: .imagesRefused, retryable: false),
        Words(
            who: "Anthropic, a large image", status: "400 Bad",
            error:
                #"{"type":"invalid_request_error","message":"messages.0.content.1.image.source.base64: image exceeds 5 MB maximum: 6 > 5"}"#,
            kind: .imagesRefused, retryable: false),
        Words(
            who: "OpenRouter, an image", status: "404 Not Found",
            error: #"{"message":"No endpoints found that support image input","code":404}"#,
            kind: .imagesRefused, retryable: false),
        Words(
            who: "DeepSeek, an image", status: "422 Unprocessable",
            error:
                #"{"message":"Failed to deserialize the JSON body: messages[0]: unknown variant `image_url`, expected `text`"}"#,
            kind: .imagesRefused, retryable: false),
        Words(
            who: "vLLM, an image", status: "400 Bad",
            error: #"{"message":"m is not a multimodal model","type":"BadRequestError","code":400}"#,
            kind: .imagesRefused, retryable: false),
        Words(
            who: "Anthropic, bound reasoning", status: "400 Bad",
            error:
                #"{"type":"invalid_request_error","message":"messages.1.content.0: thinking block is bound to a different conversation"}"#,
            kind: .reasoningRefused, retryable: false),
        Words(
            who: "Anthropic, changed reasoning", status: "400 Bad",
            error:
                #"{"type":"invalid_request_error","message":"messages.5.content.1: `thinking` or `redacted_thinking` blocks in the latest assistant message cannot be modified."}"#,
            kind: .reasoningRefused, retryable: false),
        Words(
            who: "OpenAI, another's reasoning", status: "400 Bad",
            error:
                #"{"message":"The encrypted content for item rs_1 could not be verified.","type":"invalid_request_error","code":"invalid_encrypted_content"}"#,
            kind: .reasoningRefused, retryable: false),
        Words(
            who: "Gemini, a signature", status: "400 Bad",
            error: #"{"code":400,"message":"Thought signature is not valid.","status":"INVALID_ARGUMENT"}"#,
            kind: .reasoningRefused, retryable: false),
        Words(
            who: "Ollama, tools", status: "400 Bad",
            error: #"{"message":"registry.ollama.ai/library/x does not support tools","type":"api_error"}"#,
            kind: .unsupportedParameter, retryable: false),
        Words(
            who: "Anthropic, a body", status: "413 Too Large",
            error: #"{"type":"request_too_large","message":"Request exceeds the maximum size"}"#,
            kind: .contextTooLong, retryable: false),
        Words(
            who: "LM Studio", status: "400 Bad",
            error:
                #""The number of tokens to keep from the initial prompt is greater than the context length""#,
            kind: .contextTooLong, retryable: false),
        Words(
            who: "Cohere", status: "400 Bad",
            error: #"{"message":"too many tokens: total number of tokens in the prompt cannot exceed 4081"}"#,
            kind: .contextTooLong, retryable: false),
        Words(
            who: "llama.cpp", status: "400 Bad",
            error:
                #"{"code":400,"message":"the request exceeds the available context size","type":"exceed_context_size_error"}"#,
            kind: .contextTooLong, retryable: false),
        Words(
            who: "xAI", status: "400 Bad",
            error: #""This model's maximum prompt length is 131072 but the request contains 200000 tokens.""#,
            kind: .contextTooLong, retryable: false),
        Words(
            who: "Gemini", status: "400 Bad",
            error:
                #"{"code":400,"message":"The input token count (9) exceeds the maximum number of tokens allowed (8).","status":"INVALID_ARGUMENT"}"#,
            kind: .contextTooLong, retryable: false),
        Words(
            who: "LiteLLM", status: "400 Bad",
            error: #"{"message":"litellm.ContextWindowExceededError: too much","type":null,"code":"400"}"#,
            kind: .contextTooLong, retryable: false),
        // What its exception says, whatever status stands beside it.
        Words(
            who: "LiteLLM, a limit", status: "500 Oops",
            error: #"{"message":"litellm.MidStreamFallbackError: litellm.RateLimitError: x","code":"500"}"#,
            kind: .rateLimited, retryable: true),
        Words(
            who: "LiteLLM, a key", status: "500 Oops",
            error: #"{"message":"litellm.AuthenticationError: AnthropicException - x","code":"500"}"#,
            kind: .authentication, retryable: false),
        Words(
            who: "LiteLLM, a server", status: "500 Oops",
            error: #"{"message":"litellm.InternalServerError: Overloaded","code":"500"}"#,
            kind: .httpStatus, retryable: true),
        Words(
            who: "OpenAI", status: "429 Too Many",
            error: #"{"message":"x","type":"insufficient_quota","code":"insufficient_quota"}"#,
            kind: .quota, retryable: false),
        Words(
            who: "Anthropic", status: "400 Bad",
            error: #"{"type":"invalid_request_error","message":"Your credit balance is too low"}"#,
            kind: .quota, retryable: false),
        Words(
            who: "DeepSeek", status: "402 Payment Required", error: #"{"message":"x"}"#, kind: .quota, retryable: false),
        Words(
            who: "Gemini, a limit of a minute", status: "429 Too Many",
            error:
                #"{"code":429,"message":"You exceeded your current quota","details":[{"violations":[{"quotaId":"GenerateRequestsPerMinutePerProjectPerModel"}]}]}"#,
            kind: .rateLimited, retryable: true),
        Words(
            who: "Ollama", status: "400 Bad", error: #""the input length exceeds the context length""#,
            kind: .contextTooLong, retryable: false),
        Words(
            who: "Gemini, a limit of a day", status: "429 Too Many",
            error:
                #"{"code":429,"status":"RESOURCE_EXHAUSTED","details":[{"violations":[{"quotaId":"GenerateRequestsPerDayPerProjectPerModel"}]}]}"#,
            kind: .quota, retryable: false),
        Words(
            who: "OpenAI", status: "404 Not Found",
            error: #"{"message":"The model `x` does not exist","code":"model_not_found"}"#,
            kind: .modelNotFound, retryable: false),
        Words(
            who: "Ollama", status: "404 Not Found",
            error: #"{"message":"model \"x\" not found, try pulling it first","type":"not_found_error"}"#,
            kind: .modelNotFound, retryable: false),
        Words(
            who: "xAI", status: "400 Bad", error: #""Incorrect API key provided: x""#, kind: .authentication,
            retryable: false),
        Words(
            who: "Gemini", status: "400 Bad",
            error:
                #"{"code":400,"message":"API key not valid.","status":"INVALID_ARGUMENT","details":[{"reason":"API_KEY_INVALID"}]}"#,
            kind: .authentication, retryable: false),
        Words(
            who: "OpenAI", status: "400 Bad",
            error:
                #"{"message":"Unsupported parameter: 'max_tokens'","param":"max_tokens","code":"unsupported_parameter"}"#,
            kind: .unsupportedParameter, retryable: false),
        Words(
            who: "Azure", status: "400 Bad",
            error: #"{"message":"x","code":"content_filter","innererror":{"code":"ResponsibleAIPolicyViolation"}}"#,
            kind: .refused, retryable: false),
        Words(
            who: "Groq", status: "429 Too Many", error: #"{"message":"x","code":"rate_limit_exceeded"}"#,
            kind: .rateLimited, retryable: true),
        Words(who: "anybody", status: "425 Too Early", error: "{}", kind: .httpStatus, retryable: true),
        Words(
            who: "Anthropic", status: "529 Overloaded", error: #"{"type":"overloaded_error"}"#, kind: .httpStatus,
            retryable: true),
        // A wait that is billed for is no empty account.
        Words(
            who: "OpenAI", status: "429 Too Many",
            error:
                #"{"message":"Rate limit reached. Add a payment method at platform/account/billing","code":"rate_limit_exceeded"}"#,
            kind: .rateLimited, retryable: true),
    ]

    /// How long to wait, in words.
    @Test(arguments: [
        ("Rate limit reached. Please try again in 16.2s. Visit x", 16200), ("Please try again in 1.8s", 1800),
        ("try again in 900ms.", 900), ("Please try again in 1m2.5s.", 62500), ("Please retry after 26 seconds.", 26000),
        ("Try again in 1 minute.", 60000), ("try again in 2h", 7_200_000),
    ]) func aDelayInWordsIsHeeded(_ text: String, milliseconds: UInt64) async throws {
        let body = #"{"error":{"message":"\#(text)","code":"rate_limit_exceeded"}}"#
        let failure = try #require(await call(answeredBy: response("429 Too Many", body)).failure)
        #expect(failure.kind == .rateLimited && failure.retryAfterMilliseconds == milliseconds, "\(failure)")
    }

    @Test(arguments: ["try again in a while", "retry after the storm", "try again in 5 apples", "try again in .s"])
    func wordsThatAreNoDelayAreNone(_ text: String) async throws {
        let body = #"{"error":{"message":"\#(text)","code":"rate_limit_exceeded"}}"#
        let failure = try #require(await call(answeredBy: response("429 Too Many", body)).failure)
        #expect(failure.retryAfterMilliseconds == nil, "\(failure)")
    }

    @Test(arguments: words) func inABodyThatRefuses(_ words: Words) async throws {
        for body in [#"{"error":\#(words.error)}"#, #"[{"error":\#(words.error)}]"#] {
            let failure = try #require(await call(answeredBy: response(words.status, body)).failure)
            #expect(failure.kind == words.kind && failure.retryable == words.retryable)
        }
    }

    /// The same in a stream that has begun, and in a body of 200. There a status is told by the error itself, or not.
    @Test(arguments: words) func inAnAnswerOf200(_ words: Words) async throws {
        let isToldByStatus = ["402", "425", "529"].contains { words.status.hasPrefix($0) }
        if isToldByStatus { return }
        let json = #"{"error":\#(words.error)}"#
        let stream = streamHead + chunk(textDelta("a") + event(json)) + lastChunk
        let body = response("200 OK", json, headers: "Content-Type: application/json\r\n")
        for answer in [stream, body] {
            let failure = try #require(await call(answeredBy: answer).failure)
            #expect(failure.kind == words.kind && failure.retryable == words.retryable)
            #expect(failure.httpStatus == nil)
        }
    }

    /// An older llama.cpp reports errors in a field of that name, not as data.
    @Test func aFieldOfTheNameError() async throws {
        let stream =
            streamHead + chunk(textDelta("a") + "error: {\"code\":500,\"message\":\"out of memory\"}\n\n") + lastChunk
        let failure = try #require(await call(answeredBy: stream).failure)
        #expect(failure.message.contains("out of memory") && failure.retryable)
    }

    @Test func whatTheProviderSaysOfAnotherTry() async throws {
        func failure(_ status: String, _ body: String, _ headers: String) async throws -> ModelFailure {
            try #require(await call(answeredBy: response(status, body, headers: headers)).failure)
        }
        #expect(try await failure("500 Oops", "{}", "x-should-retry: false\r\n").retryable == false)
        #expect(try await failure("404 Not Found", "{}", "x-should-retry: true\r\n").retryable)
        // What can only fail again stays so.
        #expect(try await failure("401 No", "{}", "x-should-retry: true\r\n").retryable == false)
        let exact = try await failure("429 Too Many", "{}", "Retry-After: 9\r\nretry-after-ms: 1234\r\n")
        #expect(exact.retryAfterMilliseconds == 1234)
        // LiteLLM, of what the provider behind it said; what it says itself goes before.
        let passedOn = "llm_provider-retry-after: 7\r\n"
        #expect(try await failure("429 Too Many", "{}", passedOn).retryAfterMilliseconds == 7000)
        #expect(try await failure("429 Too Many", "{}", passedOn + "Retry-After: 2\r\n").retryAfterMilliseconds == 2000)
        let google = #"{"error":{"code":429,"details":[{"@type":"RetryInfo","retryDelay":"45.837906927s"}]}}"#
        #expect(try await failure("429 Too Many", google, "").retryAfterMilliseconds == 45837)
        #expect(try await failure("429 Too Many", google, "Retry-After: 2\r\n").retryAfterMilliseconds == 2000)
        for nonsense in [#""-1s""#, #""nans""#, #""soon""#, "7", #""99999999999s""#] {
            let body = #"{"error":{"code":429,"details":[{"retryDelay":\#(nonsense)}]}}"#
            #expect(try await failure("429 Too Many", body, "").retryAfterMilliseconds == nil)
        }
    }

    @Test func theParameterIsNamed() async throws {
        let body = #"{"error":{"message":"no","param":"reasoning_effort","code":"unsupported_value"}}"#
        let failure = try #require(await call(answeredBy: response("400 Bad", body)).failure)
        #expect(failure.message == "HTTP 400: no (parameter reasoning_effort)")
    }
}
