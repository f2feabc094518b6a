//! What a program cannot do, see or reach.

use std::fs;
use std::os::unix::net::UnixListener;

use futures::FutureExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;

#[tokio::test]
async fn it_has_no_privilege() {
    let host = containers().await;
    let status = host
        .output(shell("cat /proc/self/status; echo groups $(id -G)"))
        .await;
    let value = |name: &str| {
        let line = status.lines().find(|line| line.starts_with(name)).unwrap();
        line.split_whitespace()
            .skip(1)
            .collect::<Vec<_>>()
            .join(" ")
    };
    for set in ["CapInh:", "CapPrm:", "CapEff:", "CapBnd:", "CapAmb:"] {
        assert_eq!(value(set), "0000000000000000", "{set}");
    }
    assert_eq!(value("NoNewPrivs:"), "1");
    assert_eq!(value("Seccomp:"), "2");
    assert_eq!(value("Umask:"), "0022");
    let uid: u32 = value("Uid:").split(' ').next().unwrap().parse().unwrap();
    assert!(uid >= 0x7000_0000, "{uid}");
    assert_eq!(value("Uid:"), format!("{uid} {uid} {uid} {uid}"));
    assert_eq!(value("Gid:"), format!("{uid} {uid} {uid} {uid}"));
    assert_eq!(value("groups"), uid.to_string());
}

#[tokio::test]
async fn every_living_sandbox_has_a_user_of_its_own() {
    let host = containers().await;
    let mut first = host.launch(shell("id -u; read forever")).await;
    let uid = line(&mut first.stdout).await;
    assert_ne!(host.output(shell("id -u")).await, uid);
}

#[tokio::test]
async fn it_sees_no_other_process() {
    let host = containers().await;
    let other = host.launch(shell("sleep 1000")).await;
    let seen = host
        .output(shell(
            "cd /proc; echo [0-9]*; cat 1/comm; tr '\\0' ' ' < 1/cmdline",
        ))
        .await;
    assert_eq!(
        seen,
        "1 2\nsandbox-init\ninit sandbox-spawner 3 \n".replace(" \n", " ")
    );
    let refused = host.run(shell("ls /proc/1/fd; cat /proc/1/environ /proc/1/maps /proc/1/mem; readlink /proc/1/exe /proc/1/root; kill -9 1; kill -0 1; echo alive")).await;
    assert_eq!(refused.stdout, "alive\n", "{}", refused.stderr);
    assert_eq!(other.exited().now_or_never(), None);
}

#[tokio::test]
async fn it_sees_only_the_files_it_was_given() {
    let host = containers().await;
    let secret = host.dir.path().join("secret");
    fs::write(&secret, "do not tell").unwrap();
    let code = host.dir.path().join("code");
    fs::create_dir(&code).unwrap();
    fs::write(code.join("handler"), "mine").unwrap();
    let mut launch = shell(
        "cat /var/task/handler; ls -A / /home /srv /mnt /var /run; cat \"$SECRET\" /etc/shadow /root/.profile",
    );
    launch.binds.push(Bind::read_only(&code, "/var/task"));
    launch
        .env
        .push(("SECRET".to_owned(), secret.display().to_string()));
    let outcome = host.run(launch).await;
    assert!(
        outcome.stdout.starts_with("mine/:\nbin\ndev\netc\nlib\n"),
        "{}",
        outcome.stdout
    );
    assert!(
        outcome.stdout.ends_with(
            "proc\nrun\nsbin\ntmp\nusr\nvar\n\n/run:\ngroup\npasswd\n\n/var:\nlang\nruntime\ntask\n"
        ),
        "{}",
        outcome.stdout
    );
    for path in [
        secret.to_str().unwrap(),
        "/etc/shadow",
        "/root/.profile",
        "'/home'",
        "'/srv'",
        "'/mnt'",
    ] {
        let refused = format!("{path}: No such file or directory");
        assert!(
            outcome.stderr.contains(&refused),
            "{refused}\n{}",
            outcome.stderr
        );
    }
}

