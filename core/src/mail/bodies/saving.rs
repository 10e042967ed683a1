//! Attachments into files: fetched in pieces, decoded as a stream, and there under their name only once they are whole.

use std::io;
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};
use rustix::io::retry_on_intr;
use tokio::fs::File;
use tokio::io::AsyncWriteExt;

use crate::mail::account::MailAccount;
use crate::mail::error::MailError;
use crate::mail::imap::{Encoding, ImapError};
use crate::mail::mime::{self, Decoder, Gap, Source};
use crate::mail::rows;
use crate::store::StoreError;

/// Files of one name in one folder; a folder that has more of them is full.
const NAMES: u32 = 1000;

/// A saved attachment.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Saved {
    /// The file.
    pub path: PathBuf,
    /// How many bytes it has.
    pub bytes: u64,
    /// Whether the sender encoded it wrongly: the file may be damaged.
    pub damaged: bool,
}

impl MailAccount {
    /// Saves an attachment, by its number in [`Reading::attachments`](crate::mail::mime::Reading::attachments), to a file in
    /// `folder`, which must be there. The file has the attachment's name, with a number where there is such a file already; it is
    /// there only once it is whole and on the disk.
    ///
    /// `progress` is told how many bytes, as they are on the server, of how many have come. Each piece is kept: dropped, cut off
    /// or killed, the next time goes on behind the last. Needs the same memory for any size; the disk has to hold it twice until
    /// the end, where a copy of more than a quarter of [`MailAccount::cache_limit`] is forgotten.
    ///
    /// [`MailError::BadFolder`] and [`StoreError::Full`] of the disk, [`MailError::NotFound`] when message or attachment are not
    /// there any more.
    pub async fn save_attachment(
        &self,
        message: i64,
        index: u32,
        folder: &Path,
        progress: &(dyn Fn(u64, u64) + Send + Sync),
    ) -> Result<Saved, MailError> {
        let _held = self.in_use.hold(message);
        let (attachment, source) = self.source(message, index).await?;
        self.save(message, attachment.name, source, folder, progress).await
    }

    /// Saves a message as it is on the server to a file in `folder`, named after its subject, as [`MailAccount::save_attachment`]
    /// does: whole, of any size.
    pub async fn save_source(
        &self,
        message: i64,
        folder: &Path,
        progress: &(dyn Fn(u64, u64) + Send + Sync),
    ) -> Result<Saved, MailError> {
        let _held = self.in_use.hold(message);
        let row = self.store.read(move |c| rows::one(c, message)).await?;
        let kept = self.store.read(move |c| rows::body(c, message)).await?;
        let source = match kept.filter(|body| body.gaps.is_empty() && !body.incomplete) {
            Some(body) => Source::Here(body.raw),
            None => Source::Away(Gap {
                at: 0,
                section: String::new(),
                encoding: Encoding::Identity,
                octets: u32::try_from(row.size).unwrap_or(u32::MAX),
                size: row.size,
            }),
        };
        let name = mime::file_name(&format!("{}.eml", row.subject.replace(['/', '\\'], "-")), 0, "message/rfc822");
        self.save(message, name, source, folder, progress).await
    }

    async fn save(
        &self,
        message: i64,
        name: String,
        source: Source,
        folder: &Path,
        progress: &(dyn Fn(u64, u64) + Send + Sync),
    ) -> Result<Saved, MailError> {
        if let Source::Away(gap) = &source {
            self.unless_stopped(self.bring(message, gap, progress)).await?;
        }
        let (mut file, temporary) = Temporary::make(folder).await.map_err(|error| on_disk(&error))?;
        let (bytes, damaged) = match &source {
            Source::Here(bytes) => {
                file.write_all(bytes).await.map_err(|error| on_disk(&error))?;
                (bytes.len() as u64, false)
            }
            Source::Away(gap) => self.decode(message, gap, &mut file).await?,
        };
        // What the system still has in its own hands fails only here.
        file.flush().await.map_err(|error| on_disk(&error))?;
        file.sync_all().await.map_err(|error| on_disk(&error))?;
        drop(file);
        let folder = folder.to_owned();
        let named = tokio::task::spawn_blocking(move || temporary.named(&folder, &name)).await;
        let path = named.map_err(|_| MailError::Stopped)?.map_err(|error| on_disk(&error))?;
        if let Source::Away(gap) = source {
            let (most, _) = self.cache_settings().await?;
            if u64::from(gap.octets) > most / 4 {
                self.forget_section(message, gap.section).await?;
            }
        }
        // The file is there: what is too much in the cache goes the next time at the latest.
        let _ = self.trim().await;
        Ok(Saved { path, bytes, damaged })
    }

