//! What is found, and what a function finds.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;

use super::process::{runtime, runtimes_dir, spec};
use crate::runtimes::{Runtimes, install};

#[tokio::test]
async fn interpreters_say_what_they_are() {
    let runtimes = Runtimes::discover(&runtimes_dir(), &[]).await;
    for runtime in runtimes.list() {
        println!(
            "{:?} {} {:?} {:?}",
            runtime.identifiers, runtime.version, runtime.program, runtime.host_dirs
        );
        if let Some(minor) = runtime.name().strip_prefix("python") {
            assert!(runtime.version.starts_with(&format!("{minor}.")));
            assert!(runtime.program.is_absolute());
        }
    }
    for name in ["provided.al2023", "provided.al2", "provided"] {
        assert!(runtimes.find(name).is_some());
    }
    assert!(runtimes.find("python3.2").is_none());
    assert!(runtimes.find("cobol").is_none());
}

#[tokio::test]
async fn manifests_add_runtimes_and_win() {
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(dir.path().join(name), text).unwrap();
    write(
        "a.toml",
        "identifiers = ['ruby3.3', 'provided']\nargv = ['/opt/ruby', 'x']\n[environment]\nGEM_PATH = '/g'\n",
    );
    write("bad.toml", "identifiers = ['x']\nargv = ['relative']\n");
    write("worse.toml", "identifiers = 5");
    let runtimes = Runtimes::discover(dir.path(), &[]).await;
    let ruby = runtimes.find("ruby3.3").unwrap();
    let program = ruby.launch(Some(dir.path())).unwrap();
    assert_eq!(program.argv, ["/opt/ruby", "x"]);
    assert!(
        program
            .env
            .contains(&("GEM_PATH".to_owned(), "/g".to_owned()))
    );
    assert_eq!(runtimes.find("provided").unwrap().name(), "ruby3.3");
    assert_eq!(
        runtimes.find("provided.al2023").unwrap().name(),
        "provided.al2023"
    );
    assert!(runtimes.find("x").is_none());
}

#[tokio::test]
async fn a_custom_runtime_needs_its_bootstrap() {
    let runtimes = Runtimes::discover(&runtimes_dir(), &[]).await;
    let provided = runtimes.find("provided.al2023").unwrap();
    let code = tempfile::tempdir().unwrap();
    let fault = provided.launch(Some(code.path())).unwrap_err();
    assert_eq!(fault.error_type, "Runtime.InvalidEntrypoint");
    assert!(
        fault
            .message
            .starts_with("Couldn't find valid bootstrap(s)")
    );
    let bootstrap = code.path().join("bootstrap");
    std::fs::write(&bootstrap, "#!/bin/sh").unwrap();
    let fault = provided.launch(Some(code.path())).unwrap_err();
    assert_eq!(
        fault.message,
        "fork/exec /var/task/bootstrap: permission denied"
    );
    std::fs::set_permissions(&bootstrap, PermissionsExt::from_mode(0o755)).unwrap();
    let program = provided.launch(Some(code.path())).unwrap();
    assert_eq!(program.argv, ["/var/task/bootstrap"]);
    assert!(!provided.can_park());
}

#[tokio::test]
async fn the_platforms_variables_win() {
    let python = runtime("python3.1").await;
    let mut spec = spec(&python, "app.handler");
    spec.environment = [
        ("AWS_REGION", "mine"),
        ("_HANDLER", "mine"),
        ("TZ", "CET"),
        ("A", "b"),
    ]
    .into_iter()
    .map(|(key, value)| (key.to_owned(), value.to_owned()))
    .collect();
    let env: BTreeMap<String, String> = python.environment(&spec, "s").into_iter().collect();
    for (key, want) in [
        ("AWS_REGION", "eu-central-1"),
        ("AWS_DEFAULT_REGION", "eu-central-1"),
        ("_HANDLER", "app.handler"),
        ("TZ", "CET"),
        ("A", "b"),
        ("LANG", "en_US.UTF-8"),
        ("LAMBDA_TASK_ROOT", "/var/task"),
        ("AWS_LAMBDA_RUNTIME_API", "${RUNTIME_API}"),
        ("AWS_LAMBDA_LOG_STREAM_NAME", "s"),
        ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand"),
    ] {
        assert_eq!(env.get(key).map(String::as_str), Some(want), "{key}");
    }
    assert_eq!(
        env["AWS_EXECUTION_ENV"],
        format!("AWS_Lambda_{}", python.name())
    );
    assert!(!env.contains_key("_X_AMZN_TRACE_ID"));
}

#[tokio::test]
async fn what_an_interpreter_reads_at_its_start_keeps_it_from_being_parked() {
    let node = runtime("nodejs").await;
    let check = |key: &str, want: bool| {
        let variables = [(key.to_owned(), String::new())].into();
        assert_eq!(node.assignable(&variables), want, "{key}");
    };
    check("TABLE", true);
    check("TZ", true);
    check("NODE_ENV", true);
    check("NODE_OPTIONS", false);
    check("NODE_PATH", false);
    check("LD_PRELOAD", false);
    check("PYTHONPATH", false);
    check("LANG", false);
    check("AWS_LAMBDA_EXEC_WRAPPER", false);
}

/// A host whose package index cannot be reached.
#[tokio::test]
async fn without_the_official_client_there_is_ours_and_a_sentence() {
    let home = tempfile::tempdir().unwrap();
    let pip = home.path().join("python3.11");
    // No pip: as on hosts where it is a package of its own.
    let script = "#!/bin/sh\ncase \"$*\" in *pip*) echo 'ERROR: no index' >&2; exit 1;; esac\n";
    std::fs::write(&pip, script).unwrap();
    std::fs::set_permissions(&pip, PermissionsExt::from_mode(0o755)).unwrap();
    let found = runtime("python3.1").await;
    let dir = home.path().join("runtimes");
    let poor = |program: &std::path::Path| crate::runtimes::Runtime {
        identifiers: found.identifiers.clone(),
        version: found.version.clone(),
        program: program.to_path_buf(),
        host_dirs: Vec::new(),
        kind: found.kind.clone(),
        dir: dir.clone(),
        client: tokio::sync::OnceCell::new(),
    };
    let runtime = poor(&pip);
    let client = runtime.prepare().await.unwrap().clone();
    assert_eq!(client.fallback.as_deref(), Some("ERROR: no index"));
    assert!(client.dir.unwrap().join("tollgate_client.py").is_file());
    // Another process, such as `tollgate doctor`, knows it too.
    assert_eq!(
        install::fallback(&poor(&pip)).as_deref(),
        Some("ERROR: no index")
    );
}