#[tokio::test]
async fn it_can_write_to_tmp_only() {
    let host = containers().await;
    let writable = host.dir.path().join("writable");
    fs::create_dir(&writable).unwrap();
    let mut launch = shell(
        "for dir in / /usr /etc /dev /var/task /opt /run /proc /proc/sys/kernel /etc/ssl/certs /bind; do
            touch $dir/new 2>/dev/null && echo $dir; chmod 777 $dir 2>/dev/null && echo $dir; done
         echo x > /proc/sys/kernel/hostname 2>/dev/null && echo hostname
         touch /tmp/new /dev/shm/new && echo '#!/bin/sh' > /tmp/program && chmod +x /tmp/program && /tmp/program && echo fine",
    );
    launch.binds.push(Bind::read_only(&writable, "/bind"));
    fs::set_permissions(
        &writable,
        std::os::unix::fs::PermissionsExt::from_mode(0o777),
    )
    .unwrap();
    assert_eq!(host.output(launch).await, "fine\n");
}

#[tokio::test]
async fn a_writable_bind_can_be_written() {
    let host = containers().await;
    let shared = host.dir.path().join("shared");
    fs::create_dir(&shared).unwrap();
    fs::set_permissions(&shared, std::os::unix::fs::PermissionsExt::from_mode(0o777)).unwrap();
    let mut launch = shell("echo hello > /mnt/deep/down/file");
    launch.binds.push(Bind {
        source: shared.clone(),
        target: "/mnt/deep/down".to_owned(),
        writable: true,
    });
    host.output(launch).await;
    assert_eq!(fs::read_to_string(shared.join("file")).unwrap(), "hello\n");
}

/// Every call that must fail, with the error it must fail with.
const REFUSED_CALLS: &str = r#"
import ctypes, errno, os, platform, socket
libc = ctypes.CDLL(None, use_errno=True)
ARM = platform.machine() == "aarch64"
def check(name, want, number, *arguments):
    ctypes.set_errno(0)
    result = libc.syscall(number[ARM], *arguments)
    got = errno.errorcode.get(ctypes.get_errno()) if result == -1 else "worked"
    if got != want:
        print(f"{name}: {got}, not {want}")
check("mount", "EPERM", (165, 40), b"none", b"/tmp", b"tmpfs", 0, None)
check("umount2", "EPERM", (166, 39), b"/tmp", 2)
check("pivot_root", "EPERM", (155, 41), b"/tmp", b"/tmp")
check("chroot", "EPERM", (161, 51), b"/tmp")
check("open_tree", "EPERM", (428, 428), -100, b"/", 1)
check("fsopen", "EPERM", (430, 430), b"tmpfs", 0)
check("unshare user", "EPERM", (272, 97), 0x10000000)
check("unshare nothing", "EPERM", (272, 97), 0)
check("setns", "EPERM", (308, 268), 0, 0)
check("clone user", "EPERM", (56, 220), 0x10000000 | 17, 0, 0, 0, 0)
check("clone net+pid", "EPERM", (56, 220), 0x60000000 | 17, 0, 0, 0, 0)
check("clone3", "ENOSYS", (435, 435), 0, 0)
check("ptrace traceme", "EPERM", (101, 117), 0, 0, 0, 0)
check("ptrace attach", "EPERM", (101, 117), 16, 1, 0, 0)
check("process_vm_readv", "EPERM", (310, 270), 1, 0, 0, 0, 0, 0)
check("pidfd_getfd", "EPERM", (438, 438), 0, 0, 0)
check("bpf", "EPERM", (321, 280), 0, 0, 0)
check("perf_event_open", "EPERM", (298, 241), 0, 0, -1, -1, 0)
check("userfaultfd", "EPERM", (323, 282), 0)
check("io_uring_setup", "EPERM", (425, 425), 1, 0)
check("keyctl", "EPERM", (250, 219), 0, -3, 0)
check("add_key", "EPERM", (248, 217), 0, 0, 0, 0, 0)
check("init_module", "EPERM", (175, 105), 0, 0, 0)
check("kexec_load", "EPERM", (246, 104), 0, 0, 0, 0)
check("open_by_handle_at", "EPERM", (304, 265), 0, 0, 0)
check("reboot", "EPERM", (169, 142), 0, 0, 0, 0)
check("swapon", "EPERM", (167, 224), b"/tmp/x", 0)
check("sethostname", "EPERM", (170, 161), b"x", 1)
check("syslog", "EPERM", (103, 116), 3, 0, 0)
check("personality", "EPERM", (135, 92), 0x0400000)
check("unknown", "ENOSYS", (2000, 2000))
check("statmount", "ENOSYS", (457, 457), 0, 0, 0, 0)
check("open_tree_attr", "ENOSYS", (467, 467), -100, b"/", 1, 0, 0)
check("netlink audit", "EPERM", (41, 198), 16, 3, 9)
check("tiocsti", "EPERM", (16, 29), 0, 0x5412, b"x")
check("tiocsti with high bits", "EPERM", (16, 29), 0, ctypes.c_ulong(0x1_0000_5412), b"x")
check("vsock", "EPERM", (41, 198), 40, 1, 0)
check("alg", "EPERM", (41, 198), 38, 5, 0)
check("packet", "EPERM", (41, 198), 17, 3, 0)
check("setuid root", "EPERM", (105, 146), 0)
check("setgid root", "EPERM", (106, 144), 0)
check("mknod", "EPERM", (259, 33), -100, b"/tmp/device", 0o60666, 0x0700)
for family in (socket.AF_UNIX, socket.AF_INET, socket.AF_INET6):
    socket.socket(family, socket.SOCK_STREAM).close()