    /// Decodes a part that is in the store piece by piece; how many bytes it has, and whether it was encoded wrongly.
    pub(in crate::mail) async fn decode(
        &self,
        message: i64,
        gap: &Gap,
        out: &mut (impl tokio::io::AsyncWrite + Unpin + Send),
    ) -> Result<(u64, bool), MailError> {
        let (mut decoder, mut at, mut written, mut decoded) = (Decoder::new(gap.encoding), 0, 0, Vec::new());
        loop {
            let section = gap.section.clone();
            let piece = self.store.read(move |c| rows::piece(c, message, &section, at)).await?;
            let Some(piece) = piece.filter(|piece| !piece.is_empty()) else { break };
            at += piece.len() as u64;
            decoder.push(&piece, &mut decoded);
            out.write_all(&decoded).await.map_err(|error| on_disk(&error))?;
            written += decoded.len() as u64;
            decoded.clear();
        }
        if !self.has_section(message, gap).await? {
            // Somebody emptied the cache meanwhile.
            return Err(ImapError::WrongPart.into());
        }
        let damaged = decoder.finish(&mut decoded);
        out.write_all(&decoded).await.map_err(|error| on_disk(&error))?;
        Ok((written + decoded.len() as u64, damaged))
    }
}

fn on_disk(error: &io::Error) -> MailError {
    match error.kind() {
        io::ErrorKind::NotFound
        | io::ErrorKind::NotADirectory
        | io::ErrorKind::PermissionDenied
        | io::ErrorKind::ReadOnlyFilesystem => MailError::BadFolder,
        _ => MailError::Store(StoreError::from_io(error)),
    }
}

/// A file that is not whole yet; gone when this is dropped.
struct Temporary {
    path: Option<PathBuf>,
}

impl Temporary {
    /// Makes one in `folder`. Its name shows what it is to somebody who finds it after a kill; the next save takes its place.
    async fn make(folder: &Path) -> io::Result<(File, Self)> {
        let folder = folder.to_owned();
        let making = tokio::task::spawn_blocking(move || {
            for number in 0..NAMES {
                let path = folder.join(format!(".cartable-{number}.part"));
                if is_left_over(&path) {
                    std::fs::remove_file(&path)?;
                }
                // Never through a link that lies there.
                match std::fs::OpenOptions::new().write(true).create_new(true).open(&path) {
                    Ok(file) => {
                        let made = Self { path: Some(path) };
                        lock(&file)?;
                        return Ok((File::from_std(file), made));
                    }
                    Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                    Err(error) => return Err(error),
                }
            }
            Err(io::ErrorKind::AlreadyExists.into())
        });
        making.await.map_err(io::Error::other)?
    }

    /// Gives the file its name, or the first like it that is free. Overwrites nothing.
    fn named(mut self, folder: &Path, name: &str) -> io::Result<PathBuf> {
        let Some(from) = self.path.take() else { return Err(io::ErrorKind::NotFound.into()) };
        let named = first_free(&from, folder, name);
        match &named {
            // A name is durable with its folder. Not every system opens one.
            Ok(_) => drop(std::fs::File::open(folder).and_then(|folder| folder.sync_all())),
            Err(_) => self.path = Some(from),
        }
        named
    }
}

/// Whether it is the unfinished file of somebody who is not there any more: nobody holds its lock.
fn is_left_over(path: &Path) -> bool {
    let file = std::fs::symlink_metadata(path).is_ok_and(|told| told.is_file()).then(|| std::fs::File::open(path));
    file.and_then(Result::ok).is_some_and(|file| lock(&file).is_ok())
}

fn lock(file: &std::fs::File) -> io::Result<()> {
    Ok(retry_on_intr(|| flock(file, FlockOperation::NonBlockingLockExclusive))?)
}

fn first_free(from: &Path, folder: &Path, name: &str) -> io::Result<PathBuf> {
    let (stem, ending) = match name.rsplit_once('.') {
        Some((stem, ending)) if !stem.is_empty() => (stem, format!(".{ending}")),
        _ => (name, String::new()),
    };
    for number in 1..=NAMES {
        let name = if number == 1 { name.to_owned() } else { format!("{stem} ({number}){ending}") };
        let to = folder.join(&name);
        match std::fs::hard_link(from, &to) {
            Ok(()) => {
                let _ = std::fs::remove_file(from);
                return Ok(to);
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            // A file system without links, as those of memory cards.
            Err(_) if std::fs::symlink_metadata(&to).is_err() => {
                std::fs::rename(from, &to)?;
                return Ok(to);
            }
            Err(_) => {}
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if let Some(path) = self.path.take() {
            let _ = std::fs::remove_file(path);
        }
    }
}
