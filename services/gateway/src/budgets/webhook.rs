//! Posting a message to a URL.
//!
//! `POST` with the message as JSON and the alert's id as `x-tollgate-alert-id`, the same at each attempt: a receiver that knows
//! it has the message already. An answer of 2xx within ten seconds is success. Redirects are not followed: where a message goes was
//! said by the account, and nobody else says otherwise. Private addresses are reached only where the operator allows it: the
//! gateway stands in networks that accounts have no business in.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, StatusCode, Uri, header};
use http_body_util::Full;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};
use uuid::Uuid;

/// An attempt may take so long.
const PATIENCE: Duration = Duration::from_secs(10);

/// Names the alert in a request.
const ALERT_HEADER: &str = "x-tollgate-alert-id";

/// Trusts what browsers trust.
static TLS: LazyLock<Arc<ClientConfig>> = LazyLock::new(|| {
    let roots = webpki_roots::TLS_SERVER_ROOTS.iter().cloned();
    let config = ClientConfig::builder().with_root_certificates(roots.collect::<RootCertStore>());
    Arc::new(config.with_no_client_auth())
});

/// Why a message did not arrive.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    #[error("The address is not a URL with a host.")]
    NoUrl,
    #[error(
        "{0} has only private addresses, which webhooks must not reach: see gateway.webhooks_private."
    )]
    Private(String),
    #[error("{0} has no address: {1}")]
    Unknown(String, std::io::Error),
    #[error("No connection: {0}")]
    Connection(std::io::Error),
    #[error("The connection broke: {0}")]
    Broken(#[from] hyper::Error),
    #[error("The answer was {0}; redirects are not followed.")]
    Redirect(StatusCode),
    #[error("The answer was {0}.")]
    Refused(StatusCode),
    #[error("There was no answer within {} seconds.", PATIENCE.as_secs())]
    Late,
}

impl Failure {
    /// Whether another attempt could not end otherwise.
    pub(super) fn is_final(&self) -> bool {
        matches!(self, Self::NoUrl)
    }
}

/// Posts a message once.
pub(super) async fn post(
    url: &str,
    alert: Uuid,
    message: &[u8],
    private: bool,
) -> Result<(), Failure> {
    let attempt = attempt(url, alert, message, private);
    match tokio::time::timeout(PATIENCE, attempt).await {
        Ok(done) => done,
        Err(_) => Err(Failure::Late),
    }
}

async fn attempt(url: &str, alert: Uuid, message: &[u8], private: bool) -> Result<(), Failure> {
    let url: Uri = url.parse().map_err(|_| Failure::NoUrl)?;
    let (Some(authority), Some(host)) = (url.authority(), url.host()) else {
        return Err(Failure::NoUrl);
    };
    // An IPv6 address is in brackets in a URL, and nowhere else.
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let https = url.scheme_str() == Some("https");
    let port = url.port_u16().unwrap_or(if https { 443 } else { 80 });
    let path = url
        .path_and_query()
        .map_or("/", http::uri::PathAndQuery::as_str);
    let request = Request::post(path)
        .header(header::HOST, authority.as_str())
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::USER_AGENT, "Tollgate")
        .header(ALERT_HEADER, alert.to_string())
        .body(Full::new(Bytes::copy_from_slice(message)))
        .map_err(|_| Failure::NoUrl)?;
    let stream = connect(host, port, private).await?;
    if !https {
        return send(stream, request).await;
    }
    let name = ServerName::try_from(host.to_owned()).map_err(|_| Failure::NoUrl)?;
    let tls = TlsConnector::from(Arc::clone(&TLS));
    let stream = tls
        .connect(name, stream)
        .await
        .map_err(Failure::Connection)?;
    send(stream, request).await
}

/// A connection to an address of the host that may be reached. Which one is decided here, once: a name that changes its mind
/// after it was looked at gains nothing.
async fn connect(host: &str, port: u16, private: bool) -> Result<TcpStream, Failure> {
    let found = tokio::net::lookup_host((host, port)).await;
    let found = found.map_err(|error| Failure::Unknown(host.to_owned(), error))?;
    let allowed: Vec<SocketAddr> = found
        .filter(|address| private || is_public(address.ip()))
        .collect();
    if allowed.is_empty() {
        return Err(Failure::Private(host.to_owned()));
    }
    TcpStream::connect(&allowed[..])
        .await
        .map_err(Failure::Connection)
}

async fn send<S>(stream: S, request: Request<Full<Bytes>>) -> Result<(), Failure>
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let answer = sender.send_request(request);
    tokio::pin!(answer, connection);
    // The answer's head is enough: its body is nobody's concern.
    let answer = tokio::select! {
        answer = &mut answer => answer,
        // It may end with the answer in it, or without one; the request knows.
        _ = &mut connection => answer.await,
    };
    let status = answer?.status();
    if status.is_success() {
        Ok(())
    } else if status.is_redirection() {
        Err(Failure::Redirect(status))
    } else {
        Err(Failure::Refused(status))
    }
}

/// Whether an address belongs to the internet, and not to some network of its own.
fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => is_public_v4(ip),
        IpAddr::V6(ip) => is_public_v6(ip),
    }
}

fn is_public_v4(ip: Ipv4Addr) -> bool {
    let [a, b, c, _] = ip.octets();
    let special = ip.is_private()
        || ip.is_loopback()
        || ip.is_link_local()
        || ip.is_multicast()
        || ip.is_documentation()
        // This network, carriers' networks, protocol assignments, benchmarks, and what is reserved.
        || a == 0
        || (a == 100 && (64..128).contains(&b))
        || (a == 192 && b == 0 && c == 0)
        || (a == 198 && (18..20).contains(&b))
        || a >= 240;
    !special
}

fn is_public_v6(ip: Ipv6Addr) -> bool {
    if let Some(v4) = ip.to_ipv4_mapped() {
        return is_public_v4(v4);
    }
    // Global unicast, without documentation, and without what carries IPv4 addresses inside (6to4, Teredo).
    let [a, b, ..] = ip.segments();
    let carrier = a == 0x2002 || (a == 0x2001 && (b < 0x200 || b == 0xdb8));
    (0x2000..0x4000).contains(&a) && !carrier
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_internet_is_public() {
        let check = |text: &str, want| {
            let ip: IpAddr = text.parse().unwrap();
            assert_eq!(is_public(ip), want, "{text}");
        };
        for public in [
            "1.1.1.1",
            "100.63.0.1",
            "192.0.1.1",
            "198.20.0.1",
            "2606:4700::1111",
        ] {
            check(public, true);
        }
        for private in [
            "0.0.0.0",
            "10.0.0.1",
            "100.64.0.1",
            "127.0.0.1",
            "169.254.169.254",
            "172.16.0.1",
            "192.0.0.1",
            "192.0.2.1",
            "192.168.1.1",
            "198.18.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:10.0.0.1",
            "64:ff9b::a00:1",
            "fc00::1",
            "fe80::1",
            "ff02::1",
            "2001:db8::1",
            "2002:a00:1::",
            "2001::1",
        ] {
            check(private, false);
        }
    }
}
