use std::collections::HashSet;
use std::sync::Arc;

use headwater_host::{Random, SeededRandom, SystemRandom};
use headwater_vault::{DataKey, Forged, SEALED_OVERHEAD, Secret};
use proptest::prelude::*;

fn key(byte: u8) -> DataKey {
    DataKey::new(Secret::from_bytes(&[byte; 32]).unwrap(), &*SystemRandom::new())
}

fn sealed(key: &DataKey, place: &[u8], plain: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    key.cipher().seal(place, &mut out, |out| out.extend_from_slice(plain)).unwrap();
    out
}

fn opened(key: &DataKey, place: &[u8], sealed: &[u8]) -> Result<Vec<u8>, Forged> {
    let mut out = b"before".to_vec();
    let done = key.cipher().open(place, sealed, &mut out);
    assert!(
        out.starts_with(b"before") && (done.is_ok() || out.len() == 6),
        "nothing is left of what is refused"
    );
    done.map(|()| out[6..].to_vec())
}

proptest! {
    #[test]
    fn what_is_sealed_opens(plain in prop::collection::vec(any::<u8>(), 0..500), place in any::<Vec<u8>>()) {
        let key = key(1);
        let sealed = sealed(&key, &place, &plain);
        prop_assert_eq!(sealed.len(), plain.len() + SEALED_OVERHEAD);
        prop_assert_eq!(opened(&key, &place, &sealed).unwrap(), plain);
    }

    #[test]
    fn any_bytes_are_refused(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
        prop_assert_eq!(opened(&key(1), b"", &bytes), Err(Forged));
    }
}

#[test]
fn no_bit_of_it_may_change() {
    let (key, place) = (key(1), b"a place");
    let whole = sealed(&key, place, b"a secret text");
    for at in 0..whole.len() {
        for bit in 0..8 {
            let mut other = whole.clone();
            other[at] ^= 1 << bit;
            assert_eq!(opened(&key, place, &other), Err(Forged), "byte {at}, bit {bit}");
        }
        assert_eq!(opened(&key, place, &whole[..at]), Err(Forged), "cut at {at}");
    }
    for at in 0..place.len() {
        let mut other = *place;
        other[at] ^= 1;
        assert_eq!(opened(&key, &other, &whole), Err(Forged), "place {at}");
    }
    assert_eq!(opened(&self::key(2), place, &whole), Err(Forged));
}

/// Several keys of one secret, as after restarts, used by several threads.
#[test]
fn no_nonce_is_used_twice() {
    let random: Arc<dyn Random> = SeededRandom::new(3);
    let secret = Secret::from_bytes(&[1; 32]).unwrap();
    let keys: Vec<_> = (0..20).map(|_| DataKey::new(secret.clone(), &*random)).collect();
    let nonces: Vec<Vec<u8>> = std::thread::scope(|scope| {
        let seal =
            |key: &DataKey| (0..500).map(|_| sealed(key, b"", b"x")[..12].to_vec()).collect::<Vec<_>>();
        let threads: Vec<_> =
            keys.iter().flat_map(|key| [key, key]).map(|key| scope.spawn(move || seal(key))).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(nonces.len(), 20_000);
    assert_eq!(nonces.iter().collect::<HashSet<_>>().len(), nonces.len());
    assert_eq!(keys[0].used(), (1000, 1000));
}
