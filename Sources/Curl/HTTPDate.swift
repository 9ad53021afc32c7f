internal import CCurl

/// Dates in HTTP headers.
public enum HTTPDate {
    /// Seconds since 1970 of a date in any of HTTP's formats; nil if it is none
    /// ([curl_getdate](https://curl.se/libcurl/c/curl_getdate.html)). Any thread.
    public static func seconds(_ text: String) -> Int64? {
        let seconds = curl_getdate(text, nil)
        return seconds == -1 ? nil : Int64(seconds)
    }
}
