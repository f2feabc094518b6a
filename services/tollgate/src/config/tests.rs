use super::*;

fn load_from(
    shape: Shape,
    file: &str,
    environment: &[(&str, &str)],
    flags: &[Flag],
) -> Result<Settings, String> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("t.toml");
    std::fs::write(&path, file).unwrap();
    let environment: Vec<_> = environment
        .iter()
        .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
        .collect();
    load(shape, Some(path), &environment, flags).map_err(|error| {
        error
            .to_string()
            .replace(&format!("{}/", dir.path().display()), "")
    })
}

fn refused(shape: Shape, file: &str, environment: &[(&str, &str)], expected: &str) {
    let error = load_from(shape, file, environment, &[]).expect_err(file);
    assert_eq!(error, expected, "{file}");
}

#[test]
fn every_wrong_value_is_refused_with_its_key_and_its_source() {
    let check = |file: &str, expected: &str| refused(Shape::Up, file, &[], expected);
    check(
        "region = 'Mars!'",
        "region (t.toml): \"Mars!\" is not a region name such as us-east-1.",
    );
    check(
        "account = '12'",
        "account (t.toml): account id must be 12 digits, got \"12\".",
    );
    check(
        "account = 12",
        "account (t.toml): expected a string, got signed int `12`.",
    );
    check(
        "drain_s = 0",
        "drain_s (t.toml) must be between 1 and 3600, not 0.",
    );
    check(
        "data_dir = 1",
        "data_dir (t.toml): expected path string, got signed int `1`.",
    );
    check(
        "[gateway]\nlisten = 'everywhere'",
        "gateway.listen (t.toml): invalid socket address syntax.",
    );
    check(
        "[gateway]\ninsecure_listen = 'yes'",
        "gateway.insecure_listen (t.toml): expected a boolean, got string \"yes\".",
    );
}

#[test]
fn every_wrong_value_of_the_issuer_is_refused_too() {
    let check = |file: &str, expected: &str| refused(Shape::Up, file, &[], expected);
    check(
        "[billing]\nissuer_country = 'Germany'",
        "billing.issuer_country (t.toml) must be two capital letters such as DE, not \"Germany\".",
    );
    check(
        "[billing]\nissuer_name = ' '",
        "billing.issuer_name (t.toml) is empty.",
    );
    check(
        "[billing]\nnumber_prefix = 'my bills '",
        "billing.number_prefix (t.toml) must have at most 32 letters, digits and signs, and no space; it is \"my bills \".",
    );
    check(
        "[billing]\npayment_days = 400",
        "billing.payment_days (t.toml) must be between 0 and 365, not 400.",
    );
    check(
        "[billing]\ntax_level = 'day'",
        "billing.tax_level (t.toml): \"day\" is not one of invoice, line.",
    );
}

