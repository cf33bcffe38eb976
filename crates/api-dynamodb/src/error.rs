//! DynamoDB's errors: names, the name spaces they come from, and what some of them carry.

use std::borrow::Cow;
use std::sync::Arc;

use headwater_edge::{EdgeError, Fault, Violations};
use headwater_store::StoreError;
use headwater_tables::expression::ExpressionError;
use headwater_tables::value::Item;
use headwater_tables::{Cancellation, TableName, TablesError};
use headwater_wire::{Codec, DecodeError};
use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};
use tracing::warn;

use super::shown::ShownItem;

pub(super) type Result<T> = std::result::Result<T, DynamoDbError>;

const THROUGHPUT: &str = "The level of configured provisioned throughput for the table was exceeded. Consider increasing \
                          your provisioning level with the UpdateTable API.";
/// Told when the process has no file descriptors left.
const NO_FILES: &str = "The server has no file descriptors left: try again when there are fewer connections.";
const CONDITION: &str = "The conditional request failed";

/// An error answer.
#[derive(Debug, Clone)]
pub(super) struct DynamoDbError {
    pub(super) status: u16,
    /// Without its name space.
    pub(super) kind: &'static str,
    message: Option<Cow<'static, str>>,
    details: Details,
}

/// Details that some errors carry beside their text.
#[derive(Debug, Clone)]
enum Details {
    None,
    /// The item for which a condition does not hold.
    Item(Arc<Item>),
    /// One for each action of a transaction.
    Reasons(Vec<Option<Cancellation>>),
}

impl DynamoDbError {
    fn new(status: u16, kind: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self { status, kind, message: Some(message.into()), details: Details::None }
    }

    pub(super) fn validation(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(400, "ValidationException", message)
    }

    /// Error for a wrong parameter, in the frame that AWS has for most of them.
    pub(super) fn parameter(message: impl std::fmt::Display) -> Self {
        Self::validation(format!("One or more parameter values were invalid: {message}"))
    }

    /// An option of AWS's that is not there. A request that has it must not seem to have got it.
    pub(super) fn not_offered(option: &str) -> Self {
        Self::parameter(format_args!("{option} is not supported by this server"))
    }

    pub(super) fn not_found(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(400, "ResourceNotFoundException", message)
    }

    /// A table of which backups are asked for.
    pub(super) fn no_table(table: &TableName) -> Self {
        Self::new(400, "TableNotFoundException", format!("Table not found: {table}"))
    }

    pub(super) fn no_recovery(message: &'static str) -> Self {
        Self::new(400, "PointInTimeRecoveryUnavailableException", message)
    }

    /// Error for a request that no capacity is left for, not even in part.
    pub(super) fn throttled() -> Self {
        Self::new(400, "ProvisionedThroughputExceededException", THROUGHPUT)
    }

    /// Of an operation on a table as such, whose texts name it.
    pub(super) fn of_table(error: TablesError) -> Self {
        match error {
            TablesError::TableNotFound(table) => {
                Self::not_found(format!("Requested resource not found: Table: {table} not found"))
            }
            TablesError::IndexNotFound(message) => Self::not_found(message),
            // What is asked for cannot be; of a table that is there it is the access to its items.
            TablesError::Key { trouble, .. } => {
                Self::parameter(format_args!("KMS validation error: {trouble}"))
            }
            other => other.into(),
        }
    }

    /// The body of the answer.
    pub(super) fn encode(&self) -> Vec<u8> {
        Codec::Json10.encode(self)
    }

    /// The name as it is sent.
    fn full_kind(&self) -> String {
        let space = match self.kind {
            "ValidationException" => "com.amazon.coral.validate",
            "ThrottlingException" => "com.amazon.coral.availability",
            "SerializationException"
            | "UnknownOperationException"
            | "AccessDeniedException"
            | "UnrecognizedClientException"
            | "ExpiredTokenException"
            | "MissingAuthenticationTokenException"
            | "IncompleteSignatureException"
            | "InvalidSignatureException"
            | "ServiceUnavailable" => "com.amazon.coral.service",
            _ => "com.amazonaws.dynamodb.v20120810",
        };
        format!("{space}#{}", self.kind)
    }
}