import subprocess, threading
threading.Thread(target=print, args=("thread",)).run()
thread = threading.Thread(target=lambda: None); thread.start(); thread.join()
subprocess.run(["true"], check=True)
print("done")
"#;

#[tokio::test]
async fn dangerous_system_calls_are_refused_and_ordinary_ones_work() {
    let host = containers().await;
    assert_eq!(host.output(python(REFUSED_CALLS)).await, "thread\ndone\n");
}

#[tokio::test]
async fn its_network_is_its_own_loopback() {
    let host = containers().await;
    let outside = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let script = format!(
        r#"
import socket
print([name for _, name in socket.if_nameindex()])
def reach(*address):
    try:
        with socket.create_connection(address, timeout=2):
            return "reached"
    except OSError as error:
        return error.strerror
print(reach("127.0.0.1", {port}))
print(reach("169.254.169.254", 80))
print(reach("10.0.0.1", 80))
print(reach("127.0.0.1", 9001))
print(reach("127.0.0.1", 9002))
unix = socket.socket(socket.AF_UNIX)
try:
    unix.connect("\0{abstract_name}")
    print("reached")
except OSError as error:
    print(error.strerror)
"#,
        port = outside.local_addr().unwrap().port(),
        abstract_name = "tollgate-test-of-abstract-sockets",
    );
    let address =
        <std::os::unix::net::SocketAddr as std::os::linux::net::SocketAddrExt>::from_abstract_name(
            "tollgate-test-of-abstract-sockets",
        )
        .unwrap();
    let _unix = UnixListener::bind_addr(&address).unwrap();
    assert_eq!(
        host.output(python(&script)).await,
        "['lo']\nConnection refused\nNetwork is unreachable\nNetwork is unreachable\nreached\nConnection refused\nConnection refused\n"
    );
}

#[tokio::test]
async fn the_runtime_api_listener_is_reached_from_inside_and_served_outside() {
    let host = containers().await;
    let call = r#"
import os, socket
host, port = os.environ["AWS_LAMBDA_RUNTIME_API"].split(":")
connection = socket.create_connection((host, int(port)))
connection.sendall(b"ping")
print(connection.recv(4).decode(), host, port)
"#;
    let mut launches = Vec::new();
    for _ in 0..2 {
        let mut launch = python(call);
        launch.env.push((
            "AWS_LAMBDA_RUNTIME_API".to_owned(),
            "${RUNTIME_API}".to_owned(),
        ));
        launches.push(host.launch(launch).await);
    }
    // Both have the same address, and each is heard on its own listener only.
    for (mut sandbox, answer) in launches.into_iter().zip(["one!", "two!"]) {
        assert_eq!(sandbox.runtime_api_addr(), "127.0.0.1:9001");
        let (mut connection, _) = sandbox.listener.accept().await.unwrap();
        let mut asked = [0; 4];
        connection.read_exact(&mut asked).await.unwrap();
        assert_eq!(&asked, b"ping");
        connection.write_all(answer.as_bytes()).await.unwrap();
        let mut text = String::new();
        sandbox.stdout.read_to_string(&mut text).await.unwrap();
        assert_eq!(text, format!("{answer} 127.0.0.1 9001\n"));
    }
}

