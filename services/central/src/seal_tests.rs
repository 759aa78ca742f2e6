use std::os::unix::fs::PermissionsExt;

use super::*;

const OLD: [u8; KEY] = [7; KEY];
const NEW: [u8; KEY] = [8; KEY];

fn key_file(folder: &Path, text: &[u8], mode: u32) -> PathBuf {
    let path = folder.join(format!("key-{mode:o}-{}", text.len()));
    std::fs::write(&path, text).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
    path
}

#[test]
fn what_was_sealed_opens_as_what_it_was_sealed_for_alone() {
    let sealer = Sealer::new(&[OLD]).unwrap();
    let sealed = sealer.seal("tsigkey", "secret", "SomeSecretKey").unwrap();
    assert!(sealed.ciphertext().starts_with("v1:"));
    assert!(!sealed.ciphertext().contains("SomeSecretKey"));
    assert_eq!(
        sealer.open("tsigkey", "secret", &sealed).unwrap(),
        "SomeSecretKey"
    );
    assert_eq!(sealer.open("tsigkey", "name", &sealed), Err(SealError::Locked));
    assert_eq!(sealer.open("pool", "secret", &sealed), Err(SealError::Locked));
    assert_ne!(
        sealer.seal("tsigkey", "secret", "SomeSecretKey").unwrap(),
        sealed,
        "a nonce is used once"
    );
}

#[test]
fn an_altered_text_does_not_open() {
    let sealer = Sealer::new(&[OLD]).unwrap();
    let sealed = sealer.seal("tsigkey", "secret", "").unwrap();
    let octets = BASE64
        .decode(sealed.ciphertext().strip_prefix(PREFIX).unwrap().as_bytes())
        .unwrap();
    for at in 0..octets.len() {
        let mut altered = octets.clone();
        altered[at] ^= 1;
        let altered = Sealed::new(format!("v1:{}", BASE64.encode(&altered)));
        assert_eq!(sealer.open("tsigkey", "secret", &altered), Err(SealError::Locked));
    }
    for text in ["", "v1:", "v1:AAAA", "v1:no base64!", "v2:AAAA", "clear"] {
        let error = sealer.open("tsigkey", "secret", &Sealed::new(text.to_owned()));
        assert_eq!(error, Err(SealError::Form), "{text}");
    }
}

#[test]
fn a_new_key_seals_and_the_old_one_still_opens() {
    let before = Sealer::new(&[OLD]).unwrap();
    let both = Sealer::new(&[NEW, OLD]).unwrap();
    let after = Sealer::new(&[NEW]).unwrap();
    let old = before.seal("pool", "api_token", "s").unwrap();
    assert_eq!(both.open("pool", "api_token", &old).unwrap(), "s");
    assert_eq!(after.open("pool", "api_token", &old), Err(SealError::Locked));
    let new = both.seal("pool", "api_token", "s").unwrap();
    assert_eq!(after.open("pool", "api_token", &new).unwrap(), "s");
    assert_eq!(before.open("pool", "api_token", &new), Err(SealError::Locked));
}

#[test]
fn keys_come_from_files_that_are_the_owners_alone() {
    let folder = tempfile::tempdir().unwrap();
    let good = key_file(folder.path(), new_key_file().as_bytes(), 0o600);
    let sealer = Sealer::from_files(&[&good]).unwrap();
    assert_eq!(format!("{sealer:?}"), "Sealer(1 keys)");
    let told = |text: &[u8], mode| {
        let path = key_file(folder.path(), text, mode);
        Sealer::from_files(&[&good, &path]).unwrap_err().to_string()
    };
    assert!(told(new_key_file().as_bytes(), 0o640).contains("chmod 0600"));
    assert!(told(b"c2hvcnQ=\n", 0o600).contains("it has 5 octets"));
    assert!(told(b"not base64 at all", 0o400).contains("it is not base64"));
    assert!(told(&[0xff; 7], 0o600).contains("it is not text"));
    let missing = Sealer::from_files(&[folder.path().join("missing")]).unwrap_err();
    assert!(missing.to_string().contains("missing cannot be read"));
    assert!(matches!(Sealer::from_files::<&Path>(&[]), Err(KeyError::None)));
    assert!(matches!(Sealer::new(&[]), Err(KeyError::None)));
}
