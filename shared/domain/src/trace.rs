//! AWS X-Ray trace headers: `Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1;Lineage=...`.
//!
//! Clients send one in `X-Amzn-Trace-Id`, the function gets one from the Runtime API and as `_X_AMZN_TRACE_ID`. Fields we do
//! not know are passed on as they came. A header without a usable `Root` is no header: a new trace begins.

use std::fmt;

/// The field that recursion is detected by.
const LINEAGE: &str = "Lineage";

/// Functions that a chain remembers.
const LINEAGE_FUNCTIONS_MAX: usize = 16;

/// Invocations of one function in a chain, after which the next is refused (`spec/async-invocation.md`, 1.3).
pub const RECURSION_MAX: u32 = 16;

/// A function's mark in a lineage: 8 hexadecimal digits of its unqualified ARN (FNV-1a: nothing secret depends on it).
pub fn mark(function_arn: &str) -> String {
    let step = |hash: u32, byte: u8| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193);
    let hash = function_arn.bytes().fold(0x811c_9dc5, step);
    format!("{hash:08x}")
}

/// A trace header. `Display` writes it as AWS does: Root, Parent, Sampled, then what else came, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TraceHeader {
    /// `1-`, 8 hexadecimal digits of epoch seconds, `-`, 24 hexadecimal digits.
    root: String,
    /// 16 hexadecimal digits: the segment that calls.
    parent: Option<String>,
    /// Whether the caller records this trace; `None` leaves the decision to us.
    sampled: Option<bool>,
    /// Other fields, such as `Lineage` and `Self`.
    rest: Vec<(String, String)>,
}

impl TraceHeader {
    /// A header for a trace that begins here.
    ///
    /// `started_s` is the trace's start in epoch seconds, `id` and `parent` are random.
    pub fn new(started_s: u32, id: [u8; 12], parent: [u8; 8], sampled: bool) -> Self {
        Self {
            root: format!("1-{started_s:08x}-{}", hex(&id)),
            parent: Some(hex(&parent)),
            sampled: Some(sampled),
            rest: Vec::new(),
        }
    }

    /// Reads a header; `None` where it has no valid `Root`. An invalid `Parent` or `Sampled` counts as absent.
    pub fn parse(text: &str) -> Option<Self> {
        let mut header = Self {
            root: String::new(),
            parent: None,
            sampled: None,
            rest: Vec::new(),
        };
        for field in text.split(';') {
            let Some((name, value)) = field.trim().split_once('=') else {
                continue;
            };
            match name.trim() {
                "Root" if is_root(value) => value.clone_into(&mut header.root),
                "Parent" => header.parent = is_hex(value, 16).then(|| value.to_owned()),
                "Sampled" => header.sampled = sampled(value),
                "Root" => {}
                other => header.rest.push((other.to_owned(), value.to_owned())),
            }
        }
        (!header.root.is_empty()).then_some(header)
    }

    /// The trace's id as X-Ray writes it.
    pub fn root(&self) -> &str {
        &self.root
    }

    /// The calling segment.
    pub fn parent(&self) -> Option<&str> {
        self.parent.as_deref()
    }

    /// Whether the caller records this trace; `None` where it left that to us.
    pub fn sampled(&self) -> Option<bool> {
        self.sampled
    }

    /// The same trace, called by another segment and with the decision taken.
    #[must_use]
    pub fn child(&self, parent: [u8; 8], sampled: bool) -> Self {
        Self {
            parent: Some(hex(&parent)),
            sampled: Some(sampled),
            ..self.clone()
        }
    }

    /// How often a function is in the chain of invocations that led here. Functions go by a mark ([`mark`]); the field looks as on
    /// AWS: `Lineage=a87bd80c:1|68fd508a:5`.
    pub fn lineage(&self, mark: &str) -> u32 {
        self.lineage_text()
            .split('|')
            .filter_map(|entry| entry.split_once(':'))
            .filter(|(known, _)| *known == mark)
            .filter_map(|(_, count)| count.parse::<u32>().ok())
            .max()
            .unwrap_or(0)
    }

    /// The same trace, with one more invocation of this function in its chain.
    #[must_use]
    pub fn invoking(mut self, mark: &str) -> Self {
        let count = self.lineage(mark).saturating_add(1);
        let others = self.lineage_text().split('|').filter(|entry| {
            entry
                .split_once(':')
                .is_some_and(|(known, _)| known != mark)
        });
        // The newest last; a chain over very many functions forgets its oldest.
        let mut entries: Vec<String> = others.map(str::to_owned).collect();
        entries.push(format!("{mark}:{count}"));
        let first = entries.len().saturating_sub(LINEAGE_FUNCTIONS_MAX);
        let lineage = entries[first..].join("|");
        self.rest.retain(|(name, _)| name != LINEAGE);
        self.rest.push((LINEAGE.to_owned(), lineage));
        self
    }

    /// The same trace, at the beginning of a chain.
    #[must_use]
    pub fn without_lineage(mut self) -> Self {
        self.rest.retain(|(name, _)| name != LINEAGE);
        self
    }

    fn lineage_text(&self) -> &str {
        let field = self.rest.iter().find(|(name, _)| name == LINEAGE);
        field.map_or("", |(_, value)| value)
    }

    /// The W3C `traceparent` of the same trace; `None` without a parent, which W3C requires.
    pub fn traceparent(&self) -> Option<String> {
        let parent = self.parent.as_deref()?;
        let id = self.root[2..].replace('-', "");
        let flags = u8::from(self.sampled == Some(true));
        Some(format!("00-{id}-{parent}-{flags:02x}"))
    }

