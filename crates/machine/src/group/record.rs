//! Records of a group: entries of members, one after the other.
#![deny(clippy::indexing_slicing, clippy::unwrap_used)]

use crate::changes::EncodeError;
use crate::machine::Misfit;

pub(super) const CHANGES: u8 = 1;
pub(super) const DAMAGED: u8 = 2;
pub(super) const FORGOTTEN: u8 = 3;

/// Part of a record that concerns one member.
pub(super) enum Entry<'a> {
    Changes { id: &'a str, data: &'a [u8] },
    Damaged { id: &'a str, cause: &'a str },
    Forgotten { id: &'a str },
}

/// Appends an entry whose data `write_data` appends.
pub(super) fn write(
    kind: u8,
    id: &str,
    to: &mut Vec<u8>,
    write_data: impl FnOnce(&mut Vec<u8>) -> Result<(), EncodeError>,
) -> Result<(), EncodeError> {
    let id_len = u16::try_from(id.len()).map_err(|_| EncodeError("a name is too long".into()))?;
    to.push(kind);
    to.extend_from_slice(&id_len.to_be_bytes());
    to.extend_from_slice(id.as_bytes());
    let len_at = to.len();
    to.extend_from_slice(&[0; 4]);
    let data_at = to.len();
    write_data(to)?;
    let data_len =
        u32::try_from(to.len() - data_at).map_err(|_| EncodeError("a record is too long".into()))?;
    if let Some(len) = to.get_mut(len_at..data_at) {
        len.copy_from_slice(&data_len.to_be_bytes());
    }
    Ok(())
}

/// The entries of a record.
pub(super) fn entries(record: &[u8]) -> impl Iterator<Item = Result<Entry<'_>, Misfit>> {
    let mut rest = record;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let entry = entry(&mut rest);
        if entry.is_none() {
            rest = &[];
        }
        Some(entry.ok_or_else(|| Misfit::Malformed("an entry of a member is cut or unknown".into())))
    })
}

fn entry<'a>(rest: &mut &'a [u8]) -> Option<Entry<'a>> {
    let (kind, after) = rest.split_first()?;
    *rest = after;
    let id_len = u16::from_be_bytes(take(rest, 2)?.try_into().ok()?);
    let id = std::str::from_utf8(take(rest, id_len.into())?).ok()?;
    let data_len = u32::from_be_bytes(take(rest, 4)?.try_into().ok()?);
    let data = take(rest, data_len as usize)?;
    match *kind {
        CHANGES => Some(Entry::Changes { id, data }),
        DAMAGED => Some(Entry::Damaged { id, cause: std::str::from_utf8(data).ok()? }),
        FORGOTTEN if data.is_empty() => Some(Entry::Forgotten { id }),
        _ => None,
    }
}

fn take<'a>(rest: &mut &'a [u8], len: usize) -> Option<&'a [u8]> {
    let (taken, after) = rest.split_at_checked(len)?;
    *rest = after;
    Some(taken)
}
