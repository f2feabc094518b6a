//! A network of one test's own: a host that is the test process' thread, and the world beyond it.
//!
//! ```text
//! sandbox ── tg… ─[ host: 203.0.113.1 ]─ up0 ── eth0 ─[ world: 203.0.113.2, and the addresses below ]
//! ```

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdout, Command, Stdio};

use nix::sched::{CloneFlags, unshare};

/// Public addresses in the world, kept for documentation by those who hand addresses out.
pub const WEBSITE: &str = "198.51.100.10";
/// The host's own address.
pub const HOST: &str = "203.0.113.1";
/// The world's name server, at a private address. It knows one address for every name: the website's.
pub const RESOLVER: &str = "10.53.0.53";

/// Addresses in the world that functions have no business with.
pub const PRIVATE: [&str; 7] = [
    "10.1.2.3",
    "172.16.5.5",
    "192.168.7.7",
    "169.254.169.254",
    "168.63.129.16",
    "100.127.255.1",
    "198.18.0.9",
];

/// Answers every connection to port 80 with who called, and every question for a name with the website's address. Connects
/// where it is told to on standard input.
const WORLD: &str = r#"
import socket, sys, threading
print("up", flush=True)
website = sys.stdin.readline().strip()
def answer(connection, peer):
    with connection:
        asked = b""
        # To its end: closing before all of it is read would take the answer back.
        while b"\r\n\r\n" not in asked and (more := connection.recv(4096)):
            asked += more
        text = peer[0].encode()
        connection.sendall(b"HTTP/1.0 200 OK\r\ncontent-length: %d\r\n\r\n%s" % (len(text), text))
def web():
    listener = socket.create_server(("0.0.0.0", 80), backlog=64)
    print("ready", flush=True)
    while True:
        threading.Thread(target=answer, args=listener.accept()).start()
def names():
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    # Answers have to come from the address that was asked; not every network of these tests has it.
    server.setsockopt(socket.SOL_IP, 15, 1)
    server.bind(("10.53.0.53", 53))
    while True:
        asked, peer = server.recvfrom(512)
        end = asked.index(b"\0", 12) + 5
        ipv4 = asked[end - 3] == 1
        head = asked[:2] + b"\x81\x80\0\x01\0" + (b"\x01" if ipv4 else b"\0") + b"\0\0\0\0"
        record = b"\xc0\x0c\0\x01\0\x01\0\0\0\x3c\0\x04" + socket.inet_aton(website)
        server.sendto(head + asked[12:end] + (record if ipv4 else b""), peer)
for work in (names, web):
    threading.Thread(target=work, daemon=True).start()
for line in sys.stdin:
    host, port = line.split()
    try:
        socket.create_connection((host, int(port)), 1).close()
        print("reached", flush=True)
    except OSError:
        print("not reached", flush=True)
"#;

/// A network with one process, which ends with the test.
pub struct Other {
    child: Child,
    said: BufReader<ChildStdout>,
}

impl Other {
    /// A network beside this thread's, joined to it by a pair of interfaces: `ours` with our address, `eth0` with theirs. It
    /// answers at port 80.
    pub fn new(ours: &str, our_address: &str, their_address: &str) -> Self {
        let mut child = Command::new("unshare")
            .args(["--net", "setpriv", "--pdeathsig", "KILL"])
            .args(["/usr/bin/python3", "-I", "-c", WORLD])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("unshare (util-linux)");
        let said = BufReader::new(child.stdout.take().expect("piped"));
        let mut other = Self { child, said };
        assert_eq!(other.hear(), "up");
        let pid = other.child.id();
        run(&format!(
            "ip link add {ours} type veth peer name eth0 netns {pid}"
        ));
        run(&format!("ip addr add {our_address} dev {ours}"));
        run(&format!("ip link set {ours} up"));
        other.run("ip link set lo up");
        other.run(&format!("ip addr add {their_address} dev eth0"));
        other.run("ip link set eth0 up");
        other.say(WEBSITE);
        assert_eq!(other.hear(), "ready");
        other
    }

    /// A command in that network.
    pub fn run(&self, command: &str) {
        let pid = self.child.id();
        run(&format!("nsenter --target {pid} --net {command}"));
    }

    fn say(&mut self, line: &str) {
        let input = self.child.stdin.as_mut().expect("piped");
        input
            .write_all(format!("{line}\n").as_bytes())
            .expect("it listens");
    }

    fn hear(&mut self) -> String {
        let mut line = String::new();
        self.said.read_line(&mut line).expect("readable");
        line.trim().to_owned()
    }
}

impl Drop for Other {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The network that the host is on.
pub struct World(Other);

impl World {
    /// Moves this thread, and what it starts from here on, into a network of its own.
    pub fn enter() -> Self {
        unshare(CloneFlags::CLONE_NEWNET).expect("root");
        run("ip link set lo up");
        let other = Other::new("up0", &format!("{HOST}/24"), "203.0.113.2/24");
        run("ip route add default via 203.0.113.2");
        for address in PRIVATE.iter().chain([&WEBSITE, &RESOLVER]) {
            other.run(&format!("ip addr add {address}/32 dev eth0"));
        }
        Self(other)
    }

    /// A command in the world.
    pub fn run(&self, command: &str) {
        self.0.run(command);
    }

    /// Whether somebody in the world can connect to this address.
    pub fn reaches(&mut self, address: &str, port: u16) -> bool {
        self.0.say(&format!("{address} {port}"));
        self.0.hear() == "reached"
    }
}

/// Runs a command in this thread's network; what it printed.
pub fn run(command: &str) -> String {
    let mut words = command.split(' ');
    let output = Command::new(words.next().expect("a command"))
        .args(words)
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
        .output()
        .expect("the command is installed");
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command}: {complaint}");
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// What of ours is left in this thread's network: interfaces, tables, and whether it passes packets on.
pub fn traces() -> Vec<String> {
    let links = run("ip -o link");
    let links = links.lines().filter(|line| line.contains(": tg"));
    let tables = run("nft list tables");
    let mut traces: Vec<String> = links.chain(tables.lines()).map(str::to_owned).collect();
    let switch = fs::read_to_string("/proc/sys/net/ipv4/conf/up0/forwarding")
        .expect("World::enter was here");
    if switch.trim() != "0" {
        traces.push("up0 forwards".to_owned());
    }
    traces
}