#[test]
fn every_wrong_value_of_the_executor_and_below_is_refused_too() {
    let check = |file: &str, expected: &str| refused(Shape::Up, file, &[], expected);
    check(
        "[executor]\nisolation = 'vm'",
        "executor.isolation (t.toml): \"vm\" is not one of container, process.",
    );
    check(
        "[executor]\nmemory_mb = 64",
        "executor.memory_mb (t.toml) must be between 128 and 1073741824, not 64.",
    );
    check(
        "[executor]\nmemory_mb = 'lots'",
        "executor.memory_mb (t.toml): \"lots\" is neither a number of MB nor \"auto\".",
    );
    check(
        "[executor]\nidle_s = 0",
        "executor.idle_s (t.toml) must be between 1 and 86400, not 0.",
    );
    check(
        "[executor]
parked_runtimes = 101",
        "executor.parked_runtimes (t.toml) must be between 0 and 100, not 101.",
    );
    check(
        "[executor]
interpreters = 'python3'",
        "executor.interpreters (t.toml): expected a sequence, got string \"python3\".",
    );
    check(
        "[executor]\nlisten = '9411'",
        "executor.listen (t.toml): invalid socket address syntax.",
    );
    check(
        "[executor]
announce = 'me'",
        "executor.announce (t.toml) must be host:port, not \"me\".",
    );
    check(
        "[database]\nconnections_max = 1",
        "database.connections_max (t.toml) must be between 2 and 1000, not 1.",
    );
    check(
        "[telemetry]\nlog_format = 'xml'",
        "telemetry.log_format (t.toml): \"xml\" is not one of auto, text, json.",
    );
    check(
        "[telemetry]\notlp_endpoint = 'collector:4317'",
        "telemetry.otlp_endpoint (t.toml) must begin with http://: traces go to a collector nearby.",
    );
    check(
        "[gateway]\nport = 1",
        "t.toml sets gateway.port, which does not exist.",
    );
    check(
        "[gatway]\nlisten = ''",
        "t.toml sets gatway, which does not exist.",
    );
    refused(
        Shape::Up,
        "",
        &[("TOLLGATE_REGON", "eu-west-1")],
        "the environment sets TOLLGATE_REGON, which does not exist. Did you mean TOLLGATE_REGION?",
    );
}

#[test]
fn what_functions_may_reach_is_checked() {
    let check = |file: &str, expected: &str| refused(Shape::Up, file, &[], expected);
    check(
        "[executor]\ngateway_url = 'https://10.0.0.7:9400'",
        "executor.gateway_url (t.toml): \"https://10.0.0.7:9400\" must have the name of the gateway's certificate in the \
         place of the address.",
    );
    check(
        "[executor]\ngateway_url = '10.0.0.7:9400'",
        "executor.gateway_url (t.toml): \"10.0.0.7:9400\" is not a URL such as http://10.0.0.7:9400.",
    );
    check(
        "[executor]\negress = 'always'",
        "executor.egress (t.toml): \"always\" is not one of on-request, deny.",
    );
    check(
        "[executor]\nresolvers = ['dns.example.com']",
        "executor.resolvers.0 (t.toml): invalid IPv4 address syntax.",
    );
    check(
        "[executor]\nresolvers = ['1.1.1.1', '1.0.0.1', '8.8.8.8', '8.8.4.4']",
        "executor.resolvers (t.toml) names more than three servers.",
    );
}

#[test]
fn every_contradiction_is_refused() {
    let check = |shape, file: &str, expected: &str| refused(shape, file, &[], expected);
    check(
        Shape::Up,
        "[gateway]\ntls_cert = 'c'",
        "gateway.tls_cert (t.toml) also needs gateway.tls_key.",
    );
    check(
        Shape::Up,
        "[gateway]\ntls_key = 'k'",
        "gateway.tls_key (t.toml) also needs gateway.tls_cert.",
    );
    check(
        Shape::Up,
        "[gateway]\ntls_cert = 'c'\ntls_key = 'k'\ninsecure_listen = true",
        "gateway.insecure_listen (t.toml) contradicts gateway.tls_cert (t.toml): choose one.",
    );
    check(
        Shape::Up,
        "[gateway]\nlisten = '0.0.0.0:9400'",
        "gateway.listen (t.toml) is 0.0.0.0:9400, which other machines can reach: give a certificate (--tls-cert, --tls-key), \
         or accept plain HTTP with --insecure-listen.",
    );
    check(
        Shape::Up,
        "[database]\nurl = 'postgres://u@h/d'",
        "database.url (t.toml): `tollgate up` runs its own database. To use a given one, run `tollgate migrate`, `tollgate \
         gateway` and `tollgate executor`.",
    );
    check(
        Shape::Gateway,
        "[database]\nurl = 'postgres://u@h/d'\nurl_file = 'f'",
        "database.url (t.toml) contradicts database.url_file (t.toml): choose one.",
    );
    check(
        Shape::Gateway,
        "[database]\nurl = 'postgres://u@h/d'",
        "redis.url is missing: give --redis-url, TOLLGATE_REDIS_URL or redis.url_file.",
    );
    check(
        Shape::Executor,
        "dev_clock = true",
        "dev_clock (t.toml): only `tollgate up` has a development clock.",
    );
    check(
        Shape::Executor,
        "",
        "database.url is missing: give --database-url, TOLLGATE_DATABASE_URL or database.url_file.",
    );
}

