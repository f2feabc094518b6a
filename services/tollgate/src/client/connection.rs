//! One HTTP request over one connection: a command makes few.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, anyhow};
use bytes::Bytes;
use http::{Request, Response, Uri};
use http_body_util::BodyExt;
use http_body_util::combinators::BoxBody;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

/// A request's body: whole, or in pieces that report how far it is.
pub(crate) type Body = BoxBody<Bytes, std::convert::Infallible>;

/// Sends a request to where its URI points and reads the whole answer.
pub(crate) async fn send(request: Request<Body>, trust: Option<&Path>) -> Result<Response<Bytes>> {
    let uri = request.uri().clone();
    let secure = uri.scheme_str() == Some("https");
    let host = uri
        .host()
        .context("the endpoint's URL has no host")?
        .to_owned();
    let port = uri.port_u16().unwrap_or(if secure { 443 } else { 80 });
    let address = host.trim_matches(['[', ']']).to_owned();
    let stream = TcpStream::connect((address.as_str(), port))
        .await
        .map_err(|error| anyhow!("Nothing answers at {}: {error}.", origin(&uri)))?;
    stream.set_nodelay(true)?;
    if !secure {
        return over(stream, request).await;
    }
    let name = ServerName::try_from(address).context("the endpoint's host is not a name")?;
    let stream = connector(trust)?
        .connect(name, stream)
        .await
        .map_err(|error| anyhow!("No TLS with {}: {error}.", origin(&uri)))?;
    over(stream, request).await
}

async fn over<S>(stream: S, request: Request<Body>) -> Result<Response<Bytes>>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let context = || format!("{} broke the connection off", origin(request.uri()));
    let lost = context();
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    // The connection makes progress only while it is polled: beside the exchange, and no longer than it.
    let exchange = async {
        let response = sender.send_request(origin_form(request)?).await?;
        let (parts, body) = response.into_parts();
        let body = body.collect().await?.to_bytes();
        Ok::<_, anyhow::Error>(Response::from_parts(parts, body))
    };
    tokio::pin!(exchange);
    tokio::select! {
        answer = &mut exchange => answer.with_context(|| lost),
        ended = connection => {
            ended.with_context(|| lost.clone())?;
            exchange.await.with_context(|| lost)
        }
    }
}

/// HTTP/1.1 names the host in a header and only the path in the request line.
fn origin_form(mut request: Request<Body>) -> Result<Request<Body>> {
    let path = request
        .uri()
        .path_and_query()
        .map_or("/", |path| path.as_str());
    *request.uri_mut() = path.parse()?;
    Ok(request)
}

fn origin(uri: &Uri) -> String {
    let scheme = uri.scheme_str().unwrap_or("http");
    let authority = uri.authority().map_or("", |authority| authority.as_str());
    format!("{scheme}://{authority}")
}

fn connector(trust: Option<&Path>) -> Result<TlsConnector> {
    let trust = trust
        .context("The endpoint speaks https: name the certificates to trust with AWS_CA_BUNDLE.")?;
    let context = || format!("{} does not hold certificates in PEM form", trust.display());
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(trust).with_context(context)? {
        roots
            .add(certificate.with_context(context)?)
            .with_context(context)?;
    }
    let config = ClientConfig::builder()
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}
