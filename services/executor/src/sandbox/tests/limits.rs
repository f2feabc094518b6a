//! Memory, CPU, processes and `/tmp`.

use std::time::Instant;

use nix::sys::signal::{Signal, kill};
use nix::sys::wait::waitpid;
use nix::unistd::Pid;
use tokio::io::AsyncWriteExt;

use super::*;

#[tokio::test]
async fn out_of_memory_ends_the_sandbox_and_nothing_else() {
    let host = containers().await;
    let bystander = host.launch(shell("read -u 0 x; sleep 1000")).await;
    let outcome = host
        .run(python("x = b'x' * (1 << 30); print('had it')"))
        .await;
    assert_eq!(
        outcome.exit,
        Exit {
            code: None,
            signal: Some(9),
            out_of_memory: true
        },
        "{}",
        outcome.stdout
    );
    assert_eq!(outcome.stdout, "");
    assert!(
        (120..=129).contains(&outcome.peak_mb),
        "{} MB",
        outcome.peak_mb
    );
    assert_eq!(bystander.out_of_memory_kills(), 0);
    assert_eq!(host.run(shell("true")).await.exit, code(0));
}

#[tokio::test]
async fn a_child_out_of_memory_takes_the_sandbox_along() {
    let host = containers().await;
    let script = "import subprocess, sys
subprocess.run([sys.executable, '-I', '-c', 'x = b\"x\" * (1 << 30)'])
import time; time.sleep(1000)";
    let sandbox = host.launch(python(script)).await;
    let exit = sandbox.exited().await;
    assert_eq!(
        exit,
        Exit {
            code: None,
            signal: Some(9),
            out_of_memory: true
        }
    );
    assert!(sandbox.out_of_memory_kills() >= 1);
}

#[tokio::test]
async fn memory_in_use_is_measured() {
    let host = containers().await;
    let small = host.run(shell("true")).await.peak_mb;
    let large = host.run(python("x = b'x' * (50 << 20)")).await.peak_mb;
    assert!((1..=20).contains(&small), "{small} MB");
    assert!((50..=90).contains(&large), "{large} MB");
}

#[tokio::test]
async fn limits_can_be_changed_while_it_runs() {
    let host = containers().await;
    let script = "import os
def take(mb):
    os.read(3, 1); x = b'x' * (mb << 20); del x; os.write(3, b'.')
take(200); take(200)";
    let mut launch = python(script);
    launch.memory_mb = 512;
    launch.control = true;
    let mut sandbox = host.launch(launch).await;
    let mut control = sandbox.control.take().unwrap();
    control.write_all(b".").await.unwrap();
    control.read_u8().await.unwrap();
    sandbox.limit(128).unwrap();
    control.write_all(b".").await.unwrap();
    assert!(sandbox.exited().await.out_of_memory);
}

#[tokio::test]
async fn cpu_is_shared_out_by_memory_once_limited() {
    let host = containers().await;
    let script = "import time, os
os.read(3, 1)
start = time.monotonic()
while time.process_time() < 0.3: pass
os.write(3, b'%d\\n' % ((time.monotonic() - start) * 1000))";
    let mut launch = python(script);
    launch.control = true;
    let mut sandbox = host.launch(launch).await;
    // A fifth of a CPU: 300 ms of work take 1.5 s, less what starting up has used.
    sandbox.limit(354).unwrap();
    let mut control = sandbox.control.take().unwrap();
    let started = Instant::now();
    control.write_all(b".").await.unwrap();
    let took_ms: u64 = line(&mut control).await.trim().parse().unwrap();
    assert!(took_ms > 800, "{took_ms} ms; {:?}", started.elapsed());
}

#[tokio::test]
async fn a_fork_bomb_stays_inside() {
    let host = containers().await;
    let script = "import os, time
count = 0
try:
    while True:
        if os.fork() == 0: time.sleep(1000)
        count += 1
except BlockingIOError:
    print(count)";
    let mut launch = python(script);
    launch.memory_mb = 2048;
    let count: u32 = host.output(launch).await.trim().parse().unwrap();
    assert_eq!(
        count, 1022,
        "with the first process and the bomb itself: 1,024"
    );
    assert_eq!(host.run(shell("true")).await.exit, code(0));
}

#[tokio::test]
async fn tmp_is_limited_and_private() {
    let host = containers().await;
    let mut launch = shell(
        "head -c 40000000 /dev/zero > /tmp/large; stat -c %s /tmp/large; stat -c %a /tmp; ls -A /tmp",
    );
    launch.ephemeral_mb = 32;
    launch.memory_mb = 256;
    let outcome = host.run(launch).await;
    assert!(
        outcome.stderr.contains("No space left on device"),
        "{}",
        outcome.stderr
    );
    let size: u64 = outcome.stdout.lines().next().unwrap().parse().unwrap();
    assert!((28_000_000..=33_554_432).contains(&size), "{size}");
    assert_eq!(outcome.stdout, format!("{size}\n700\nlarge\n"));
    assert_eq!(host.output(shell("ls -A /tmp")).await, "");
}

/// Version 2 without its controllers is mounted on every host, also where version 1 rules.
#[test]
fn a_shell_can_be_forked_into_its_group() {
    use std::os::fd::AsFd;

    let mounts = std::fs::read_to_string("/proc/self/mounts").unwrap();
    let mount = mounts
        .lines()
        .map(|line| line.split(' ').collect::<Vec<_>>())
        .find(|fields| fields[2] == "cgroup2")
        .expect("control groups version 2 are mounted nowhere");
    let dir = format!("{}/tollgate-test-{}", mount[1], std::process::id());
    std::fs::create_dir(&dir).unwrap();
    let group = super::super::cgroup::Cgroup::V2 {
        dir: dir.clone().into(),
    };
    let target = group.fork_target().unwrap().unwrap();
    match sys::fork(0, Some(target.as_fd())).unwrap() {
        // This process has threads, so nothing but the kernel may be asked for anything here.
        sys::Forked::Child => loop {
            nix::unistd::pause();
        },
        sys::Forked::Parent { pid, .. } => {
            let members = std::fs::read_to_string(format!("{dir}/cgroup.procs")).unwrap();
            kill(Pid::from_raw(pid), Signal::SIGKILL).unwrap();
            waitpid(Pid::from_raw(pid), None).unwrap();
            group.remove().unwrap();
            assert_eq!(members, format!("{pid}\n"));
        }
    }
}