impl Serialize for DynamoDbError {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("__type", &self.full_kind())?;
        if let Some(message) = &self.message {
            let capital = matches!(
                self.kind,
                "SerializationException" | "AccessDeniedException" | "TransactionCanceledException"
            );
            map.serialize_entry(if capital { "Message" } else { "message" }, message)?;
        }
        match &self.details {
            Details::None => {}
            Details::Item(item) => map.serialize_entry("Item", &ShownItem(item))?,
            Details::Reasons(reasons) => {
                let reasons: Vec<_> = reasons.iter().map(|reason| Reason::of(reason.as_ref())).collect();
                map.serialize_entry("CancellationReasons", &reasons)?;
            }
        }
        map.end()
    }
}

/// Why an action kept a transaction from being done, or that it did not.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Reason<'a> {
    code: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    item: Option<ShownItem<'a>>,
}

impl<'a> Reason<'a> {
    fn of(reason: Option<&'a Cancellation>) -> Self {
        let (code, message, item) = match reason {
            None => ("None", None, None),
            Some(Cancellation::ConditionFailed(item)) => {
                (code(reason), Some(CONDITION), item.as_ref().map(|item| ShownItem(item)))
            }
            Some(Cancellation::Invalid(message)) => (code(reason), Some(message.as_str()), None),
            Some(Cancellation::Throttled(_)) => (code(reason), Some(THROUGHPUT), None),
        };
        Self { code, message, item }
    }
}

fn code(reason: Option<&Cancellation>) -> &'static str {
    match reason {
        None => "None",
        Some(Cancellation::ConditionFailed(_)) => "ConditionalCheckFailed",
        Some(Cancellation::Invalid(_)) => "ValidationError",
        Some(Cancellation::Throttled(_)) => "ProvisionedThroughputExceeded",
    }
}

impl From<TablesError> for DynamoDbError {
    fn from(error: TablesError) -> Self {
        use TablesError as E;
        let in_use = |message: String| Self::new(400, "ResourceInUseException", message);
        match error {
            E::Invalid(message) | E::IndexNotFound(message) => Self::validation(message),
            E::TableNotFound(_) => Self::not_found("Requested resource not found"),
            E::TableExists(table) => in_use(format!("Table already exists: {table}")),
            E::InUse { table, doing } => in_use(format!(
                "Attempt to change a resource which is still in use: Table is being {doing}: {table}"
            )),
            E::ConditionFailed(item) => {
                let details = item.map_or(Details::None, Details::Item);
                Self { details, ..Self::new(400, "ConditionalCheckFailedException", CONDITION) }
            }
            E::TransactionCanceled(reasons) => {
                let codes: Vec<_> = reasons.iter().map(|reason| code(reason.as_ref())).collect();
                let message = format!(
                    "Transaction cancelled, please refer cancellation reasons for specific reasons [{}]",
                    codes.join(", ")
                );
                let details = Details::Reasons(reasons);
                Self { details, ..Self::new(400, "TransactionCanceledException", message) }
            }
            E::TokenMismatch => Self::new(
                400,
                "IdempotentParameterMismatchException",
                "The ClientRequestToken was used with other parameters within the last ten minutes",
            ),
            E::Throttled(_) => Self::throttled(),
            E::LimitExceeded(message) => Self::new(400, "LimitExceededException", message),
            E::Store(StoreError::Busy) => Self::new(
                400,
                "ProvisionedThroughputExceededException",
                "Rate exceeded: the server's log takes no more at this moment.",
            ),
            E::Store(StoreError::NoSpace(cause)) => {
                warn!(%cause, "a write was refused for want of space");
                let why = "The disk of the server is full: writes are refused until there is space.";
                Self::new(503, "ServiceUnavailable", why)
            }
            // The caller's table, and words for the operator; not where the files are, which the log says.
            E::Lost { table, cause } => {
                warn!(%table, cause, "a request was refused: the table has lost changes, or may have");
                let why = format!(
                    "Table {table} has lost changes to damage of the server's data, or may have. It is not served until the \
                     damage is mended or the loss accepted; the server's operator finds more in its log."
                );
                Self::new(500, "InternalServerError", why)
            }
            E::Key { trouble, .. } => Self::new(
                400,
                "AccessDeniedException",
                format!("The KMS key of the table cannot be used: {trouble}"),
            ),
            E::Store(StoreError::NoFiles(cause)) => {
                warn!(%cause, "a request was refused for want of file descriptors");
                Self::new(503, "ServiceUnavailable", NO_FILES)
            }
            E::Stopped => Self::new(503, "ServiceUnavailable", "The server is stopping."),
            cause @ (E::Store(
                StoreError::Closed
                | StoreError::NoSuchLog(_)
                | StoreError::Conflict
                | StoreError::Corrupt(_)
                | StoreError::Read(_)
                | StoreError::Poisoned(_)
                | StoreError::Invalid(_),
            )
            | E::Damaged(_)
            | E::Undecided) => EdgeError::internal(&cause).into(),
        }
    }
}

