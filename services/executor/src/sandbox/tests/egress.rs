//! Who gets out, and how far.

use std::net::{Ipv4Addr, TcpListener};
use std::process::Command;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use testkit::world::{HOST, Other, PRIVATE, RESOLVER, WEBSITE, World, run, traces};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;

/// Reads what is at port 80 (or another) of each address or name given, one line each.
const REACH: &str = r#"
import socket, sys
def reach(place):
    host, _, port = place.partition(":")
    try:
        with socket.create_connection((host, int(port or 80)), timeout=3) as connection:
            connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
            data = b""
            while part := connection.recv(4096):
                data += part
            return data.split(b"\r\n\r\n")[-1].decode()
    except TimeoutError:
        return "silence"
    except OSError as error:
        return error.strerror
"#;

fn reach(places: &[&str]) -> Launch {
    let mut launch = python(&format!(
        "{REACH}\nfor place in sys.argv[1:]: print(reach(place), flush=True)"
    ));
    launch
        .argv
        .extend(places.iter().map(|&place| place.to_owned()));
    launch
}

fn on_request(options: &mut Options) {
    options.egress = Egress::OnRequest {
        resolvers: vec![RESOLVER.parse().unwrap()],
    };
}

async fn with_egress() -> Host {
    let host = tuned(Isolation::Container, on_request).await;
    assert_eq!(host.sandboxes.egress(), Ok(()));
    host
}

impl Host {
    async fn launch_out(&self, launch: Launch) -> Sandbox {
        self.sandboxes.launch_with_egress(launch).await.unwrap()
    }

    /// What a script writes that may get out, and succeeds.
    async fn outward(&self, launch: Launch) -> String {
        self.watch(self.launch_out(launch).await).await.success()
    }
}

/// Ends the host and waits until its spawner has: what it left is what stays.
async fn end(host: Host) {
    let Host {
        sandboxes,
        life,
        dir,
    } = host;
    drop(sandboxes);
    let mut options = options(&dir, Isolation::Container);
    options.egress = Egress::Deny;
    drop(Sandboxes::start(options, &life).await.unwrap());
}

#[tokio::test]
async fn the_internet_is_reached_by_address_and_by_name() {
    let _world = World::enter();
    let host = with_egress().await;
    let launch = reach(&[WEBSITE, "example.test"]);
    // The world sees the host's address: it has no way to the sandbox's.
    assert_eq!(host.outward(launch).await, format!("{HOST}\n{HOST}\n"));
    let launch = shell("cat /etc/resolv.conf /proc/net/if_inet6; id -u");
    let seen = host.outward(launch).await;
    assert!(
        seen.starts_with(&format!("nameserver {RESOLVER}\n")),
        "{seen}"
    );
    assert!(!seen.contains("eth0"), "an IPv6 address: {seen}");
}

#[tokio::test]
async fn who_does_not_ask_reaches_nothing() {
    let _world = World::enter();
    let host = with_egress().await;
    host.outward(reach(&[WEBSITE])).await;
    let launch = reach(&[WEBSITE, "100.64.0.1", "example.test", RESOLVER]);
    let unreachable = "Network is unreachable";
    let no_name = "Temporary failure in name resolution";
    let nothing = format!("{unreachable}\n{unreachable}\n{no_name}\n{unreachable}\n");
    assert_eq!(host.output(launch).await, nothing);
    let interfaces = host.output(shell("cat /proc/net/dev")).await;
    assert!(!interfaces.contains("eth0"), "{interfaces}");
}

#[tokio::test]
async fn nothing_private_is_reached_and_nothing_of_the_hosts() {
    let _world = World::enter();
    let host = with_egress().await;
    // The host itself reaches all of them, so it is our rules that do not let through.
    let control = Command::new("/usr/bin/python3")
        .args([
            "-I",
            "-c",
            &format!("{REACH}\nfor place in sys.argv[1:]: print(reach(place))"),
        ])
        .args(PRIVATE)
        .output()
        .unwrap();
    assert_eq!(
        String::from_utf8(control.stdout).unwrap().lines().count(),
        PRIVATE.len()
    );
    let _listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, 8080)).unwrap();
    let mut places: Vec<String> = PRIVATE.iter().map(|&place| place.to_owned()).collect();
    places.push(format!("{HOST}:8080"));
    // The name server's other ports, and the host's end of the link.
    places.push(RESOLVER.to_owned());
    let launch = reach(&places.iter().map(String::as_str).collect::<Vec<_>>());
    let said = host.outward(launch).await;
    let refused = "No route to host\n".repeat(places.len());
    assert_eq!(said, refused, "{places:?}");
    let launch = python(&format!(
        "{REACH}\nimport struct\nroute = [line.split() for line in open('/proc/net/route')][1]\n\
         gateway = socket.inet_ntoa(struct.pack('=I', int(route[2], 16)))\n\
         print(reach(gateway + ':8080'), reach(gateway + ':53'))"
    ));
    assert_eq!(
        host.outward(launch).await,
        "No route to host No route to host\n"
    );
}

