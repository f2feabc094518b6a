//! How sandboxes end, and what they leave: nothing.

use std::collections::BTreeSet;
use std::fs;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use futures::future::join_all;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::super::cgroup::{Cgroups, Probe, probe};
use super::*;

#[tokio::test]
async fn exit_codes_and_signals_are_reported() {
    let host = containers().await;
    assert_eq!(host.run(shell("exit 0")).await.exit, code(0));
    assert_eq!(host.run(shell("exit 255")).await.exit, code(255));
    for (name, number) in [("TERM", 15), ("KILL", 9), ("SEGV", 11), ("PIPE", 13)] {
        let exit = host.run(shell(&format!("kill -{name} $$"))).await.exit;
        assert_eq!(
            exit,
            Exit {
                code: None,
                signal: Some(number),
                out_of_memory: false
            },
            "{name}"
        );
    }
}

#[tokio::test]
async fn the_end_is_told_to_everybody_who_asks_and_again() {
    let host = containers().await;
    let sandbox = host.launch(shell("exit 7")).await;
    let all = tokio::join!(sandbox.exited(), sandbox.exited(), sandbox.exited());
    assert_eq!(all, (code(7), code(7), code(7)));
    assert_eq!(sandbox.exited().await, code(7));
}

#[tokio::test]
async fn a_kill_ends_every_process() {
    let host = containers().await;
    let mut sandbox = host
        .launch(shell(
            "trap '' TERM INT HUP; (setsid sleep 1000 &); sleep 1000 & echo ready; wait",
        ))
        .await;
    assert_eq!(line(&mut sandbox.stdout).await, "ready\n");
    sandbox.kill();
    let exit = sandbox.exited().await;
    assert_eq!(
        exit,
        Exit {
            code: None,
            signal: Some(9),
            out_of_memory: false
        }
    );
    // End of file: nobody holds the pipe any more.
    let mut rest = String::new();
    sandbox.stdout.read_to_string(&mut rest).await.unwrap();
}

#[tokio::test]
async fn the_programs_end_ends_its_children() {
    let host = containers().await;
    let outcome = host.run(shell("(setsid sleep 1000 &); exit 4")).await;
    assert_eq!(outcome.exit, code(4));
}

#[tokio::test]
async fn orphans_are_reaped() {
    let host = containers().await;
    let script = "for i in $(seq 50); do (setsid true &); done
        for i in $(seq 200); do left=$(cat /proc/[0-9]*/stat 2>/dev/null | grep -c ' Z '); [ $left = 0 ] && break; sleep 0.01; done; echo $left";
    assert_eq!(host.output(shell(script)).await, "0\n");
}

#[tokio::test]
async fn what_cannot_run_is_named() {
    let host = containers().await;
    let refused = async |launch| host.sandboxes.launch(launch).await.unwrap_err().to_string();
    assert_eq!(
        refused(program(&["/var/task/bootstrap"])).await,
        "cannot run /var/task/bootstrap: No such file or directory (os error 2)"
    );
    assert_eq!(
        refused(program(&["/etc/hosts"])).await,
        "cannot run /etc/hosts: Permission denied (os error 13)"
    );
    let mut launch = shell("true");
    launch
        .binds
        .push(Bind::read_only("/there/is/nothing", "/var/task"));
    assert_eq!(
        refused(launch).await,
        "cannot make /var/task visible: /there/is/nothing: No such file or directory (os error 2)"
    );
    let mut launch = shell("true");
    launch.binds.push(Bind::read_only("/usr", "/var/../etc"));
    assert_eq!(
        refused(launch).await,
        "cannot make /var/../etc visible: the path must be absolute and without \"..\""
    );
    let mut launch = shell("true");
    launch.env.push(("LONG".to_owned(), "x".repeat(200_000)));
    assert_eq!(
        refused(launch).await,
        "sandbox request: the command and its environment are too long"
    );
    assert_eq!(host.run(shell("true")).await.exit, code(0));
}

#[tokio::test]
async fn dropping_a_sandbox_ends_it() {
    let host = containers().await;
    let mut sandbox = host.launch(shell("sleep 1000 & echo ready; wait")).await;
    line(&mut sandbox.stdout).await;
    let Sandbox { stdout, .. } = &mut sandbox;
    let mut stdout = std::mem::replace(
        stdout,
        tokio::net::unix::pipe::Receiver::from_owned_fd(nix::unistd::pipe().unwrap().0).unwrap(),
    );
    drop(sandbox);
    let mut rest = String::new();
    stdout.read_to_string(&mut rest).await.unwrap();
}

