//! TLS: certificates from files, taken up anew when the files change.
//!
//! # Constraints
//! The private key is read only if nobody but its owner can read the file. Clients are offered HTTP/2 and HTTP/1.1 by
//! ALPN; what they speak is decided by their first bytes all the same, because some send HTTP/2 without having been
//! offered it. A certificate that cannot be used never replaces one that can.

mod make;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use headwater_host::{Clock, read_secret_file, read_text_file};
use tokio::sync::Notify;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{self, ServerConfig};
use tracing::{info, warn};

pub(crate) use make::{CA_CERTIFICATE, CERTIFICATE, KEY};
pub use make::{MadeTls, MakeTls, MakeTlsError, default_names, make};

/// Interval at which the files are looked at.
const LOOK: Duration = Duration::from_secs(10);

/// Files of a certificate and its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificate and those between it and the authority, PEM.
    pub certificate: PathBuf,
    /// Its private key, PEM.
    pub key: PathBuf,
}

/// Why a certificate cannot be used: one line that names the file and the mend.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read, or others can read the key.
    #[error("cannot read {path}: {cause}")]
    Unreadable {
        /// The file.
        path: String,
        /// Why.
        cause: io::Error,
    },
    /// The file holds nothing of the kind.
    #[error("{path} holds no {wanted} in PEM form: {cause}")]
    NoPem {
        /// The file.
        path: String,
        /// The item that should be there.
        wanted: &'static str,
        /// Why not.
        cause: String,
    },
    /// Certificate and key do not belong together, or are of a kind that is not supported.
    #[error("the certificate {certificate} and the key {key} cannot be used together: {cause}")]
    Mismatch {
        /// The certificate's file.
        certificate: String,
        /// The key's file.
        key: String,
        /// Why.
        cause: rustls::Error,
    },
}

/// The certificate that is served now.
#[derive(Clone)]
pub(crate) struct Tls {
    files: TlsFiles,
    current: Arc<ArcSwap<Loaded>>,
    asked: Arc<Notify>,
}

struct Loaded {
    /// Contents of the files.
    text: [String; 2],
    config: Arc<ServerConfig>,
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tls").field("files", &self.files).finish_non_exhaustive()
    }
}

impl Tls {
    pub(crate) fn load(files: &TlsFiles) -> Result<Self, TlsError> {
        let text = read(files)?;
        let config = configure(files, &text)?;
        let current = Arc::new(ArcSwap::from_pointee(Loaded { text, config }));
        Ok(Self { files: files.clone(), current, asked: Arc::default() })
    }

    /// Acceptor of new connections.
    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(self.current.load().config.clone())
    }

    /// Takes up what the files hold now, if that is something else than before and can be used.
    fn reload(&self, refused: &mut Option<[String; 2]>) -> Result<bool, TlsError> {
        let text = read(&self.files)?;
        if text == self.current.load().text || refused.as_ref() == Some(&text) {
            return Ok(false);
        }
        match configure(&self.files, &text) {
            Ok(config) => {
                self.current.store(Arc::new(Loaded { text, config }));
                Ok(true)
            }
            Err(error) => {
                *refused = Some(text);
                Err(error)
            }
        }
    }

    /// Has the files looked at now.
    pub(crate) fn look(&self) {
        self.asked.notify_one();
    }

    /// Looks at the files again and again, and when asked to, until the task is dropped. New connections get what is
    /// found; those that are open keep what they have.
    pub(crate) async fn keep_fresh(self, clock: Arc<dyn Clock>) {
        let (mut refused, mut unreadable) = (None, false);
        loop {
            tokio::select! {
                () = clock.sleep(LOOK) => {}
                () = self.asked.notified() => {}
            }
            match self.reload(&mut refused) {
                Ok(changed) => {
                    unreadable = false;
                    if changed {
                        info!(certificate = %self.files.certificate.display(), "a new certificate is in use");
                    }
                }
                // Said once: a file that is being replaced may be away for a moment.
                Err(TlsError::Unreadable { .. }) if unreadable => {}
                Err(error) => {
                    unreadable = matches!(error, TlsError::Unreadable { .. });
                    warn!(%error, "the certificate stays as it was");
                }
            }
        }
    }
}

fn read(files: &TlsFiles) -> Result<[String; 2], TlsError> {
    let unreadable = |path: &Path| {
        let path = path.display().to_string();
        move |cause| TlsError::Unreadable { path, cause }
    };
    let certificate = read_text_file(&files.certificate).map_err(unreadable(&files.certificate))?;
    let key = read_secret_file(&files.key).map_err(unreadable(&files.key))?;
    Ok([certificate, key])
}

fn configure(files: &TlsFiles, [certificate, key]: &[String; 2]) -> Result<Arc<ServerConfig>, TlsError> {
    let no_pem = |path: &Path, wanted, cause: String| TlsError::NoPem {
        path: path.display().to_string(),
        wanted,
        cause,
    };
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(certificate.as_bytes()).collect();
    let chain = chain.map_err(|cause| no_pem(&files.certificate, "certificate", cause.to_string()))?;
    if chain.is_empty() {
        return Err(no_pem(&files.certificate, "certificate", "there is none".into()));
    }
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes())
        .map_err(|cause| no_pem(&files.key, "private key", cause.to_string()))?;
    let mismatch = |cause| TlsError::Mismatch {
        certificate: files.certificate.display().to_string(),
        key: files.key.display().to_string(),
        cause,
    };
    let mut config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(mismatch)?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(mismatch)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}
