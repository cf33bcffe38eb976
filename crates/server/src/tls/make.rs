//! Makes an authority of one's own and a certificate of it: `headwater tls init` and `--tls-self-signed`.
//!
//! # Constraints
//! Clients that insist on verification accept the certificate if they are told to trust the authority: the authority
//! is one (CA:TRUE) and the certificate is none (CA:FALSE), it has the names by which the server is reached, and it is
//! not valid for longer than clients accept. An authority that is there already signs again, so that what trusts it
//! need not be told again.

use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use headwater_host::{Readers, create_directory, exists, read_secret_file, write_text_file};
use headwater_types::Timestamp;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyPair, KeyUsagePurpose, SanType,
};

use super::TlsFiles;

/// The authority's certificate, which clients are told to trust.
pub(crate) const CA_CERTIFICATE: &str = "ca.pem";
/// The authority's private key.
const CA_KEY: &str = "ca.key";
/// The server's certificate.
pub(crate) const CERTIFICATE: &str = "server.pem";
/// The server's private key.
pub(crate) const KEY: &str = "server.key";

/// The longest validity that clients accept of a server (Apple's platforms: 825 days), less the day before now.
const DAYS_MAX: u32 = 824;
/// An authority lives as long as anybody will want it.
const CA_DAYS: u32 = 3650;
const DAY_S: u64 = 24 * 3600;

/// Parameters of a certificate to make.
#[derive(Debug, Clone)]
pub struct MakeTls {
    /// Directory of the four files.
    pub directory: PathBuf,
    /// Names and addresses by which the server is reached.
    pub names: Vec<String>,
    /// For how many days the certificate is valid, 1 to 824.
    pub days: u32,
    /// Now.
    pub now: Timestamp,
}

/// Files of a new certificate.
#[derive(Debug, Clone)]
pub struct MadeTls {
    /// For the server.
    pub files: TlsFiles,
    /// For its clients to trust.
    pub ca: PathBuf,
    /// False if the authority was there before.
    pub new_ca: bool,
}

/// Why nothing was made: one line.
#[derive(Debug, thiserror::Error)]
pub enum MakeTlsError {
    /// The validity is not between a day and what clients accept.
    #[error("a certificate for {0} days: give 1 to {DAYS_MAX}, clients accept no longer ones")]
    Days(u32),
    /// A name cannot stand in a certificate.
    #[error("'{0}' is neither a host name nor an address")]
    Name(String),
    /// A file cannot be read or written.
    #[error("{path}: {cause}")]
    File {
        /// The file.
        path: String,
        /// Why.
        cause: io::Error,
    },
    /// Something that was read or made is no key or certificate.
    #[error("{path}: {cause}")]
    Certificate {
        /// The file.
        path: String,
        /// Why.
        cause: rcgen::Error,
    },
}

/// The names by which a server is reached on its own machine, and the machine's.
pub fn default_names() -> Vec<String> {
    let machine = rustix::system::uname();
    let machine = machine.nodename().to_string_lossy().into_owned();
    let mut names: Vec<String> = ["localhost", "127.0.0.1", "::1"].map(str::to_owned).into();
    if is_host_name(&machine) && !names.contains(&machine) {
        names.push(machine);
    }
    names
}

/// Makes a certificate, and the authority if there is none yet.
pub fn make(wanted: &MakeTls) -> Result<MadeTls, MakeTlsError> {
    let MakeTls { directory, names, days, now } = wanted;
    if !(1..=DAYS_MAX).contains(days) {
        return Err(MakeTlsError::Days(*days));
    }
    let at = |name: &str| directory.join(name);
    let (ca, ca_key) = (at(CA_CERTIFICATE), at(CA_KEY));
    create_directory(directory).map_err(file(directory))?;
    let new_ca = !(exists(&ca) && exists(&ca_key));
    let key = if new_ca {
        KeyPair::generate().map_err(certificate(&ca_key))?
    } else {
        let pem = read_secret_file(&ca_key).map_err(file(&ca_key))?;
        KeyPair::from_pem(&pem).map_err(certificate(&ca_key))?
    };
    let authority = authority(*now);
    if new_ca {
        let signed = authority.self_signed(&key).map_err(certificate(&ca))?;
        write_text_file(&ca_key, &key.serialize_pem(), Readers::Owner).map_err(file(&ca_key))?;
        write_text_file(&ca, &signed.pem(), Readers::Everybody).map_err(file(&ca))?;
    }
    let files = TlsFiles { certificate: at(CERTIFICATE), key: at(KEY) };
    let server_key = KeyPair::generate().map_err(certificate(&files.key))?;
    let issuer = Issuer::from_params(&authority, &key);
    let signed = server(names, *now, *days)?.signed_by(&server_key, &issuer);
    let signed = signed.map_err(certificate(&files.certificate))?;
    // The key first: a server that looks between the two finds a pair that does not fit, and keeps what it has.
    write_text_file(&files.key, &server_key.serialize_pem(), Readers::Owner).map_err(file(&files.key))?;
    write_text_file(&files.certificate, &signed.pem(), Readers::Everybody)
        .map_err(file(&files.certificate))?;
    Ok(MadeTls { files, ca, new_ca })
}

fn file(path: &Path) -> impl FnOnce(io::Error) -> MakeTlsError {
    let path = path.display().to_string();
    move |cause| MakeTlsError::File { path, cause }
}

fn certificate(path: &Path) -> impl FnOnce(rcgen::Error) -> MakeTlsError {
    let path = path.display().to_string();
    move |cause| MakeTlsError::Certificate { path, cause }
}

fn named(name: &str) -> DistinguishedName {
    let mut distinguished = DistinguishedName::new();
    distinguished.push(DnType::CommonName, name);
    distinguished
}

/// The authority. Its name and key are all that a certificate of it takes from it, so it is the same each time.
fn authority(now: Timestamp) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = named("Headwater local authority");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    valid(&mut params, now, CA_DAYS);
    params
}

fn server(names: &[String], now: Timestamp, days: u32) -> Result<CertificateParams, MakeTlsError> {
    let mut params = CertificateParams::default();
    params.distinguished_name = named("Headwater");
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    for name in names {
        params.subject_alt_names.push(match name.parse::<IpAddr>() {
            Ok(address) => SanType::IpAddress(address),
            Err(_) if is_host_name(name) => {
                let text = name.as_str().try_into().map_err(|_| MakeTlsError::Name(name.clone()))?;
                SanType::DnsName(text)
            }
            Err(_) => return Err(MakeTlsError::Name(name.clone())),
        });
    }
    valid(&mut params, now, days);
    Ok(params)
}

/// Letters, digits, dashes and dots; a star may stand for the first label.
fn is_host_name(name: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    name.len() <= 253 && name.strip_prefix("*.").unwrap_or(name).split('.').all(label)
}

/// From a day ago, for machines whose clocks are behind.
fn valid(params: &mut CertificateParams, now: Timestamp, days: u32) {
    let day = |seconds: u64| {
        let (year, month, day) = headwater_wire::date::day(Timestamp::from_secs(seconds));
        rcgen::date_time_ymd(year, month, day)
    };
    params.not_before = day(now.as_secs().saturating_sub(DAY_S));
    params.not_after = day(now.as_secs() + u64::from(days) * DAY_S);
}