/// Serves on port 7777 and says at which address.
const SERVE: &str = r#"
import socket, fcntl, struct
listener = socket.create_server(("0.0.0.0", 7777))
name = struct.pack("256s", b"eth0")
print(socket.inet_ntoa(fcntl.ioctl(listener.fileno(), 0x8915, name)[20:24]), flush=True)
while True:
    listener.accept()[0].close()
"#;

#[tokio::test]
async fn sandboxes_are_reached_by_nobody() {
    let mut world = World::enter();
    let host = with_egress().await;
    let other = tuned(Isolation::Container, on_request).await;
    let mut serving = host.launch_out(python(SERVE)).await;
    let address = line(&mut serving.stdout).await.trim().to_owned();
    let place = format!("{address}:7777");
    for neighbour in [&host, &other] {
        assert_eq!(
            neighbour.outward(reach(&[&place, WEBSITE])).await,
            format!("No route to host\n{HOST}\n")
        );
    }
    world.run(&format!("ip route add 100.64.0.0/10 via {HOST}"));
    assert!(!world.reaches(&address, 7777));
    // The test's own reach: without the rules it gets through.
    for table in run("nft list tables").lines() {
        run(&format!("nft delete {table}"));
    }
    assert!(world.reaches(&address, 7777));
}

#[tokio::test]
async fn the_host_does_not_become_a_router_for_others() {
    let mut world = World::enter();
    // A network behind the host, which the world knows the way to.
    let inner = Other::new("lan0", "203.0.114.1/24", "203.0.114.2/24");
    inner.run("ip route add default via 203.0.114.1");
    // What comes from there is passed on by its owner's will.
    std::fs::write("/proc/sys/net/ipv4/conf/lan0/forwarding", "1").unwrap();
    world.run(&format!("ip route add 203.0.114.0/24 via {HOST}"));
    let host = with_egress().await;
    host.outward(reach(&[WEBSITE])).await;
    assert!(!world.reaches("203.0.114.2", 80));
    // The test's own reach: without the guard it gets through.
    run("nft delete table inet tollgate_uplinks");
    assert!(world.reaches("203.0.114.2", 80));
}

#[tokio::test]
async fn a_running_program_is_let_out() {
    let _world = World::enter();
    let host = with_egress().await;
    let mut launch = python(&format!(
        "{REACH}\nimport os\nprint(reach('{WEBSITE}'), flush=True)\nos.read(3, 1)\n\
         print(reach('{WEBSITE}'), reach('example.test'), reach('10.1.2.3'), flush=True)"
    ));
    launch.control = true;
    let mut sandbox = host.launch(launch).await;
    assert_eq!(line(&mut sandbox.stdout).await, "Network is unreachable\n");
    sandbox.connect().await.unwrap();
    let control = sandbox.control.as_mut().unwrap();
    control.write_all(b"!").await.unwrap();
    let mut text = String::new();
    sandbox.stdout.read_to_string(&mut text).await.unwrap();
    assert_eq!(text, format!("{HOST} {HOST} No route to host\n"));
}

#[tokio::test]
async fn nothing_is_left_at_the_end() {
    let _world = World::enter();
    let host = with_egress().await;
    assert_eq!(traces(), [""; 0], "before anybody asked");
    let mut waiting = reach(&[WEBSITE]);
    waiting.argv[3] += "\nimport time; time.sleep(1000)";
    let mut running = host.launch_out(waiting).await;
    assert_eq!(line(&mut running.stdout).await, format!("{HOST}\n"));
    let now = traces();
    assert_eq!(now.len(), 4, "a link, two tables and a switch: {now:?}");
    // Killed, and perhaps not quite gone when the spawner has to end.
    drop(running);
    end(host).await;
    assert_eq!(traces(), [""; 0]);
}

