//! StopStreamEncryption.

use headwater_wire::Codec;
use headwater_wire::shape::Text;

use super::operation;
use super::start_stream_encryption::{ENCRYPTION_TYPES, require_kms};
use crate::checks::{Checks, any_text};
use crate::context::Context;
use crate::error::Result;
use crate::resource::stream_ref;

operation!("StopStreamEncryption", rate: none, changes: true);

headwater_wire::shape! {
    struct Input<'a> {
        stream_id: Text<'a> = "StreamId",
        stream_name: Text<'a> = "StreamName",
        stream_arn: Text<'a> = "StreamARN",
        encryption_type: Text<'a> = "EncryptionType",
        key_id: Text<'a> = "KeyId",
    }
}

async fn run(context: &Context<'_>, codec: Codec, body: &[u8]) -> Result<Vec<u8>> {
    let input: Input<'_> = codec.decode(body)?;
    let stream = stream_ref!(input);
    let mut checks = Checks::default();
    context.expect_stream(&mut checks, &input.stream_id);
    // Terraform sends an empty one for a stream that is not encrypted. Which key it is makes no difference.
    checks.required_text("keyId", &input.key_id, any_text(0..=2048));
    checks.required("encryptionType", &input.encryption_type);
    checks.one_of("encryptionType", &input.encryption_type, &ENCRYPTION_TYPES);
    stream.check(&mut checks);
    checks.done()?;
    let (handle, _) = stream.find(context)?;
    // Nor does the type: Terraform names the one the stream has, NONE too, where its argument kms_key_id alone changed.
    if handle.view().meta().encryption().is_some() {
        require_kms(&input.encryption_type)?;
    }
    context.streams.stop_encryption(&handle).await?;
    Ok(Vec::new())
}