    /// The header for a W3C `traceparent` (version 00); `None` where it is not one.
    pub fn from_traceparent(text: &str) -> Option<Self> {
        let [version, id, parent, flags] = text.split('-').collect::<Vec<_>>().try_into().ok()?;
        let valid = version == "00" && is_hex(id, 32) && is_hex(parent, 16) && is_hex(flags, 2);
        if !valid {
            return None;
        }
        let flags = u8::from_str_radix(flags, 16).ok()?;
        Some(Self {
            root: format!("1-{}-{}", &id[..8], &id[8..]),
            parent: Some(parent.to_owned()),
            sampled: Some(flags & 1 == 1),
            rest: Vec::new(),
        })
    }
}

impl fmt::Display for TraceHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Root={}", self.root)?;
        if let Some(parent) = &self.parent {
            write!(f, ";Parent={parent}")?;
        }
        if let Some(sampled) = self.sampled {
            write!(f, ";Sampled={}", u8::from(sampled))?;
        }
        self.rest
            .iter()
            .try_for_each(|(name, value)| write!(f, ";{name}={value}"))
    }
}

fn sampled(value: &str) -> Option<bool> {
    match value {
        "1" => Some(true),
        "0" => Some(false),
        _ => None,
    }
}

fn is_root(value: &str) -> bool {
    let parts: Vec<_> = value.split('-').collect();
    matches!(parts[..], ["1", time, id] if is_hex(time, 8) && is_hex(id, 24))
}

fn is_hex(text: &str, digits: usize) -> bool {
    let lower = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
    text.len() == digits && text.bytes().all(lower)
}

fn hex(bytes: &[u8]) -> String {
    let digit = |half: u8| char::from_digit(half.into(), 16).unwrap_or('0');
    let digits = bytes
        .iter()
        .flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]);
    digits.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOT: &str = "Root=1-5759e988-bd862e3fe1be46a994272793";

    #[test]
    fn reads_and_writes_what_aws_sends() {
        let check = |text: &str, expected: Option<&str>| {
            let written = TraceHeader::parse(text).map(|header| header.to_string());
            assert_eq!(written.as_deref(), expected, "{text}");
        };
        check(ROOT, Some(ROOT));
        let full = format!("{ROOT};Parent=53995c3f42cd8ad8;Sampled=1;Lineage=2:a87bd80c:1");
        check(&full, Some(&full));
        let spaced = format!("Sampled=0; Self=x; {ROOT}");
        check(&spaced, Some(&format!("{ROOT};Sampled=0;Self=x")));
        check(&format!("{ROOT};Sampled=?;Parent=xyz"), Some(ROOT));
        check(&format!("{ROOT};;novalue"), Some(ROOT));
        check("Root=2-5759e988-bd862e3fe1be46a994272793", None);
        check("Root=1-5759e988-BD862E3FE1BE46A994272793", None);
        check("Root=1-5759e988-bd86", None);
        check("Parent=53995c3f42cd8ad8", None);
        check("", None);
    }

    #[test]
    fn crosses_to_w3c_and_back() {
        let header = TraceHeader::new(0x5759_e988, [0xbd; 12], [0x53; 8], true);
        let w3c = header.traceparent().unwrap();
        assert_eq!(
            w3c,
            "00-5759e988bdbdbdbdbdbdbdbdbdbdbdbd-5353535353535353-01"
        );
        assert_eq!(TraceHeader::from_traceparent(&w3c), Some(header));
        assert_eq!(TraceHeader::parse(ROOT).unwrap().traceparent(), None);
        let check = |text: &str| assert_eq!(TraceHeader::from_traceparent(text), None, "{text}");
        check("01-5759e988bdbdbdbdbdbdbdbdbdbdbdbd-5353535353535353-01");
        check("00-5759e988-5353535353535353-01");
        check("00-5759e988bdbdbdbdbdbdbdbdbdbdbdbd-5353535353535353");
        check("");
    }

    #[test]
    fn a_child_stays_in_its_trace() {
        let header = TraceHeader::parse(&format!("{ROOT};Lineage=a")).unwrap();
        let child = header.child([1; 8], false);
        assert_eq!(
            child.to_string(),
            format!("{ROOT};Parent=0101010101010101;Sampled=0;Lineage=a")
        );
        assert_eq!(
            (child.root(), child.parent(), child.sampled()),
            (header.root(), Some("0101010101010101"), Some(false))
        );
    }

    #[test]
    fn a_chain_counts_its_functions() {
        let (a, b) = (mark("arn:a"), mark("arn:b"));
        let start = TraceHeader::parse(ROOT).unwrap();
        assert_eq!((a.len(), start.lineage(&a)), (8, 0));
        let chain = start.clone().invoking(&a).invoking(&b).invoking(&a);
        assert_eq!((chain.lineage(&a), chain.lineage(&b)), (2, 1));
        assert_eq!(chain.to_string(), format!("{ROOT};Lineage={b}:1|{a}:2"));
        // Whatever a client sends counts as nothing, or as what it says.
        let odd = TraceHeader::parse(&format!("{ROOT};Lineage=x|{a}:no|{a}:7")).unwrap();
        assert_eq!(
            (odd.lineage(&a), odd.clone().invoking(&a).lineage(&a)),
            (7, 8)
        );
        assert_eq!(odd.without_lineage(), start);
        let long = (0..40).fold(start, |chain, n| chain.invoking(&mark(&n.to_string())));
        assert_eq!(long.lineage(&mark("39")), 1);
        assert_eq!(long.lineage(&mark("0")), 0);
    }
}
