//! What people read: errors of the command line, word by word.

use std::process::{Command, Output};

use crate::bed::TOLLGATE;

/// Runs a command in an empty environment and directory.
fn tollgate(words: &[&str], environment: &[(&str, &str)]) -> Output {
    let work = tempfile::tempdir().expect("a directory");
    let path = std::env::var_os("PATH").unwrap_or_default();
    Command::new(TOLLGATE)
        .args(words)
        .current_dir(work.path())
        .env_clear()
        .env("PATH", path)
        .envs(environment.iter().copied())
        .output()
        .expect("tollgate runs")
}

fn check(words: &[&str], environment: &[(&str, &str)], code: i32, expected: &str) {
    let output = tollgate(words, environment);
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(text.trim_end(), expected, "{words:?}");
    assert_eq!(output.status.code(), Some(code), "{words:?}");
    assert!(output.stdout.is_empty(), "{words:?}");
}

#[test]
fn what_fails_says_why_in_a_sentence() {
    let nothing = "tollgate: No Tollgate runs on .tollgate. Start one with `tollgate up`, or name its directory with --data-dir.";
    check(&["env"], &[], 1, nothing);
    check(&["functions"], &[], 1, nothing);
    check(&["invoke", "f"], &[], 1, nothing);
    check(&["logs", "f"], &[], 1, nothing);
    check(
        &["functions"],
        &[("AWS_ENDPOINT_URL", "http://127.0.0.1:1")],
        1,
        "tollgate: AWS_ENDPOINT_URL is set, but AWS_ACCESS_KEY_ID is not: run `eval \"$(tollgate env)\"`.",
    );
    let keys = [
        ("AWS_ENDPOINT_URL", "http://127.0.0.1:1"),
        ("AWS_ACCESS_KEY_ID", "AKIA"),
        ("AWS_SECRET_ACCESS_KEY", "s"),
    ];
    check(
        &["functions"],
        &keys,
        1,
        "tollgate: Nothing answers at http://127.0.0.1:1: Connection refused (os error 111).",
    );
    check(
        &["deploy", "."],
        &keys,
        1,
        "tollgate: ./tollgate.toml cannot be read. A directory to deploy has a tollgate.toml with at least name, runtime and \
         handler: No such file or directory (os error 2)",
    );
    check(
        &["up", "--listen", "0.0.0.0:0"],
        &[],
        1,
        "tollgate: gateway.listen (--listen) is 0.0.0.0:0, which other machines can reach: give a certificate (--tls-cert, \
         --tls-key), or accept plain HTTP with --insecure-listen.",
    );
    check(
        &["up"],
        &[("TOLLGATE_REGIO", "x")],
        1,
        "tollgate: the environment sets TOLLGATE_REGIO, which does not exist. Did you mean TOLLGATE_REGION?",
    );
    check(
        &["gateway"],
        &[],
        1,
        "tollgate: database.url is missing: give --database-url, TOLLGATE_DATABASE_URL or database.url_file.",
    );
    check(
        &["migrate", "--database-url", "postgres://u:hush@h/d"],
        &[],
        1,
        "tollgate: database.url (--database-url) holds a password, where others may see it: put it into \
         TOLLGATE_DATABASE_PASSWORD, or the whole URL into a file named by database.url_file.",
    );
}

#[test]
fn wrong_usage_has_its_own_exit_code() {
    for words in [
        &["fly"][..],
        &["up", "--port", "1"],
        &["invoke"],
        &["logs", "f", "--since", "soon"],
        &[],
    ] {
        let output = tollgate(words, &[]);
        assert_eq!(output.status.code(), Some(2), "{words:?}");
        assert!(!output.stderr.is_empty(), "{words:?}");
    }
}

#[test]
fn help_shows_every_command_with_examples() {
    let output = tollgate(&["--help"], &[]);
    let text = String::from_utf8_lossy(&output.stdout);
    for word in [
        "up",
        "gateway",
        "executor",
        "migrate",
        "doctor",
        "env",
        "deploy",
        "invoke",
        "logs",
        "functions",
        "schedules",
        "accounts",
        "billing",
        "ledger",
        "customers",
        "keys",
        "Examples:",
    ] {
        assert!(text.contains(word), "{word} is not in {text}");
    }
    assert!(
        !text.contains("sandbox-spawner") && !text.contains("private-services"),
        "{text}"
    );
    assert_eq!(output.status.code(), Some(0));
}
