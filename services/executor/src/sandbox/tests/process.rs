//! Process isolation: the same semantics without the walls.

use std::fs;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;

#[tokio::test]
async fn paths_and_addresses_are_rewritten() {
    let host = host(Isolation::Process).await;
    let code = host.dir.path().join("code");
    fs::create_dir(&code).unwrap();
    fs::write(code.join("handler"), "mine\n").unwrap();
    let mut launch = shell("cat \"$0\"; pwd; echo $LIBRARIES; cat ${ROOT}/handler; exit 5");
    launch.argv.push("/var/task/handler".to_owned());
    launch.cwd = "/var/task".to_owned();
    launch.binds.push(Bind::read_only(&code, "/var/task"));
    launch.env.push((
        "LIBRARIES".to_owned(),
        "/usr/lib:/var/task/lib:/var/tasks".to_owned(),
    ));
    launch
        .env
        .push(("ROOT".to_owned(), "${TASK_ROOT}".to_owned()));
    let outcome = host.run(launch).await;
    let code = code.canonicalize().unwrap().display().to_string();
    assert_eq!(
        outcome.stdout,
        format!("mine\n{code}\n/usr/lib:{code}/lib:/var/tasks\nmine\n"),
        "{}",
        outcome.stderr
    );
    assert_eq!(outcome.exit.code, Some(5));
    assert!(
        (1..=20).contains(&outcome.peak_mb),
        "{} MB",
        outcome.peak_mb
    );
}

#[tokio::test]
async fn the_runtime_api_has_a_port_of_its_own() {
    let host = host(Isolation::Process).await;
    let mut launch = shell("exec 5<>/dev/tcp/${API/://}; echo hello >&5; cat <&5");
    launch
        .env
        .push(("API".to_owned(), "${RUNTIME_API}".to_owned()));
    let mut sandbox = host.launch(launch).await;
    let (mut connection, _) = sandbox.listener.accept().await.unwrap();
    assert_eq!(line(&mut connection).await, "hello\n");
    connection.write_all(b"bye").await.unwrap();
    drop(connection);
    let mut text = String::new();
    sandbox.stdout.read_to_string(&mut text).await.unwrap();
    assert_eq!(text, "bye");
}

#[tokio::test]
async fn a_kill_ends_the_programs_group() {
    let host = host(Isolation::Process).await;
    let mut sandbox = host.launch(shell("sleep 1000 & echo ready; wait")).await;
    line(&mut sandbox.stdout).await;
    sandbox.kill();
    assert_eq!(sandbox.exited().await.signal, Some(9));
    let mut rest = String::new();
    sandbox.stdout.read_to_string(&mut rest).await.unwrap();
    sandbox.limit(128).unwrap();
    let refused = sandbox
        .mount(Bind::read_only("/usr", "/var/task"))
        .await
        .unwrap_err();
    assert_eq!(
        refused.to_string(),
        "not possible under process isolation: mounting into a running program"
    );
}