#[tokio::test]
async fn what_a_killed_spawner_left_is_replaced() {
    let _world = World::enter();
    let host = with_egress().await;
    host.outward(reach(&[WEBSITE])).await;
    for pid in children() {
        kill(pid, Signal::SIGKILL).unwrap();
    }
    let Host { life, dir, .. } = host;
    let mut options = options(&dir, Isolation::Container);
    on_request(&mut options);
    let sandboxes = Sandboxes::start(options, &life).await.unwrap();
    let host = Host {
        sandboxes,
        life,
        dir,
    };
    assert_eq!(host.outward(reach(&[WEBSITE])).await, format!("{HOST}\n"));
    end(host).await;
    assert_eq!(traces(), [""; 0]);
}

/// Spawners of this process.
fn children() -> Vec<Pid> {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap();
    tasks
        .filter_map(|task| std::fs::read_to_string(task.unwrap().path().join("children")).ok())
        .flat_map(|text| {
            let pids = text.split_whitespace();
            pids.map(|pid| pid.parse().unwrap()).collect::<Vec<i32>>()
        })
        .filter(|pid| {
            let line = std::fs::read_to_string(format!("/proc/{pid}/cmdline"));
            line.is_ok_and(|line| line.contains("sandbox-spawner"))
        })
        .map(Pid::from_raw)
        .collect()
}

#[tokio::test]
async fn two_executors_do_not_fight() {
    let _world = World::enter();
    let (one, two) = (with_egress().await, with_egress().await);
    for host in [&one, &two, &one] {
        assert_eq!(host.outward(reach(&[WEBSITE])).await, format!("{HOST}\n"));
    }
    end(one).await;
    assert_eq!(two.outward(reach(&[WEBSITE])).await, format!("{HOST}\n"));
    end(two).await;
    assert_eq!(traces(), [""; 0]);
}

#[tokio::test]
async fn the_operator_may_deny() {
    let _world = World::enter();
    let host = containers().await;
    assert_eq!(host.sandboxes.egress(), Err(&Confined::Denied));
    let error = host
        .sandboxes
        .launch_with_egress(reach(&[WEBSITE]))
        .await
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "cannot set up the sandbox: nobody gets out of here"
    );
    end(host).await;
    assert_eq!(traces(), [""; 0]);
}

#[tokio::test]
async fn a_name_server_on_the_host_itself_is_reached_at_its_port_only() {
    use std::io::{Read as _, Write as _};

    let _world = World::enter();
    let host = tuned(Isolation::Container, |options| {
        options.egress = Egress::OnRequest {
            resolvers: vec![HOST.parse().unwrap()],
        };
    })
    .await;
    let _other = TcpListener::bind((HOST, 80)).unwrap();
    let listener = TcpListener::bind((HOST, 53)).unwrap();
    let answering = std::thread::spawn(move || {
        let (mut connection, _) = listener.accept().unwrap();
        connection.read_exact(&mut [0; 18]).unwrap();
        connection.write_all(b"x\r\n\r\nit is me").unwrap();
    });
    let places = [format!("{HOST}:53"), HOST.to_owned()];
    let launch = reach(&[&places[0], &places[1]]);
    assert_eq!(host.outward(launch).await, "it is me\nNo route to host\n");
    answering.join().unwrap();
}

#[tokio::test]
async fn a_router_stays_one_and_is_not_guarded() {
    let _world = World::enter();
    std::fs::write("/proc/sys/net/ipv4/ip_forward", "1").unwrap();
    let host = with_egress().await;
    assert_eq!(host.outward(reach(&[WEBSITE])).await, format!("{HOST}\n"));
    let tables = run("nft list tables");
    assert!(!tables.contains("uplinks"), "{tables}");
    end(host).await;
    assert_eq!(traces(), ["up0 forwards"]);
}

#[tokio::test]
async fn what_it_costs() {
    let _world = World::enter();
    let host = with_egress().await;
    let started = Instant::now();
    let first = host.launch_out(program(&["/bin/true"])).await;
    // It makes everything.
    println!("the first: {:?}", started.elapsed());
    first.destroy().await;
    let mut took = [Vec::new(), Vec::new()];
    for round in 0..40 {
        let launch = program(&["/bin/true"]);
        let started = Instant::now();
        let sandbox = match round % 2 {
            0 => host.launch(launch).await,
            _ => host.launch_out(launch).await,
        };
        took[round % 2].push(started.elapsed());
        sandbox.destroy().await;
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    for times in &mut took {
        times.sort_unstable();
    }
    println!(
        "launch without egress: median {:?}; with: median {:?}, most {:?}",
        took[0][10], took[1][10], took[1][19]
    );
}