impl From<ExpressionError> for DynamoDbError {
    fn from(error: ExpressionError) -> Self {
        Self::validation(error.0)
    }
}

impl From<DecodeError> for DynamoDbError {
    fn from(error: DecodeError) -> Self {
        EdgeError::from(error).into()
    }
}

impl From<Violations> for DynamoDbError {
    fn from(Violations(text): Violations) -> Self {
        Self::validation(text)
    }
}

/// Refusals of signatures, policies and of the server's own state.
impl From<EdgeError> for DynamoDbError {
    fn from(error: EdgeError) -> Self {
        let Fault { status, shape, message, .. } = match error {
            EdgeError::Internal => Fault { shape: "InternalServerError", ..error.usual() },
            EdgeError::Decode(_)
            | EdgeError::Auth(_)
            | EdgeError::Signature(_)
            | EdgeError::Key(_)
            | EdgeError::Denied(_)
            | EdgeError::UnknownOperation(_)
            | EdgeError::NoOperation
            | EdgeError::UnsupportedMedia { .. }
            | EdgeError::TooLarge(_)
            | EdgeError::Encoding(_)
            | EdgeError::Unavailable => error.usual(),
        };
        Self { status, kind: shape, message, details: Details::None }
    }
}

impl From<DynamoDbError> for Fault {
    fn from(refused: DynamoDbError) -> Self {
        Fault { body: Some(refused.encode().into()), ..Fault::bare(refused.status, refused.kind) }
    }
}

#[cfg(test)]
mod tests {
    use headwater_tables::value::AttributeValue;

    use super::*;

    fn sent(refused: impl Into<DynamoDbError>) -> String {
        String::from_utf8(refused.into().encode()).expect("text")
    }

    #[test]
    fn names_come_from_their_spaces() {
        assert_eq!(
            sent(DynamoDbError::validation("no")),
            r#"{"__type":"com.amazon.coral.validate#ValidationException","message":"no"}"#
        );
        assert_eq!(
            sent(EdgeError::UnknownOperation(String::new())),
            r#"{"__type":"com.amazon.coral.service#UnknownOperationException"}"#
        );
        let table = TableName::new("orders").expect("a name");
        assert_eq!(
            sent(TablesError::TableExists(table.clone())),
            r#"{"__type":"com.amazonaws.dynamodb.v20120810#ResourceInUseException","message":"Table already exists: orders"}"#
        );
        assert_eq!(
            sent(DynamoDbError::of_table(TablesError::TableNotFound(table))),
            r#"{"__type":"com.amazonaws.dynamodb.v20120810#ResourceNotFoundException","message":"Requested resource not found: Table: orders not found"}"#
        );
    }

    #[test]
    fn a_failed_condition_brings_the_item() {
        let item = Item::from([("a".to_owned(), AttributeValue::Bool(true))]);
        assert_eq!(
            sent(TablesError::ConditionFailed(Some(Arc::new(item)))),
            r#"{"__type":"com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException","message":"The conditional request failed","Item":{"a":{"BOOL":true}}}"#
        );
    }

    #[test]
    fn a_cancelled_transaction_brings_a_reason_for_each_action() {
        let reasons =
            vec![Some(Cancellation::ConditionFailed(None)), None, Some(Cancellation::Invalid("bad".into()))];
        assert_eq!(
            sent(TablesError::TransactionCanceled(reasons)),
            r#"{"__type":"com.amazonaws.dynamodb.v20120810#TransactionCanceledException","Message":"Transaction cancelled, please refer cancellation reasons for specific reasons [ConditionalCheckFailed, None, ValidationError]","CancellationReasons":[{"Code":"ConditionalCheckFailed","Message":"The conditional request failed"},{"Code":"None"},{"Code":"ValidationError","Message":"bad"}]}"#
        );
    }
}
