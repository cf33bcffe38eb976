//! Claims of an incoming request about who sent it. Their truth is checked elsewhere.

use std::borrow::Cow;

use super::canonical::{Scope, query_parameter};

/// The signature parts of a request, all of them present.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authentication<'a> {
    /// Place where the parts stood.
    pub source: Source,
    /// `Credential` as sent: the access key id, a slash, the scope.
    pub credential: Cow<'a, str>,
    /// `SignedHeaders` as sent: lower-case names joined by `;`.
    pub signed_headers: Cow<'a, str>,
    /// `Signature` as sent: hexadecimal.
    pub signature: Cow<'a, str>,
}

/// Place where a request carries its signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// The `Authorization` header.
    Header,
    /// `X-Amz-...` parameters of the query.
    Query,
}

/// Why a request counts as unsigned; the text is AWS's message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AuthError {
    /// Both forms at once: InvalidSignatureException.
    #[error("Found both 'X-Amz-Algorithm' as a query-string param and 'Authorization' as HTTP header.")]
    Both,
    /// Neither form: MissingAuthenticationTokenException.
    #[error("Missing Authentication Token")]
    Missing,
    /// One form with parts absent: IncompleteSignatureException.
    #[error("{0}")]
    Incomplete(String),
}

impl<'a> Authentication<'a> {
    /// Finds the signature of a request by its `Authorization` header, its raw query (without `?`) and whether
    /// there is an `X-Amz-Date` or `Date` header.
    pub fn parse(
        authorization: Option<&'a str>,
        query: Option<&'a str>,
        has_date: bool,
    ) -> Result<Self, AuthError> {
        let authorization = authorization.filter(|value| !value.is_empty());
        let query = query.unwrap_or_default();
        match (authorization, query_parameter(query, "X-Amz-Algorithm")) {
            (Some(_), Some(_)) => Err(AuthError::Both),
            (None, None) => Err(AuthError::Missing),
            (Some(header), None) => from_header(header, has_date),
            (None, Some(_)) => from_query(query),
        }
    }

    /// The access key id, and the scope if the credential has the five parts it should have.
    pub fn access_key_and_scope(&self) -> Option<(&str, Scope<'_>)> {
        split(&self.credential)
    }
}

/// The credential that a request names, whether the other parts of a signature are there or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedCredential<'a>(Cow<'a, str>);

impl<'a> NamedCredential<'a> {
    /// Finds it in the `Authorization` header or else in the raw query: where [`Authentication::parse`] reads it.
    pub fn find(authorization: Option<&'a str>, query: Option<&'a str>) -> Option<Self> {
        let Some(header) = authorization.filter(|value| !value.is_empty()) else {
            return query_parameter(query?, "X-Amz-Credential").map(Self);
        };
        // Of several the last counts, as there.
        let mut named = header.rsplit([',', ' ']).filter_map(|part| part.strip_prefix("Credential="));
        named.find(|value| !value.is_empty()).map(|value| Self(value.into()))
    }

    /// The scope, if the credential has the five parts it should have.
    pub fn scope(&self) -> Option<Scope<'_>> {
        split(&self.0).map(|(_, scope)| scope)
    }
}

/// Access key id and scope.
fn split(credential: &str) -> Option<(&str, Scope<'_>)> {
    // A key id may itself hold slashes, so the scope is taken from the end.
    let mut parts = credential.rsplitn(5, '/');
    if parts.next()? != "aws4_request" {
        return None;
    }
    let (service, region, date) = (parts.next()?, parts.next()?, parts.next()?);
    Some((parts.next()?, Scope { date, region, service }))
}

fn from_header(header: &str, has_date: bool) -> Result<Authentication<'_>, AuthError> {
    let (mut credential, mut signature, mut signed_headers) = (None, None, None);
    // One pass over every request's header: commas and spaces both separate.
    for part in header.split(',').flat_map(|part| part.split(' ')) {
        match part.split_once('=') {
            Some((_, "")) | None => {}
            Some(("Credential", value)) => credential = Some(value),
            Some(("Signature", value)) => signature = Some(value),
            Some(("SignedHeaders", value)) => signed_headers = Some(value),
            Some(_) => {}
        }
    }
    if let (Some(credential), Some(signature), Some(signed_headers), true) =
        (credential, signature, signed_headers, has_date)
    {
        return Ok(Authentication {
            source: Source::Header,
            credential: credential.into(),
            signed_headers: signed_headers.into(),
            signature: signature.into(),
        });
    }
    let mut text = String::new();
    let parts = [("Credential", credential), ("Signature", signature), ("SignedHeaders", signed_headers)];
    for (name, _) in parts.iter().filter(|(_, value)| value.is_none()) {
        text += &format!("Authorization header requires '{name}' parameter. ");
    }
    if !has_date {
        text += "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. ";
    }
    Err(AuthError::Incomplete(format!("{text}Authorization={header}")))
}

fn from_query(query: &str) -> Result<Authentication<'_>, AuthError> {
    let mut missing = String::new();
    let mut take = |name: &str| {
        query_parameter(query, name).filter(|value| !value.is_empty()).unwrap_or_else(|| {
            missing += &format!("AWS query-string parameters must include '{name}'. ");
            Cow::Borrowed("")
        })
    };
    take("X-Amz-Algorithm");
    let credential = take("X-Amz-Credential");
    let signature = take("X-Amz-Signature");
    let signed_headers = take("X-Amz-SignedHeaders");
    take("X-Amz-Date");
    if missing.is_empty() {
        Ok(Authentication { source: Source::Query, credential, signed_headers, signature })
    } else {
        Err(AuthError::Incomplete(missing + "Re-examine the query-string parameters."))
    }
}
