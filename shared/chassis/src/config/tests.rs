use std::io::Write;
use std::net::SocketAddr;

use serde::Deserialize;

use super::*;

#[derive(Debug, Serialize, Deserialize)]
struct Config {
    account: String,
    gateway: Gateway,
    tls: Option<PathBuf>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Gateway {
    listen: SocketAddr,
    connections_max: u32,
    open: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            account: "000000000000".into(),
            gateway: Gateway {
                listen: ([127, 0, 0, 1], 9400).into(),
                connections_max: 10,
                open: false,
            },
            tls: None,
        }
    }
}

fn sources(
    file: &str,
    environment: &[(&str, &str)],
    flags: Vec<Flag>,
) -> (Sources, tempfile::TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("c.toml");
    std::fs::File::create(&path)
        .unwrap()
        .write_all(file.as_bytes())
        .unwrap();
    let environment = environment
        .iter()
        .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
        .collect();
    let sources = Sources {
        file: Some(path),
        environment,
        other_variables: &["MASTER_KEY", "TEST_*"],
        flags,
    };
    (sources, dir)
}

fn refusal(file: &str, environment: &[(&str, &str)]) -> String {
    let (sources, dir) = sources(file, environment, Vec::new());
    let error = load::<Config>(sources).expect_err("it is wrong").0;
    error.replace(&format!("{}/", dir.path().display()), "")
}

#[test]
fn the_later_layer_wins() {
    let flag = Flag {
        name: "--listen",
        key: "gateway.listen",
        value: "127.0.0.1:3".into(),
    };
    let file = "account = '000000000001'\n[gateway]\nlisten = '127.0.0.1:1'\nconnections_max = 7";
    let env = [
        ("TOLLGATE_GATEWAY_LISTEN", "127.0.0.1:2"),
        ("TOLLGATE_GATEWAY_OPEN", "true"),
        ("HOME", "/"),
    ];
    let (sources, _dir) = sources(file, &env, vec![flag]);
    let loaded = load::<Config>(sources).unwrap();
    assert_eq!(loaded.config.account, "000000000001");
    assert_eq!(loaded.config.gateway.listen.port(), 3);
    assert_eq!(loaded.config.gateway.connections_max, 7);
    assert!(loaded.config.gateway.open);
    assert_eq!(loaded.source("gateway.listen"), "--listen");
    assert_eq!(loaded.source("gateway.open"), "TOLLGATE_GATEWAY_OPEN");
    assert!(loaded.source("account").ends_with("c.toml"));
    assert_eq!(loaded.source("tls"), "the default");
    assert!(!loaded.is_set("tls"));
}

#[test]
fn an_account_in_the_environment_keeps_its_zeros() {
    let (sources, _dir) = sources(
        "",
        &[
            ("TOLLGATE_ACCOUNT", "000000000042"),
            ("TOLLGATE_MASTER_KEY", "x"),
            ("TOLLGATE_TEST_ANY", "y"),
        ],
        Vec::new(),
    );
    assert_eq!(
        load::<Config>(sources).unwrap().config.account,
        "000000000042"
    );
}

#[test]
fn what_is_wrong_is_said_with_its_key_and_its_source() {
    let check =
        |file: &str, env: &[(&str, &str)], expected: &str| assert_eq!(refusal(file, env), expected);
    check(
        "[gateway]\nlisen = 1",
        &[],
        "c.toml sets gateway.lisen, which does not exist. Did you mean gateway.listen?",
    );
    check(
        "[nothing]\nlike = 'it'",
        &[],
        "c.toml sets nothing, which does not exist.",
    );
    check(
        "",
        &[("TOLLGATE_ACCOUNTS", "x")],
        "the environment sets TOLLGATE_ACCOUNTS, which does not exist. Did you mean TOLLGATE_ACCOUNT?",
    );
    check(
        "[gateway]\nconnections_max = 'many'",
        &[],
        "gateway.connections_max (c.toml): expected u32, got string \"many\".",
    );
    check(
        "",
        &[("TOLLGATE_GATEWAY_OPEN", "maybe")],
        "gateway.open (TOLLGATE_GATEWAY_OPEN): expected a boolean, got string \"maybe\".",
    );
    check(
        "gateway = 3",
        &[],
        "gateway (c.toml): this is a section with keys, not a value.",
    );
    check(
        "",
        &[("TOLLGATE_GATEWAY_LISTEN", "here")],
        "gateway.listen (TOLLGATE_GATEWAY_LISTEN): invalid socket address syntax.",
    );
    assert!(refusal("account = ", &[]).starts_with("c.toml is not valid TOML: "));
}

#[test]
fn a_named_file_must_exist() {
    let sources = Sources {
        file: Some("nowhere/c.toml".into()),
        ..Sources::default()
    };
    let error = load::<Config>(sources).expect_err("there is none").0;
    assert!(
        error.starts_with("The configuration file nowhere/c.toml cannot be read: "),
        "{error}"
    );
}