#[tokio::test]
async fn the_gateways_name_leads_to_its_listener_and_nowhere_else() {
    let host = tuned(Isolation::Container, |options| {
        options.gateway_name = Some("lambda.example.test".to_owned());
    })
    .await;
    let outside = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let script = format!(
        r#"
import socket
print([name for _, name in socket.if_nameindex()])
for address in (("lambda.example.test", 9002), ("127.0.0.1", {port}), ("lambda.example.test", {port})):
    try:
        with socket.create_connection(address, timeout=5) as connection:
            connection.sendall(b"ping")
            print(connection.recv(4).decode(), *connection.getpeername())
    except OSError as error:
        print(error.strerror)
"#,
        port = outside.local_addr().unwrap().port()
    );
    let mut sandboxes = Vec::new();
    for _ in 0..2 {
        sandboxes.push(host.launch(python(&script)).await);
    }
    // The same port in both, each heard on its own listener only.
    for (sandbox, answer) in sandboxes.iter_mut().zip(["one!", "two!"]) {
        let listener = sandbox.gateway.as_ref().unwrap();
        let (mut connection, _) = listener.accept().await.unwrap();
        let mut asked = [0; 4];
        connection.read_exact(&mut asked).await.unwrap();
        connection.write_all(answer.as_bytes()).await.unwrap();
        let mut text = String::new();
        sandbox.stdout.read_to_string(&mut text).await.unwrap();
        let refused = "Connection refused";
        assert_eq!(
            text,
            format!("['lo']\n{answer} 127.0.0.1 9002\n{refused}\n{refused}\n")
        );
    }
}

#[tokio::test]
async fn nothing_is_inherited() {
    let host = containers().await;
    let mut launch = shell(
        "cd /proc/self/fd; for fd in *; do readlink $fd; done | sed 's/:.*//'; env | sort; grep -c . /proc/keys; grep Max.open.files /proc/self/limits; grep Max.core /proc/self/limits; cat /proc/self/oom_score_adj; echo -1000 > /proc/self/oom_score_adj; hostname",
    );
    launch.env.push(("GREETING".to_owned(), "a=b c".to_owned()));
    let outcome = host.run(launch).await;
    let expected = "/dev/null\npipe\npipe\nGREETING=a=b c\nPATH=/usr/bin:/bin:/usr/sbin\nPWD=/proc/self/fd\nSHLVL=0\n_=/usr/bin/env\n0\nMax open files            1024                 1024                 files     \nMax core file size        1                    1                    bytes     \n300\n169-254-10-1\n";
    assert_eq!(
        outcome
            .stdout
            .replace("SHLVL=1", "SHLVL=0")
            .replace("OLDPWD=/\n", ""),
        expected,
        "{}",
        outcome.stderr
    );
}

#[tokio::test]
async fn a_control_socket_is_descriptor_3() {
    let host = containers().await;
    let mut launch =
        shell("read -u 3 word; echo \"got $word\" >&3; exec 3>&-; read forever < /dev/zero");
    launch.control = true;
    let mut sandbox = host.launch(launch).await;
    let mut control = sandbox.control.take().unwrap();
    control.write_all(b"hello\n").await.unwrap();
    let mut text = String::new();
    control.read_to_string(&mut text).await.unwrap();
    assert_eq!(text, "got hello\n");
}

#[tokio::test]
async fn code_is_mounted_into_a_running_sandbox() {
    let host = containers().await;
    let code = host.dir.path().join("code");
    fs::create_dir(&code).unwrap();
    fs::write(code.join("handler"), "late\n").unwrap();
    let mut launch = shell(
        "ls /var/task; echo waiting; read -u 3 go; cat /var/task/handler; touch /var/task/new 2>/dev/null || echo read-only",
    );
    launch.control = true;
    let mut sandbox = host.launch(launch).await;
    assert_eq!(line(&mut sandbox.stdout).await, "waiting\n");
    sandbox
        .mount(Bind::read_only(&code, "/var/task"))
        .await
        .unwrap();
    let nowhere = sandbox
        .mount(Bind::read_only(&code, "/nowhere"))
        .await
        .unwrap_err();
    assert_eq!(
        nowhere.to_string(),
        "cannot make /nowhere visible: No such file or directory (os error 2)"
    );
    sandbox
        .control
        .as_mut()
        .unwrap()
        .write_all(b"go\n")
        .await
        .unwrap();
    let mut text = String::new();
    sandbox.stdout.read_to_string(&mut text).await.unwrap();
    assert_eq!(text, "late\nread-only\n");
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap();
    assert!(
        !mounts.contains(host.dir.path().to_str().unwrap()),
        "a mount shows on the host"
    );
}
