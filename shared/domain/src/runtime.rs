//! Runtime identifiers: which ones a function may ask for.

/// AWS's identifiers that are not retired (Lambda API, `Runtime`), and `provided`, which is retired there: here it means the
/// same as its successors. Whether an executor's host has the runtime shows when the function runs.
const KNOWN: [&str; 32] = [
    "nodejs16.x",
    "nodejs18.x",
    "nodejs20.x",
    "nodejs22.x",
    "nodejs24.x",
    "nodejs26.x",
    "python3.8",
    "python3.9",
    "python3.10",
    "python3.11",
    "python3.12",
    "python3.13",
    "python3.14",
    "python3.15",
    "java8.al2",
    "java8.al2023",
    "java11",
    "java11.al2023",
    "java17",
    "java17.al2023",
    "java21",
    "java25",
    "dotnet6",
    "dotnet8",
    "dotnet10",
    "ruby3.2",
    "ruby3.3",
    "ruby3.4",
    "ruby4.0",
    "provided",
    "provided.al2",
    "provided.al2023",
];

/// Identifiers that AWS no longer takes, and what it recommends instead.
const RETIRED: [(&str, &str); 19] = [
    ("dotnetcore1.0", "dotnet8"),
    ("dotnetcore2.0", "dotnet8"),
    ("dotnetcore2.1", "dotnet8"),
    ("dotnetcore3.1", "dotnet8"),
    ("go1.x", "provided.al2023"),
    ("java8", "java21"),
    ("nodejs", "nodejs22.x"),
    ("nodejs10.x", "nodejs22.x"),
    ("nodejs12.x", "nodejs22.x"),
    ("nodejs14.x", "nodejs22.x"),
    ("nodejs4.3", "nodejs22.x"),
    ("nodejs4.3-edge", "nodejs22.x"),
    ("nodejs6.10", "nodejs22.x"),
    ("nodejs8.10", "nodejs22.x"),
    ("python2.7", "python3.13"),
    ("python3.6", "python3.13"),
    ("python3.7", "python3.13"),
    ("ruby2.5", "ruby3.4"),
    ("ruby2.7", "ruby3.4"),
];

/// AWS's message for a function that asks for a retired or unknown runtime; `None` where it may have it.
pub fn refusal(identifier: &str) -> Option<String> {
    if KNOWN.contains(&identifier) {
        return None;
    }
    let retired = RETIRED.iter().find(|(retired, _)| *retired == identifier);
    Some(match retired {
        Some((_, successor)) => format!(
            "The runtime parameter of {identifier} is no longer supported for creating or updating AWS Lambda functions. \
             We recommend you use the new runtime ({successor}) while creating or updating functions."
        ),
        None => format!(
            "Value {identifier} at 'runtime' failed to satisfy constraint: Member must satisfy enum value set: [{}] or be \
             a valid ARN",
            KNOWN.join(", ")
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retired_and_unknown_runtimes_are_refused() {
        let check = |identifier: &str, ok: bool| {
            assert_eq!(refusal(identifier).is_none(), ok, "{identifier}");
        };
        check("python3.7", false);
        check("go1.x", false);
        check("cobol85", false);
        check("", false);
        check("python3.11", true);
        check("nodejs20.x", true);
        check("provided", true);
        check("provided.al2023", true);
        let retired = refusal("go1.x").unwrap();
        assert!(
            retired.contains("the new runtime (provided.al2023) while"),
            "{retired}"
        );
        let unknown = refusal("cobol85").unwrap();
        assert!(
            unknown.starts_with("Value cobol85 at 'runtime' failed"),
            "{unknown}"
        );
        assert!(
            unknown.ends_with("provided.al2023] or be a valid ARN"),
            "{unknown}"
        );
    }

    #[test]
    fn no_runtime_is_both() {
        for (retired, successor) in RETIRED {
            assert!(!KNOWN.contains(&retired), "{retired}");
            assert!(KNOWN.contains(&successor), "{successor}");
        }
    }
}
