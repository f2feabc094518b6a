//! Environment variables that belong to the platform.

/// Keys that a function's configuration may not set, because the platform sets them: AWS's list.
pub const RESERVED: [&str; 18] = [
    "AWS_ACCESS_KEY",
    "AWS_ACCESS_KEY_ID",
    "AWS_DEFAULT_REGION",
    "AWS_EXECUTION_ENV",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
    "AWS_LAMBDA_FUNCTION_NAME",
    "AWS_LAMBDA_FUNCTION_VERSION",
    "AWS_LAMBDA_INITIALIZATION_TYPE",
    "AWS_LAMBDA_LOG_GROUP_NAME",
    "AWS_LAMBDA_LOG_STREAM_NAME",
    "AWS_LAMBDA_RUNTIME_API",
    "AWS_REGION",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "LAMBDA_RUNTIME_DIR",
    "LAMBDA_TASK_ROOT",
    "_HANDLER",
    "_X_AMZN_TRACE_ID",
];

/// Whether only the platform may set `key`.
pub fn is_reserved(key: &str) -> bool {
    RESERVED.binary_search(&key).is_ok()
}

/// AWS's message for a configuration that sets reserved keys; `None` if it sets none.
pub fn refusal<'a>(keys: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let used: Vec<&str> = keys.into_iter().filter(|key| is_reserved(key)).collect();
    if used.is_empty() {
        return None;
    }
    Some(format!(
        "Lambda was unable to configure your environment variables because the environment variables you have provided \
         contains reserved keys that are currently not supported for modification. Reserved keys used in this request: {}",
        used.join(", ")
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_sorted_for_the_search() {
        assert!(RESERVED.is_sorted());
    }

    #[test]
    fn refusals_name_the_keys() {
        assert_eq!(refusal(["PATH", "TZ", "TABLE"]), None);
        let text = refusal(["TABLE", "AWS_REGION", "_HANDLER"]).unwrap();
        assert!(text.ends_with("used in this request: AWS_REGION, _HANDLER"));
        assert!(text.contains("have provided contains reserved keys"));
    }
}
