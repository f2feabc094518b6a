//! The host's own interfaces towards the internet, which have to pass packets on.
//!
//! A host that is no router has that switched off. It is switched on for its ways to everywhere only, and a guard keeps the
//! host from becoming a router for anybody else by it. Switch and guard are shared by all executors on the host: the last one
//! to end puts things back.

use std::fs;
use std::io;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use super::rules::{ask, load};

/// All executors' tables begin so.
pub(super) const TABLE_PREFIX: &str = "tollgate_";

/// The shared one.
const GUARD: &str = "tollgate_uplinks";

/// One route of the host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Route {
    pub(super) interface: String,
    /// An address as a number.
    pub(super) destination: u32,
    /// 0 for the way to everywhere.
    pub(super) mask: u32,
}

/// The main table's routes.
pub(super) fn routes() -> io::Result<Vec<Route>> {
    Ok(parse(&fs::read_to_string("/proc/net/route")?))
}

fn parse(text: &str) -> Vec<Route> {
    let route = |line: &str| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        // In hexadecimal, in memory's order.
        let number = |field: usize| {
            u32::from_str_radix(fields.get(field)?, 16)
                .ok()
                .map(|number| u32::from(Ipv4Addr::from(number.to_ne_bytes())))
        };
        Some(Route {
            interface: (*fields.first()?).to_owned(),
            destination: number(1)?,
            mask: number(7)?,
        })
    };
    // The first line names the columns.
    text.lines().skip(1).filter_map(route).collect()
}

/// Whether the host passes packets on whatever we do.
pub(super) fn is_router() -> bool {
    is_on(Path::new("/proc/sys/net/ipv4/ip_forward"))
}

fn is_on(switch: &Path) -> bool {
    fs::read_to_string(switch).is_ok_and(|text| text.trim() == "1")
}

fn switch(interface: &str) -> PathBuf {
    Path::new("/proc/sys/net/ipv4/conf")
        .join(interface)
        .join("forwarding")
}

/// Lets packets from the internet through to sandboxes, on a host that is no router.
pub(super) fn open(nft: &Path) -> io::Result<()> {
    let mut closed: Vec<String> = routes()?
        .into_iter()
        .filter(|route| route.mask == 0)
        .map(|route| route.interface)
        .filter(|interface| !is_on(&switch(interface)))
        .collect();
    closed.sort_unstable();
    closed.dedup();
    if closed.is_empty() {
        return Ok(());
    }
    // The guard first: at no moment may the host pass on what it did not before.
    load(nft, &guard(&closed))?;
    for interface in closed {
        fs::write(switch(&interface), "1")?;
    }
    Ok(())
}

/// Adds interfaces to the guard.
fn guard(interfaces: &[String]) -> String {
    let names: Vec<String> = interfaces
        .iter()
        .map(|name| format!("\"{name}\""))
        .collect();
    format!(
        r#"table inet {GUARD} {{
    set uplinks {{ type ifname; }}
    chain forward {{ type filter hook forward priority filter - 5; policy accept; }}
}}
flush chain inet {GUARD} forward
add rule inet {GUARD} forward iifname @uplinks oifname != "tg*" drop comment "this host was no router before Tollgate"
add element inet {GUARD} uplinks {{ {} }}
"#,
        names.join(", ")
    )
}

/// Takes the guard away from a host that has become a router by its owner's will: others rely on that now.
pub(super) fn yield_to_owner(nft: &Path) -> io::Result<()> {
    if tables(nft)?.iter().any(|table| table == GUARD) {
        load(nft, &super::rules::removal(GUARD))?;
    }
    Ok(())
}

/// Puts back what was switched on, unless another executor here needs it. To be called without a table of one's own.
pub(super) fn close(nft: &Path) -> io::Result<()> {
    let tables = tables(nft)?;
    let others = tables
        .iter()
        .any(|table| table.starts_with(TABLE_PREFIX) && table != GUARD);
    if others || !tables.iter().any(|table| table == GUARD) {
        return Ok(());
    }
    if !is_router() {
        let text = ask(nft, &["-j", "list", "set", "inet", GUARD, "uplinks"])?;
        for interface in elements(&text) {
            // Fails for an interface that has gone.
            let _ = fs::write(switch(&interface), "0");
        }
    }
    load(nft, &super::rules::removal(GUARD))
}

/// Names of the tables that have the family we use.
fn tables(nft: &Path) -> io::Result<Vec<String>> {
    let text = ask(nft, &["list", "tables", "inet"])?;
    let name = |line: &str| line.strip_prefix("table inet ").map(str::to_owned);
    Ok(text.lines().filter_map(name).collect())
}

/// The elements of the one set that `nft -j list set` shows.
fn elements(json: &str) -> Vec<String> {
    let shown: serde_json::Value = serde_json::from_str(json).unwrap_or_default();
    let objects = shown["nftables"].as_array().into_iter().flatten();
    objects
        .filter_map(|object| object["set"]["elem"].as_array())
        .flatten()
        .filter_map(|element| element.as_str().map(str::to_owned))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_table_is_read() {
        let text = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n\
                    eth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n\
                    eth0\t000200C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n";
        let check = |number: usize, destination: [u8; 4], mask: u32| {
            let route = Route {
                interface: "eth0".to_owned(),
                destination: u32::from_be_bytes(destination),
                mask,
            };
            assert_eq!(parse(text)[number], route);
        };
        check(0, [0, 0, 0, 0], 0);
        check(1, [192, 0, 2, 0], 0xffff_ff00);
        assert_eq!(parse(text).len(), 2);
    }

    #[test]
    fn a_sets_elements_are_read() {
        let json = r#"{"nftables": [{"metainfo": {"json_schema_version": 1}},
            {"set": {"family": "inet", "name": "uplinks", "type": "ifname", "elem": ["eth0", "wlan0"]}}]}"#;
        assert_eq!(elements(json), ["eth0", "wlan0"]);
        assert!(elements("").is_empty());
    }
}
