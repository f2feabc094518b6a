//! Runtime identifiers that Lambda retired.

/// Identifiers that AWS no longer takes, and what it recommends instead. `provided` is retired there too, but Tollgate
/// runs it: it means the same as its successors.
const RETIRED: [(&str, &str); 21] = [
    ("dotnet6", "dotnet8"),
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
    ("nodejs16.x", "nodejs22.x"),
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

/// AWS's message for a function that asks for a retired runtime; `None` for any other.
pub fn refusal(identifier: &str) -> Option<String> {
    let (_, successor) = RETIRED.iter().find(|(retired, _)| *retired == identifier)?;
    Some(format!(
        "The runtime parameter of {identifier} is no longer supported for creating or updating AWS Lambda functions. We \
         recommend you use the new runtime ({successor}) while creating or updating functions."
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_retired_runtimes_are_refused() {
        let check = |identifier: &str, retired: bool| {
            assert_eq!(refusal(identifier).is_some(), retired, "{identifier}");
        };
        check("python3.7", true);
        check("go1.x", true);
        check("python3.11", false);
        check("nodejs20.x", false);
        check("provided", false);
        check("provided.al2023", false);
        assert!(
            refusal("go1.x")
                .unwrap()
                .contains("new runtime (provided.al2023) while")
        );
    }
}
