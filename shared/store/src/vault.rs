//! Encryption at rest: access keys' secrets and functions' environment variables.
//!
//! XChaCha20-Poly1305 with a random 24-byte nonce in front of the ciphertext. The *place* (table and row) is bound as
//! associated data, so a sealed value copied to another row does not open.

use std::fmt;
use std::sync::Arc;

use chacha20poly1305::aead::{Aead, AeadCore, OsRng, Payload};
use chacha20poly1305::{KeyInit, XChaCha20Poly1305, XNonce};

use crate::Error;

const NONCE_BYTES: usize = 24;

/// The master key. `Debug` shows nothing.
#[derive(Clone)]
pub struct Vault(Arc<XChaCha20Poly1305>);

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Vault(..)")
    }
}

impl Vault {
    pub fn new(key: &[u8; 32]) -> Self {
        Self(Arc::new(XChaCha20Poly1305::new(key.into())))
    }

    /// Seals `plain` for `place`, such as `access_key/AKIA...`.
    pub fn seal(&self, place: &str, plain: &[u8]) -> Vec<u8> {
        let nonce = XChaCha20Poly1305::generate_nonce(&mut OsRng);
        let payload = Payload {
            msg: plain,
            aad: place.as_bytes(),
        };
        let sealed = self.0.encrypt(&nonce, payload).unwrap_or_default();
        [nonce.as_slice(), &sealed].concat()
    }

    /// Opens what [`Self::seal`] made for the same place; `what` names the column for the error.
    pub fn open(&self, place: &str, what: &'static str, sealed: &[u8]) -> Result<Vec<u8>, Error> {
        let (nonce, body) = sealed
            .split_at_checked(NONCE_BYTES)
            .ok_or(Error::Sealed(what))?;
        let payload = Payload {
            msg: body,
            aad: place.as_bytes(),
        };
        self.0
            .decrypt(XNonce::from_slice(nonce), payload)
            .map_err(|_| Error::Sealed(what))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opens_only_in_its_place_with_its_key() {
        let vault = Vault::new(&[7; 32]);
        let sealed = vault.seal("a", b"secret");
        assert_eq!(vault.open("a", "t", &sealed).unwrap(), b"secret");
        assert!(vault.open("b", "t", &sealed).is_err());
        assert!(Vault::new(&[8; 32]).open("a", "t", &sealed).is_err());
        assert!(vault.open("a", "t", &sealed[..10]).is_err());
    }
}
