//! The nftables rules of one executor: what its sandboxes may reach.

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::net::Ipv4Addr;
use std::path::Path;
use std::process::{Command, Stdio};

/// Where functions have no business: this host and its kind, and whatever a private network or a cloud keeps for its own.
const REFUSED: [&str; 14] = [
    // "This network".
    "0.0.0.0/8",
    // Private networks.
    "10.0.0.0/8",
    "172.16.0.0/12",
    "192.168.0.0/16",
    // Networks inside networks, other sandboxes among them; also where some clouds keep metadata.
    "100.64.0.0/10",
    "127.0.0.0/8",
    // Neighbours on the wire, and most clouds' metadata.
    "169.254.0.0/16",
    // A public address that is a cloud's own host.
    "168.63.129.16",
    // Protocol assignments; another cloud's metadata.
    "192.0.0.0/24",
    "192.88.99.0/24",
    // Benchmarks.
    "198.18.0.0/15",
    // Multicast, reserved, broadcast.
    "224.0.0.0/4",
    "240.0.0.0/5",
    "248.0.0.0/5",
];

/// What the rules of one executor depend on.
#[derive(Debug)]
pub(super) struct Rules<'a> {
    /// The table's name.
    pub(super) table: &'a str,
    /// What its interfaces' names begin with.
    pub(super) prefix: &'a str,
    /// Its sandboxes' addresses.
    pub(super) network: &'a str,
    /// Name servers, which are reached wherever they are.
    pub(super) resolvers: &'a [Ipv4Addr],
}

impl Rules<'_> {
    /// The whole table; one of that name that is there already is replaced in the same step.
    pub(super) fn script(&self) -> String {
        let Self {
            table,
            prefix,
            network,
            resolvers,
        } = self;
        let resolvers = set("resolvers", "", resolvers);
        let refused = set("refused", "flags interval; ", &REFUSED);
        format!(
            r#"table inet {table}
delete table inet {table}
table inet {table} {{
    {resolvers}
    {refused}
    chain input {{
        type filter hook input priority filter - 5; policy accept;
        iifname "{prefix}*" jump to_this_host
    }}
    chain to_this_host {{
        ip daddr @resolvers meta l4proto {{ tcp, udp }} th dport 53 accept
        reject with icmpx admin-prohibited
    }}
    chain forward {{
        type filter hook forward priority filter - 5; policy accept;
        iifname "{prefix}*" jump out
        oifname "{prefix}*" ct state != {{ established, related }} drop
    }}
    chain out {{
        meta nfproto != ipv4 drop
        ip saddr != {network} drop
        oifname "tg*" goto refuse
        ct original ip daddr @resolvers meta l4proto {{ tcp, udp }} ct original proto-dst 53 accept
        ct status dnat goto refuse
        ip daddr @refused goto refuse
    }}
    chain refuse {{
        reject with icmpx admin-prohibited
    }}
    chain postrouting {{
        type nat hook postrouting priority srcnat; policy accept;
        ip saddr {network} oifname != "tg*" masquerade
    }}
}}
"#
        )
    }
}

/// A set of addresses, which may be empty.
fn set(name: &str, flags: &str, elements: &[impl std::fmt::Display]) -> String {
    let mut text = format!("set {name} {{ type ipv4_addr; {flags}");
    for (index, element) in elements.iter().enumerate() {
        let lead = if index == 0 { "elements = { " } else { ", " };
        // Writing to a String cannot fail.
        let _ = write!(text, "{lead}{element}");
    }
    text += if elements.is_empty() { "}" } else { " } }" };
    text
}

/// Takes the table away, if it is there.
pub(super) fn removal(table: &str) -> String {
    format!("table inet {table}\ndelete table inet {table}\n")
}

/// Has `nft` do all of a script, or nothing.
pub(super) fn load(nft: &Path, script: &str) -> io::Result<()> {
    let mut child = Command::new(nft)
        .args(["-f", "-"])
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()?;
    if let Some(mut input) = child.stdin.take() {
        // Fails when nft ended before it had read all; what it says about that is worth more.
        let _ = input.write_all(script.as_bytes());
    }
    said(&child.wait_with_output()?).map(drop)
}

/// What `nft` prints for a command.
pub(super) fn ask(nft: &Path, words: &[&str]) -> io::Result<String> {
    let output = Command::new(nft)
        .args(words)
        .env_clear()
        .stdin(Stdio::null())
        .output()?;
    said(&output)
}

fn said(output: &std::process::Output) -> io::Result<String> {
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let complaint = String::from_utf8_lossy(&output.stderr);
    let first = complaint.lines().next().unwrap_or("it said nothing");
    Err(io::Error::other(format!("nft: {first}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_may_be_empty() {
        let none: [Ipv4Addr; 0] = [];
        assert_eq!(set("a", "", &none), "set a { type ipv4_addr; }");
        assert_eq!(
            set("a", "flags interval; ", &["1.1.1.1", "2.2.2.0/24"]),
            "set a { type ipv4_addr; flags interval; elements = { 1.1.1.1, 2.2.2.0/24 } }"
        );
    }
}