/// Directories of sandboxes' control groups of the executor with this instance directory.
fn groups(host: &Host) -> BTreeSet<String> {
    let record = fs::read(host.dir.path().join("sandboxes/cgroups.json")).unwrap();
    let (Cgroups::V1 { memory: dir, .. } | Cgroups::V2 { base: dir }) =
        serde_json::from_slice(&record).unwrap();
    let entries = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap());
    entries
        .filter(|entry| entry.file_type().unwrap().is_dir())
        .map(|entry| entry.file_name().into_string().unwrap())
        .collect()
}

#[tokio::test]
async fn a_destroyed_sandbox_leaves_no_control_group() {
    let host = containers().await;
    let sandbox = host.launch(shell("sleep 1000")).await;
    let name = sandbox.id.to_string();
    assert!(groups(&host).contains(&name));
    sandbox.destroy().await;
    assert!(!groups(&host).contains(&name));
}

#[tokio::test]
async fn a_hundred_launches_leak_no_descriptor() {
    let host = containers().await;
    let open = || fs::read_dir("/proc/self/fd").unwrap().count();
    let spawner = spawner_of(std::process::id());
    let open_there = || fs::read_dir(format!("/proc/{spawner}/fd")).unwrap().count();
    host.run(shell("true")).await;
    let (before, before_there) = (open(), open_there());
    for _ in 0..100 {
        host.run(shell("true")).await;
    }
    assert_eq!(open(), before);
    assert_eq!(open_there(), before_there);
    let shells = Command::new("pgrep")
        .args(["-c", "-P", &spawner.to_string()])
        .output()
        .unwrap();
    assert_eq!(
        String::from_utf8(shells.stdout).unwrap().trim(),
        "2",
        "parked shells"
    );
}

fn spawner_of(parent: u32) -> u32 {
    let children = children(parent);
    assert_eq!(children.len(), 1, "{children:?}");
    children[0]
}

fn children(parent: u32) -> Vec<u32> {
    let found = Command::new("pgrep")
        .args(["-P", &parent.to_string()])
        .output()
        .unwrap();
    let own: Vec<u32> = String::from_utf8(found.stdout)
        .unwrap()
        .lines()
        .map(|pid| pid.parse().unwrap())
        .collect();
    own.into_iter()
        .filter(|pid| fs::metadata(format!("/proc/{pid}/ns")).is_ok())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_at_once() {
    let host = containers().await;
    let launches = (0..50).map(|number| host.output(shell(&format!("echo {number}"))));
    let outputs = join_all(launches).await;
    let expected: Vec<String> = (0..50).map(|number| format!("{number}\n")).collect();
    assert_eq!(outputs, expected);
}

#[tokio::test]
async fn two_executors_do_not_share_a_directory() {
    let host = containers().await;
    let second =
        Sandboxes::start(options(&host.dir, Isolation::Container), &Lifecycle::new()).await;
    let path = host.dir.path().join("sandboxes");
    assert_eq!(
        second.unwrap_err().to_string(),
        format!("{} is in use by another executor", path.display())
    );
    assert_eq!(host.run(shell("true")).await.exit, code(0));
}

#[tokio::test]
async fn the_spawners_death_ends_sandboxes_and_is_a_failure() {
    let host = containers().await;
    let sandbox = host.launch(shell("sleep 1000")).await;
    let spawner = spawner_of(std::process::id());
    kill(Pid::from_raw(spawner.try_into().unwrap()), Signal::SIGKILL).unwrap();
    assert_eq!(sandbox.exited().await.signal, Some(9));
    host.life.drain().cancelled().await;
    let refused = host.sandboxes.launch(shell("true")).await.unwrap_err();
    assert!(matches!(refused, Error::SpawnerGone), "{refused}");
}

/// Run by [`nothing_survives_the_executors_sudden_death`] in a process of its own, which it kills.
#[tokio::test]
async fn executor_to_be_killed() {
    let Ok(dir) = std::env::var("TOLLGATE_TEST_EXECUTOR_DIR") else {
        return;
    };
    let options = Options::new(
        std::env::current_exe().unwrap(),
        dir.into(),
        Isolation::Container,
    );
    let sandboxes = Sandboxes::start(options, &Lifecycle::new()).await.unwrap();
    let mut sandbox = sandboxes
        .launch(shell(
            "trap '' TERM HUP; (setsid sleep 12345 &); sleep 12345 & echo ready; wait",
        ))
        .await
        .unwrap();
    assert_eq!(line(&mut sandbox.stdout).await, "ready\n");
    println!("\nsandbox is up");
    std::future::pending::<()>().await;
}

#[tokio::test]
async fn nothing_survives_the_executors_sudden_death() {
    let dir = tempfile::tempdir().unwrap();
    let work = dir.path().join("sandboxes");
    let mut executor = tokio::process::Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "--nocapture",
            &format!(
                "{}::executor_to_be_killed",
                module_path!().split_once("::").unwrap().1
            ),
        ])
        .env("TOLLGATE_TEST_EXECUTOR_DIR", &work)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdout = executor.stdout.take().unwrap();
    while line(&mut stdout).await != "sandbox is up\n" {}
    let pid = executor.id().unwrap();
    let spawner = spawner_of(pid);
    let mut family: Vec<u32> = vec![spawner];
    let mut next = 0;
    while next < family.len() {
        family.extend(children(family[next]));
        next += 1;
    }
    assert!(
        family.len() >= 6,
        "spawner, three shells, bash, sleeps: {family:?}"
    );
    executor.start_kill().unwrap();
    executor.wait().await.unwrap();
    // A successor waits until the predecessor's spawner is gone, and removes what that left.
    let options = Options::new(std::env::current_exe().unwrap(), work, Isolation::Container);
    let started = Instant::now();
    let sandboxes = Sandboxes::start(options, &Lifecycle::new()).await.unwrap();
    assert!(started.elapsed() < Duration::from_secs(5));
    for pid in family {
        assert!(
            !is_alive(pid),
            "{pid} survived: {:?}",
            fs::read_to_string(format!("/proc/{pid}/cmdline"))
        );
    }
    let host = Host {
        sandboxes,
        life: Lifecycle::new(),
        dir,
    };
    assert_eq!(host.run(shell("true")).await.exit, code(0));
}

