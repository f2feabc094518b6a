//! The way from a function to the public gateway: the one place outside its sandbox that every function reaches.
//!
//! A sandbox listens on its own loopback; what it accepts comes out here and is joined, byte by byte, with a connection to the
//! gateway, which authenticates its callers wherever they are. Where the gateway speaks TLS, so does the function: inside, the
//! name of the gateway's certificate leads to that listener.

use std::convert::Infallible;
use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::pin::pin;
use std::str::FromStr;
use std::time::Duration;

use futures::stream::{FuturesUnordered, StreamExt as _};
use http::Uri;
use tokio::net::{TcpListener, TcpStream};

use crate::sandbox::{GATEWAY_PORT, Isolation};

/// More connections than this from one environment wait in its listener's backlog.
const CONNECTIONS_MAX: usize = 64;

/// How long the gateway may take to accept a connection.
const CONNECT_TIME_MAX: Duration = Duration::from_secs(10);

/// Where an executor reaches the public gateway: `http://host:port` or `https://host:port`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GatewayUrl {
    tls: bool,
    /// A name, or an address without brackets.
    host: String,
    port: u16,
}

impl FromStr for GatewayUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let shape = || format!("{text:?} is not a URL such as http://10.0.0.7:9400");
        let uri: Uri = text.parse().map_err(|_| shape())?;
        let tls = match uri.scheme_str() {
            Some("http") => false,
            Some("https") => true,
            _ => return Err(shape()),
        };
        if !matches!(uri.path(), "" | "/") || uri.query().is_some() {
            return Err(shape());
        }
        let host = uri.host().filter(|host| !host.is_empty());
        let host = host
            .ok_or_else(shape)?
            .trim_start_matches('[')
            .trim_end_matches(']');
        if tls && host.parse::<IpAddr>().is_ok() {
            return Err(format!(
                "{text:?} must have the name of the gateway's certificate in the place of the address"
            ));
        }
        Ok(Self {
            tls,
            host: host.to_owned(),
            port: uri.port_u16().unwrap_or(if tls { 443 } else { 80 }),
        })
    }
}

impl fmt::Display for GatewayUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.tls { "https" } else { "http" };
        if self.host.contains(':') {
            write!(f, "{scheme}://[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{scheme}://{}:{}", self.host, self.port)
        }
    }
}

impl GatewayUrl {
    /// The host, as a sandbox has to know it.
    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    /// The URL under which functions reach it.
    pub(crate) fn inside(&self, isolation: Isolation) -> String {
        match (isolation, self.tls) {
            (Isolation::Process, _) => self.to_string(),
            (Isolation::Container, true) => format!("https://{}:{GATEWAY_PORT}", self.host),
            (Isolation::Container, false) => {
                format!("http://{}:{GATEWAY_PORT}", Ipv4Addr::LOCALHOST)
            }
        }
    }

    async fn connect(&self) -> io::Result<TcpStream> {
        let connecting = TcpStream::connect((self.host.as_str(), self.port));
        let stream = tokio::time::timeout(CONNECT_TIME_MAX, connecting).await??;
        stream.set_nodelay(true)?;
        Ok(stream)
    }
}

/// Joins a sandbox's connections with the gateway until dropped, all inside the caller's task.
pub(crate) async fn serve(listener: &TcpListener, gateway: &GatewayUrl) -> Infallible {
    let mut connections = FuturesUnordered::new();
    let mut accepting = pin!(accept(listener));
    loop {
        tokio::select! {
            Some(()) = connections.next(), if !connections.is_empty() => {}
            stream = &mut accepting, if connections.len() < CONNECTIONS_MAX => {
                connections.push(join(stream, gateway));
                accepting.set(accept(listener));
            }
        }
    }
}

async fn accept(listener: &TcpListener) -> TcpStream {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                let _ = stream.set_nodelay(true);
                return stream;
            }
            // Out of descriptors, or a connection that is gone already: the next one may fare better.
            Err(error) => {
                tracing::warn!(%error, "accepting a function's connection to the gateway failed");
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        }
    }
}

async fn join(mut inside: TcpStream, gateway: &GatewayUrl) {
    let mut outside = match gateway.connect().await {
        Ok(outside) => outside,
        Err(error) => {
            tracing::warn!(%gateway, %error, "a function cannot reach the gateway");
            return;
        }
    };
    // An error here is one side that went away, which the other side sees by the end of its connection.
    let _ = tokio::io::copy_bidirectional(&mut inside, &mut outside).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls() {
        let check = |text: &str, shown: Option<&str>, inside: &str| {
            let url = text.parse::<GatewayUrl>();
            assert_eq!(
                url.as_ref().ok().map(ToString::to_string).as_deref(),
                shown,
                "{text}"
            );
            if let Ok(url) = url {
                assert_eq!(url.inside(Isolation::Container), inside, "{text}");
                assert_eq!(url.inside(Isolation::Process), url.to_string());
            }
        };
        let plain = "http://127.0.0.1:9002";
        check("http://10.0.0.7:9400", Some("http://10.0.0.7:9400"), plain);
        check("http://gateway/", Some("http://gateway:80"), plain);
        check("http://[fd00::7]:1", Some("http://[fd00::7]:1"), plain);
        check(
            "https://lambda.example.com",
            Some("https://lambda.example.com:443"),
            "https://lambda.example.com:9002",
        );
        for wrong in [
            "https://10.0.0.7:9400",
            "https://[::1]:9400",
            "10.0.0.7:9400",
            "ftp://gateway:1",
            "http://gateway/path",
            "http://gateway/?query",
            "http://",
            "",
        ] {
            check(wrong, None, "");
        }
    }
}
