//! StartStreamEncryption.

use headwater_wire::Codec;
use headwater_wire::shape::Text;

use super::operation;
use crate::checks::{Checks, any_text};
use crate::context::Context;
use crate::error::{KinesisError, Result};
use crate::resource::stream_ref;

operation!("StartStreamEncryption", rate: none, changes: true);

headwater_wire::shape! {
    struct Input<'a> {
        stream_id: Text<'a> = "StreamId",
        stream_name: Text<'a> = "StreamName",
        stream_arn: Text<'a> = "StreamARN",
        encryption_type: Text<'a> = "EncryptionType",
        key_id: Text<'a> = "KeyId",
    }
}

/// Encryption types that the model lists; NONE is refused afterwards.
pub(super) const ENCRYPTION_TYPES: [&str; 2] = ["KMS", "NONE"];

/// KMS is the only type that is to be started or stopped.
pub(super) fn require_kms(encryption_type: &Option<Text<'_>>) -> Result<()> {
    match encryption_type.as_deref() {
        Some("KMS") => Ok(()),
        _ => Err(KinesisError::invalid_argument("The only valid EncryptionType is KMS.")),
    }
}

async fn run(context: &Context<'_>, codec: Codec, body: &[u8]) -> Result<Vec<u8>> {
    let input: Input<'_> = codec.decode(body)?;
    let stream = stream_ref!(input);
    let mut checks = Checks::default();
    context.expect_stream(&mut checks, &input.stream_id);
    checks.required_text("keyId", &input.key_id, any_text(1..=2048));
    checks.required("encryptionType", &input.encryption_type);
    checks.one_of("encryptionType", &input.encryption_type, &ENCRYPTION_TYPES);
    stream.check(&mut checks);
    checks.done()?;
    require_kms(&input.encryption_type)?;
    let (handle, _) = stream.find(context)?;
    context.streams.start_encryption(&handle, input.key_id.as_deref().unwrap_or_default()).await?;
    Ok(Vec::new())
}
