//! Identity of a caller.

use std::fmt;
use std::sync::Arc;

use headwater_types::{AccountId, Arn, Partition};

use crate::policy::IdentityPolicy;

/// A user of an account, or the account itself.
#[derive(Clone)]
pub struct Caller {
    account: AccountId,
    user: Option<String>,
    arn: String,
    policies: Arc<[IdentityPolicy]>,
}

impl Caller {
    /// A user, or without a name the account itself, which may do everything in its account and needs no policies.
    pub fn new(
        partition: Partition,
        account: AccountId,
        user: Option<String>,
        policies: Arc<[IdentityPolicy]>,
    ) -> Self {
        let resource = user.as_ref().map_or_else(|| "root".to_owned(), |user| format!("user/{user}"));
        let arn = Arn::of_iam(partition, &account, &resource).to_string();
        Self { account, user, arn, policies }
    }

    /// Account in which a bare name of a stream is looked up.
    pub fn account(&self) -> AccountId {
        self.account
    }

    /// The user's name; none for the account itself.
    pub fn user(&self) -> Option<&str> {
        self.user.as_deref()
    }

    /// `arn:aws:iam::ACCOUNT:user/NAME` or `arn:aws:iam::ACCOUNT:root`.
    pub fn arn(&self) -> &str {
        &self.arn
    }

    pub(crate) fn policies(&self) -> &[IdentityPolicy] {
        &self.policies
    }
}

impl fmt::Debug for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Caller({})", self.arn)
    }
}
