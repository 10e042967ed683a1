//! Signed profiles: a file that replaces a bundled one without a new version of the app.
//!
//! The file is the TOML of a profile and, as its last line, a comment with an Ed25519 signature (RFC 8032) in base64 over
//! [`CONTEXT`] and all that stands before that line. So it is still a profile that any editor reads.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::civil::Date;
use ring::signature::{ED25519, UnparsedPublicKey};

use super::profile::ProfileError;

/// The size of the largest file that is read, in bytes.
pub const MAX_UPDATE: usize = 256 * 1024;

/// What the last line begins with.
const MARKER: &str = "# cartable-signature-1 ";

/// Signed before the text, so that a signature of this key over anything else is none over a profile.
const CONTEXT: &[u8] = b"cartable profile 1\n";

/// The public half of the pair whose private half signs profiles.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct UpdateKey([u8; 32]);

impl UpdateKey {
    /// The product's. Its private half was not kept: nobody can sign for it, and a release needs another.
    pub const PRODUCT: Self = Self([
        0x11, 0x66, 0xbc, 0x1f, 0xc2, 0xa7, 0x00, 0x10, 0xf7, 0x07, 0xd2, 0xb0, 0x5b, 0xfa, 0x2a, 0xbe, 0x28, 0xfd,
        0x3a, 0xd1, 0x0a, 0x37, 0xdc, 0xde, 0x99, 0xd7, 0x73, 0x4a, 0x83, 0x7d, 0x0d, 0x16,
    ]);

    /// A raw Ed25519 public key (RFC 8032).
    pub const fn new(public: [u8; 32]) -> Self {
        Self(public)
    }
}

/// Why a signed profile is not taken. The profile before it stays.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum UpdateError {
    /// More than [`MAX_UPDATE`] bytes.
    #[error("the file is too large")]
    TooLarge,
    /// The last line is no signature: never signed, or cut short.
    #[error("the file has no signature")]
    Unsigned,
    /// Not signed with this key, or changed since.
    #[error("the signature is wrong")]
    BadSignature,
    /// Rightly signed, but no profile that this version takes: of an unknown form, against a rule, or with a host or mail
    /// domain of another academy.
    #[error(transparent)]
    Profile(#[from] ProfileError),
    /// Of the same day as the profile that is there, or older.
    #[error("the file is of {offered}, and that of {known} is there")]
    NotNewer {
        /// The day of the profile that is there.
        known: Date,
        /// The day of the file.
        offered: Date,
    },
    /// The disk.
    #[error("the file cannot be read: {0:?}")]
    Unreadable(io::ErrorKind),
}

/// A file that was not taken.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct RefusedUpdate {
    /// Which file, or the folder when that could not be read.
    pub file: PathBuf,
    /// Why not.
    pub reason: UpdateError,
}

/// The profile of a signed file, once the signature has been found to be right. Nothing is parsed before.
pub(super) fn verified<'a>(signed: &'a [u8], key: &UpdateKey) -> Result<&'a str, UpdateError> {
    if signed.len() > MAX_UPDATE {
        return Err(UpdateError::TooLarge);
    }
    let signed = str::from_utf8(signed).map_err(|_| UpdateError::BadSignature)?;
    let lines = signed.strip_suffix('\n').ok_or(UpdateError::Unsigned)?;
    let begin = lines.rfind('\n').map_or(0, |before| before + 1);
    let (text, last) = lines.split_at_checked(begin).ok_or(UpdateError::Unsigned)?;
    let signature = last.strip_prefix(MARKER).ok_or(UpdateError::Unsigned)?;
    let signature = STANDARD.decode(signature).map_err(|_| UpdateError::Unsigned)?;
    let message = [CONTEXT, text.as_bytes()].concat();
    let public = UnparsedPublicKey::new(&ED25519, key.0);
    public.verify(&message, &signature).map_err(|_| UpdateError::BadSignature)?;
    Ok(text)
}

/// Gives the files `*.toml` of a folder to `take`, in the order of their names; those that it refuses, or that cannot be
/// read, are told.
pub(super) fn read(folder: &Path, mut take: impl FnMut(&[u8]) -> Result<(), UpdateError>) -> Vec<RefusedUpdate> {
    let files = match files(folder) {
        Ok(files) => files,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Vec::new(),
        Err(error) => {
            return vec![RefusedUpdate { file: folder.to_owned(), reason: UpdateError::Unreadable(error.kind()) }];
        }
    };
    let mut refused = Vec::new();
    for file in files {
        let taken = contents(&file).map_err(|error| UpdateError::Unreadable(error.kind()));
        if let Err(reason) = taken.and_then(|signed| take(&signed)) {
            refused.push(RefusedUpdate { file, reason });
        }
    }
    refused
}

fn files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in folder.read_dir()? {
        let entry = entry?;
        let path = entry.path();
        // A pipe would block for ever, and a link leads out of the app's folder.
        if path.extension().is_some_and(|extension| extension == "toml") && entry.file_type()?.is_file() {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// At most one byte more than is taken, so that a huge file is refused without being read.
fn contents(file: &Path) -> io::Result<Vec<u8>> {
    let mut contents = Vec::new();
    File::open(file)?.take(MAX_UPDATE as u64 + 1).read_to_end(&mut contents)?;
    Ok(contents)
}