#[test]
fn a_password_in_a_url_is_refused_and_not_repeated() {
    for url in [
        "postgres://u:hush@h/d",
        "postgres://h/d?user=u&password=hush",
        "postgres://u:hush@h",
    ] {
        let error = load_from(
            Shape::Operator,
            &format!("[database]\nurl = '{url}'"),
            &[],
            &[],
        )
        .unwrap_err();
        assert!(
            error.starts_with("database.url (t.toml) holds a password"),
            "{error}"
        );
        assert!(!error.contains("hush"), "{error}");
    }
    assert!(
        load_from(
            Shape::Operator,
            "[database]\nurl = 'postgres://u@h:1/d'",
            &[],
            &[]
        )
        .is_ok()
    );
}

#[test]
fn secrets_come_from_the_environment_and_do_not_show() {
    let settings = load_from(
        Shape::Up,
        "",
        &[
            ("TOLLGATE_MASTER_KEY", "hush"),
            ("TOLLGATE_REDIS_PASSWORD", "hush"),
        ],
        &[],
    )
    .unwrap();
    assert!(settings.environment.master_key.is_some());
    assert!(!format!("{settings:?}").contains("hush"));
}

#[test]
fn the_data_directorys_own_file_is_read() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join(FILE), "region = 'eu-central-1'").unwrap();
    let flag = Flag {
        name: "--data-dir",
        key: "data_dir",
        value: dir.path().display().to_string().into(),
    };
    let settings = load(Shape::Up, None, &[], &[flag]).unwrap();
    assert_eq!(settings.config.region.as_str(), "eu-central-1");
}

/// The manual is a file too. It must name every key, with its default, and nothing else.
#[test]
fn the_manual_is_complete_and_right() {
    let manual = include_str!("../../../../tollgate.default.toml");
    // A key without a default stands commented out, `# key = "..."`: read those too.
    let uncommented: String = manual
        .lines()
        .map(|line| line.strip_prefix("#: ").unwrap_or(line))
        .fold(String::new(), |text, line| text + line + "\n");
    let written: toml::Table = toml::from_str(&uncommented).expect("valid TOML");
    let config: Config = toml::from_str(manual).expect("a configuration");
    assert_eq!(config, Config::default());
    let figment = figment_keys(&Config::default());
    assert_eq!(keys(&written, ""), figment);
}

fn keys(table: &toml::Table, prefix: &str) -> std::collections::BTreeSet<String> {
    let mut all = std::collections::BTreeSet::new();
    for (name, value) in table {
        let path = if prefix.is_empty() {
            name.clone()
        } else {
            format!("{prefix}.{name}")
        };
        match value {
            toml::Value::Table(inner) => all.extend(keys(inner, &path)),
            _ => drop(all.insert(path)),
        }
    }
    all
}

fn figment_keys(config: &Config) -> std::collections::BTreeSet<String> {
    fn walk(value: &serde_json::Value, prefix: &str, all: &mut std::collections::BTreeSet<String>) {
        match value.as_object() {
            None => drop(all.insert(prefix.to_owned())),
            Some(table) => {
                for (name, inner) in table {
                    let path = if prefix.is_empty() {
                        name.clone()
                    } else {
                        format!("{prefix}.{name}")
                    };
                    walk(inner, &path, all);
                }
            }
        }
    }
    let mut all = std::collections::BTreeSet::new();
    walk(&serde_json::to_value(config).unwrap(), "", &mut all);
    all
}