fn is_alive(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(')')
        .is_some_and(|(_, rest)| !rest.starts_with(" Z") && !rest.starts_with(" X"))
}

#[tokio::test]
async fn control_groups_of_a_crash_are_cleared_at_the_next_start() {
    let dir = tempfile::tempdir().unwrap();
    let work = dir.path().join("sandboxes");
    fs::create_dir(&work).unwrap();
    let (Probe::V1 { memory: parent, .. } | Probe::V2 { root: parent, .. }) = probe() else {
        panic!("no control groups");
    };
    let stale = parent.join(format!("tollgate-test-{}", std::process::id()));
    let group = stale.join("17");
    fs::create_dir_all(&group).unwrap();
    let mut left_over = Command::new("sleep").arg("1000").spawn().unwrap();
    fs::write(group.join("cgroup.procs"), left_over.id().to_string()).unwrap();
    let record = Cgroups::V1 {
        memory: stale.clone(),
        cpu: stale.clone(),
        pids: stale.clone(),
    };
    fs::write(
        work.join("cgroups.json"),
        serde_json::to_vec(&record).unwrap(),
    )
    .unwrap();
    // Reaped by a thread, as a real left-over would be by the first process of the host.
    let reaper = std::thread::spawn(move || left_over.wait().unwrap());
    let options = Options::new(std::env::current_exe().unwrap(), work, Isolation::Container);
    let _sandboxes = Sandboxes::start(options, &Lifecycle::new()).await.unwrap();
    assert!(!reaper.join().unwrap().success());
    assert!(!stale.exists());
}

#[tokio::test]
async fn letting_go_of_everything_ends_the_spawner() {
    let host = containers().await;
    let sandbox = host.launch(shell("sleep 1000")).await;
    let spawner = spawner_of(std::process::id());
    drop(host.sandboxes);
    assert!(is_alive(spawner), "a sandbox is still in use");
    drop(sandbox);
    let deadline = Instant::now() + Duration::from_secs(5);
    while is_alive(spawner) {
        assert!(Instant::now() < deadline, "the spawner lives on");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert!(
        !host.life.drain().is_cancelled(),
        "an orderly end is no failure"
    );
}
