//! Whom sandboxes with egress ask for addresses: the name servers that the host itself asks.

use std::fs;
use std::net::Ipv4Addr;

/// What the C library uses of a list.
const RESOLVERS_MAX: usize = 3;

/// Where systemd-resolved names the servers behind its own, which answers this host only.
const BEHIND_SYSTEMD: &str = "/run/systemd/resolve/resolv.conf";

/// The given servers, or the host's. Empty where the host has none that others can reach.
pub(in crate::sandbox) fn resolvers(given: &[Ipv4Addr]) -> Vec<Ipv4Addr> {
    if !given.is_empty() {
        return given.iter().copied().take(RESOLVERS_MAX).collect();
    }
    let read = |file: &str| parse(&fs::read_to_string(file).unwrap_or_default());
    let own = read("/etc/resolv.conf");
    if own.is_empty() {
        read(BEHIND_SYSTEMD)
    } else {
        own
    }
}

/// The servers of a `resolv.conf` that can be reached from elsewhere than this host, and by IPv4.
fn parse(text: &str) -> Vec<Ipv4Addr> {
    text.lines()
        .filter_map(|line| line.trim().strip_prefix("nameserver"))
        .filter_map(|rest| rest.trim().parse::<Ipv4Addr>().ok())
        .filter(|server| !server.is_loopback() && !server.is_unspecified())
        .take(RESOLVERS_MAX)
        .collect()
}

/// The file that a sandbox with egress sees.
pub(in crate::sandbox) fn resolv_conf(resolvers: &[Ipv4Addr]) -> String {
    let lines = resolvers
        .iter()
        .map(|server| format!("nameserver {server}"));
    lines.chain([String::new()]).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_that_answer_this_host_only_are_left_out() {
        let check = |text: &str, servers: &[[u8; 4]]| {
            let want: Vec<Ipv4Addr> = servers.iter().map(|server| (*server).into()).collect();
            assert_eq!(parse(text), want, "{text}");
        };
        check(
            "# made by hand\nsearch lan\nnameserver 10.0.0.2\nnameserver\t192.168.1.1 \noptions edns0\n",
            &[[10, 0, 0, 2], [192, 168, 1, 1]],
        );
        check("nameserver 127.0.0.53\noptions edns0 trust-ad\n", &[]);
        check("nameserver fd00::1\nnameserver 9.9.9.9\n", &[[9, 9, 9, 9]]);
        check(
            "nameserver 1.1.1.1\nnameserver 1.0.0.1\nnameserver 8.8.8.8\nnameserver 8.8.4.4\n",
            &[[1, 1, 1, 1], [1, 0, 0, 1], [8, 8, 8, 8]],
        );
        check("nameservers 1.1.1.1\n; nameserver 1.1.1.1\n", &[]);
    }

    #[test]
    fn given_servers_win() {
        let given = [Ipv4Addr::new(10, 0, 0, 53)];
        assert_eq!(resolvers(&given), given);
        assert_eq!(resolv_conf(&given), "nameserver 10.0.0.53\n");
    }
}
