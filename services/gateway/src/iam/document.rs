//! Policy documents: checked for their form when they are stored, URL-encoded when they are returned.

use serde_json::{Map, Value};
use wire::Fault;

use super::faults;

/// A quota of IAM, in characters that are not white space.
const MANAGED_MAX: usize = 6_144;
const INLINE_MAX: usize = 10_240;
const TRUST_MAX: usize = 2_048;

/// Refuses what is not an identity policy: a managed one.
pub(super) fn check_managed(document: &str) -> Result<(), Fault> {
    if size(document) > MANAGED_MAX {
        return Err(faults::limit_exceeded(format!(
            "Cannot exceed quota for PolicySize: {MANAGED_MAX}"
        )));
    }
    check_identity(document)
}

/// Refuses what is not an identity policy: an inline one of a role.
pub(super) fn check_inline(role: &str, document: &str) -> Result<(), Fault> {
    if size(document) > INLINE_MAX {
        return Err(faults::limit_exceeded(format!(
            "Maximum policy size of {INLINE_MAX} bytes exceeded for role {role}"
        )));
    }
    check_identity(document)
}

/// Refuses what is not a trust policy.
pub(super) fn check_trust(document: &str) -> Result<(), Fault> {
    if size(document) > TRUST_MAX {
        return Err(faults::limit_exceeded(format!(
            "Cannot exceed quota for ACLSizePerRole: {TRUST_MAX}"
        )));
    }
    let policy = parse(document, "This policy contains invalid Json")?;
    for statement in statements(&policy)? {
        if has(statement, "Resource") {
            return Err(faults::malformed_document("Has prohibited field Resource"));
        }
        if !has(statement, "Principal") {
            return Err(faults::malformed_document(
                "Missing required field Principal",
            ));
        }
        if !has(statement, "Action") {
            return Err(faults::malformed_document("Missing required field Action"));
        }
    }
    Ok(())
}

fn check_identity(document: &str) -> Result<(), Fault> {
    let policy = parse(document, "The policy is not in the valid JSON format.")?;
    let statements = statements(&policy)?;
    if policy.get("Version").and_then(Value::as_str) != Some("2012-10-17") {
        return Err(faults::malformed_document(
            "Policy document must be version 2012-10-17 or greater.",
        ));
    }
    for statement in statements {
        if has(statement, "Principal") {
            return Err(faults::malformed_document(
                "Policy document should not specify a principal.",
            ));
        }
        if !has(statement, "Action") {
            return Err(faults::malformed_document(
                "Policy statement must contain actions.",
            ));
        }
        if !has(statement, "Resource") {
            return Err(faults::malformed_document(
                "Policy statement must contain resources.",
            ));
        }
    }
    Ok(())
}

fn size(document: &str) -> usize {
    document.chars().filter(|c| !c.is_whitespace()).count()
}

fn parse(document: &str, otherwise: &str) -> Result<Map<String, Value>, Fault> {
    let value =
        serde_json::from_str(document).map_err(|_| faults::malformed_document(otherwise))?;
    match value {
        Value::Object(policy) => Ok(policy),
        _ => Err(syntax()),
    }
}

/// The statements, of which there must be one at least, each with an effect.
fn statements(policy: &Map<String, Value>) -> Result<Vec<&Map<String, Value>>, Fault> {
    let version = policy
        .get("Version")
        .is_none_or(|version| version == "2012-10-17" || version == "2008-10-17");
    let list = match policy.get("Statement") {
        Some(Value::Array(list)) => list.as_slice(),
        Some(one @ Value::Object(_)) => std::slice::from_ref(one),
        _ => &[],
    };
    let effect = |statement: &&Map<String, Value>| {
        statement
            .get("Effect")
            .is_some_and(|effect| effect == "Allow" || effect == "Deny")
    };
    let statements: Option<Vec<_>> = list
        .iter()
        .map(|value| value.as_object().filter(effect))
        .collect();
    statements
        .filter(|list| version && !list.is_empty())
        .ok_or_else(syntax)
}

/// Whether a statement has the element or its negation.
fn has(statement: &Map<String, Value>, element: &str) -> bool {
    statement.contains_key(element) || statement.contains_key(&format!("Not{element}"))
}

fn syntax() -> Fault {
    faults::malformed_document("Syntax errors in policy.")
}

/// As IAM returns documents: every byte but RFC 3986's unreserved ones as `%XX`.
pub(super) fn encode(document: &str) -> String {
    let mut encoded = String::with_capacity(document.len() * 3 / 2);
    for byte in document.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push('%');
            encoded.extend(
                [byte >> 4, byte & 15]
                    .map(|digit| char::from(b"0123456789ABCDEF"[usize::from(digit)])),
            );
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(result: Result<(), Fault>, want: &str) {
        let got = result
            .err()
            .map(|fault| fault.message().to_owned())
            .unwrap_or_default();
        assert_eq!(got, want);
    }

    const POLICY: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"}]}"#;
    const TRUST: &str = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}}"#;

    #[test]
    fn identity_policies() {
        check(check_managed(POLICY), "");
        check(check_inline("r", POLICY), "");
        check(
            check_managed("{"),
            "The policy is not in the valid JSON format.",
        );
        check(check_managed("[]"), "Syntax errors in policy.");
        check(
            check_managed(r#"{"Version":"2012-10-17"}"#),
            "Syntax errors in policy.",
        );
        check(
            check_managed(r#"{"Version":"2012-10-17","Statement":[]}"#),
            "Syntax errors in policy.",
        );
        check(
            check_managed(&POLICY.replace("Allow", "allow")),
            "Syntax errors in policy.",
        );
        check(
            check_managed(&POLICY.replace("2012-10-17", "2020-01-01")),
            "Syntax errors in policy.",
        );
        check(
            check_managed(&POLICY.replace("2012-10-17", "2008-10-17")),
            "Policy document must be version 2012-10-17 or greater.",
        );
        check(
            check_managed(TRUST),
            "Policy document should not specify a principal.",
        );
        check(
            check_managed(&POLICY.replace("Action", "Act")),
            "Policy statement must contain actions.",
        );
        check(
            check_managed(&POLICY.replace("Resource", "Res")),
            "Policy statement must contain resources.",
        );
        check(
            check_managed(&POLICY.replace("Resource", "NotResource")),
            "",
        );
        let long = POLICY.replace("s3:*", &format!("s3:{}", "x".repeat(MANAGED_MAX)));
        check(
            check_managed(&long),
            "Cannot exceed quota for PolicySize: 6144",
        );
        check(check_inline("r", &long), "");
        check(
            check_managed(&format!("{POLICY}{}", " ".repeat(MANAGED_MAX))),
            "",
        );
    }

    #[test]
    fn trust_policies() {
        check(check_trust(TRUST), "");
        check(check_trust("no"), "This policy contains invalid Json");
        check(check_trust(POLICY), "Has prohibited field Resource");
        check(
            check_trust(&TRUST.replace("Principal", "Princip")),
            "Missing required field Principal",
        );
        check(
            check_trust(&TRUST.replace("Action", "Act")),
            "Missing required field Action",
        );
    }

    #[test]
    fn documents_travel_percent_encoded() {
        assert_eq!(
            encode("{\"a\": \"ü-._~\"}"),
            "%7B%22a%22%3A%20%22%C3%BC-._~%22%7D"
        );
    }
}
