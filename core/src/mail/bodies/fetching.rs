//! Fetching what is wanted of a message, and keeping each piece of it as it comes.

use super::plan::{Want, asks, cut, longest_text, to_read};
use super::{PIECE, WHOLE, WHOLE_MOST, WRITTEN};
use crate::mail::account::{Errand, MailAccount};
use crate::mail::error::MailError;
use crate::mail::imap::{Ask, HEADER, ImapError, Part, Piece};
use crate::mail::mime::{Gap, assemble};
use crate::mail::rows::{self, Body, Place, Structure};
use crate::store::StoreError;

/// Whom to tell how many bytes of how many have come. Must not wait for anything.
pub(in crate::mail) type Progress<'a> = &'a (dyn Fn(u64, u64) + Send + Sync);

/// Rounds without an end after which a server only wastes time: one that gives a few bytes for each question.
const ROUNDS: usize = 16;
/// A header as a section; it came with the structure.
const TOP: &str = "HEADER";

impl MailAccount {
    /// What is to be read of a message, kept before it is given back. [`MailError::TooLarge`] where a text is longer than `text`. [`MailError::NotFound`] where the message is gone,
    /// [`MailError::Renumbered`] where the mailbox has other UIDs now.
    pub(in crate::mail) async fn fetch_body(
        &self,
        errand: &mut Errand<'_>,
        message: i64,
        place: &Place,
        text: u64,
        progress: Progress<'_>,
    ) -> Result<Body, MailError> {
        if let Some(body) = self.store.read(move |c| rows::body(c, message)).await? {
            // Somebody else was faster.
            return Ok(body);
        }
        self.select_place(errand, place).await?;
        let known = self.store.read(move |c| rows::structure(c, message)).await?;
        let begun = self.store.read(move |c| Ok(!rows::stretches(c, message, "")?.is_empty())).await?;
        if begun || matches!(known, Structure::Unusable) || place.size <= WHOLE {
            return self.fetch_whole(errand, message, place, begun, progress).await;
        }
        if let Some(body) = self.fetch_texts(errand, message, place.uid, known, text, progress).await? {
            return Ok(body);
        }
        if place.size > text {
            return Err(MailError::TooLarge { size: place.size });
        }
        self.fetch_whole(errand, message, place, false, progress).await
    }

    /// The pieces of a section that are not here yet: afterwards all of it is in the store.
    pub(in crate::mail) async fn fetch_section(
        &self,
        errand: &mut Errand<'_>,
        message: i64,
        place: &Place,
        gap: &Gap,
        progress: Progress<'_>,
    ) -> Result<(), MailError> {
        self.select_place(errand, place).await?;
        let mut wants = [attachment(gap)];
        self.fetch_wants(errand, message, place.uid, &mut wants, progress).await
    }

    /// Whether all of a section is in the store.
    pub(in crate::mail) async fn has_section(&self, message: i64, gap: &Gap) -> Result<bool, MailError> {
        let mut wants = [attachment(gap)];
        self.recall(message, &mut wants).await?;
        Ok(asks(0, &wants).is_empty())
    }

    pub(super) async fn select_place(&self, errand: &mut Errand<'_>, place: &Place) -> Result<(), MailError> {
        let selected = errand.imap.select(&place.mailbox).await?;
        if place.uid_validity == Some(selected.uid_validity) { Ok(()) } else { Err(MailError::Renumbered) }
    }

    async fn fetch_whole(
        &self,
        errand: &mut Errand<'_>,
        message: i64,
        place: &Place,
        begun: bool,
        progress: Progress<'_>,
    ) -> Result<Body, MailError> {
        if !begun && place.size <= WHOLE {
            // As most are: one round trip and one transaction.
            let raw = errand.imap.fetch_part(place.uid, "", 0, PIECE).await?;
            progress(raw.len() as u64, raw.len() as u64);
            let ended = raw.len() < PIECE as usize;
            if ended {
                return self.keep(message, Body { raw, ..Body::default() }).await;
            }
            // It is larger than the server told.
            let piece = Piece::new(place.uid, String::new(), 0, PIECE, raw);
            self.store.write(move |t, _| rows::keep_pieces(t, message, &[(piece, false)])).await?;
        }
        let mut wants = [Want::new("", place.size.min(WHOLE_MOST), WHOLE_MOST)];
        self.fetch_wants(errand, message, place.uid, &mut wants, progress).await?;
        let raw = self.store.read(move |c| rows::section(c, message, "")).await?;
        if wants.iter().any(|want| want.reached() != raw.len() as u64) {
            return self.by_somebody_else(message).await;
        }
        let incomplete = raw.len() as u64 >= WHOLE_MOST;
        self.keep(message, Body { raw, incomplete, ..Body::default() }).await
    }

    /// The texts of a large message, in a skeleton of it. `None`, and remembered, where its structure is no help.
    async fn fetch_texts(
        &self,
        errand: &mut Errand<'_>,
        message: i64,
        uid: u32,
        known: Structure,
        text: u64,
        progress: Progress<'_>,
    ) -> Result<Option<Body>, MailError> {
        let root = match known {
            Structure::Parts(root) => Some(root),
            _ => self.outline(errand, message, uid).await?,
        };
        let Some(root) = root else { return Ok(None) };
        if longest_text(&root) > text {
            return Err(MailError::TooLarge { size: longest_text(&root) });
        }
        let (mut wants, mut incomplete) = to_read(&root);
        match self.fetch_wants(errand, message, uid, &mut wants, progress).await {
            // The structure speaks of parts that are not there, or not so.
            Err(MailError::Imap(ImapError::NoSuchPart | ImapError::WrongPart)) => {
                return self.unusable(message).await;
            }
            fetched => fetched?,
        }
        incomplete |= wants.iter().any(Want::is_cut);
        let sections: Vec<_> = wants.iter().map(|want| (want.section.clone(), want.reached(), want.is_cut())).collect();
        let (header, bytes) = self
            .store
            .read(move |c| {
                let one = |(section, length, is_cut): (String, u64, bool)| {
                    let mut bytes = rows::section(c, message, &section)?;
                    if bytes.len() as u64 != length {
                        return Ok(None);
                    }
                    if is_cut {
                        cut(&mut bytes);
                    }
                    Ok::<_, StoreError>(Some((section, bytes)))
                };
                let bytes = sections.into_iter().map(one).collect::<Result<Option<Vec<_>>, _>>()?;
                Ok((rows::section(c, message, TOP)?, bytes))
            })
            .await?;
        let Some(bytes) = bytes.filter(|_| !header.is_empty()) else {
            return self.by_somebody_else(message).await.map(Some);
        };
        let built = tokio::task::spawn_blocking(move || {
            let content = |name: &str| bytes.iter().find(|(one, _)| one == name).map(|(_, bytes)| bytes.as_slice());
            assemble(&header, &root, &content)
        });
        match built.await.ok().flatten() {
            Some(built) => {
                let body = Body { raw: built.raw, gaps: built.gaps, incomplete };
                Ok(Some(self.keep(message, body).await?))
            }
            None => self.unusable(message).await,
        }
    }

    /// How a message is made up, kept with its header. `None` where that cannot be used.
    async fn outline(&self, errand: &mut Errand<'_>, message: i64, uid: u32) -> Result<Option<Part>, MailError> {
        let outline = match errand.imap.fetch_outline(uid).await {
            Err(error @ ImapError::Limit(_)) => {
                // Such a structure costs the connection. Not again for this message.
                self.store.write(move |t, _| rows::keep_structure(t, message, None)).await?;
                return Err(error.into());
            }
            outline => outline?,
        };
        let root = outline.root.filter(|_| outline.header.len() < HEADER as usize);
        let kept = root.clone();
        let header = Piece::new(uid, TOP.to_owned(), 0, HEADER, outline.header);
        self.store
            .write(move |t, _| {
                rows::keep_pieces(t, message, &[(header, true)])?;
                rows::keep_structure(t, message, kept.as_ref())
            })
            .await?;
        Ok(root)
    }

    /// The pieces are gone: somebody else has made of them what is to be read, or has emptied the cache.
    async fn by_somebody_else(&self, message: i64) -> Result<Body, MailError> {
        self.store.read(move |c| rows::body(c, message)).await?.ok_or(MailError::Imap(ImapError::Closed))
    }

    async fn unusable(&self, message: i64) -> Result<Option<Body>, MailError> {
        self.store.write(move |t, _| rows::keep_structure(t, message, None)).await?;
        Ok(None)
    }

    async fn keep(&self, message: i64, body: Body) -> Result<Body, MailError> {
        let body = std::sync::Arc::new(body);
        let kept = std::sync::Arc::clone(&body);
        self.store.write(move |t, _| rows::keep_body(t, message, &kept)).await?;
        Ok(std::sync::Arc::unwrap_or_clone(body))
    }

    async fn recall(&self, message: i64, wants: &mut [Want]) -> Result<(), MailError> {
        let sections: Vec<_> = wants.iter().map(|want| want.section.clone()).collect();
        let here = self.store.read(move |c| {
            sections.iter().map(|section| rows::stretches(c, message, section)).collect::<Result<Vec<_>, _>>()
        });
        for (want, stretches) in wants.iter_mut().zip(here.await?) {
            want.has(&stretches);
        }
        Ok(())
    }

    /// Fetches what is missing of `wants` in as few round trips as the server lets it be: usually one.
    async fn fetch_wants(
        &self,
        errand: &mut Errand<'_>,
        message: i64,
        uid: u32,
        wants: &mut [Want],
        progress: Progress<'_>,
    ) -> Result<(), MailError> {
        self.recall(message, wants).await?;
        for _ in 0..ROUNDS {
            let asks = asks(uid, wants);
            if asks.is_empty() {
                return if wants.iter().any(Want::is_endless) { self.absurd(message, wants).await } else { Ok(()) };
            }
            self.fetch_round(errand, message, asks, wants, progress).await?;
            if wants.iter().any(Want::is_absurd) {
                return self.absurd(message, wants).await;
            }
        }
        self.absurd(message, wants).await
    }

    /// What came contradicts itself, or what was told of it: none of it is kept.
    async fn absurd(&self, message: i64, wants: &[Want]) -> Result<(), MailError> {
        for want in wants {
            let section = want.section.clone();
            self.forget_section(message, section).await?;
        }
        Err(ImapError::WrongPart.into())
    }

    pub(super) async fn forget_section(&self, message: i64, section: String) -> Result<(), MailError> {
        loop {
            let name = section.clone();
            if self.store.write(move |t, _| rows::drop_pieces(t, message, &name, 128)).await? == 0 {
                return Ok(());
            }
        }
    }

    async fn fetch_round(
        &self,
        errand: &mut Errand<'_>,
        message: i64,
        asks: Vec<Ask>,
        wants: &mut [Want],
        progress: Progress<'_>,
    ) -> Result<(), MailError> {
        let mut asks = asks.into_iter();
        let mut fetch = errand.imap.piece_fetch(&mut asks);
        let (mut waiting, mut going) = (Vec::new(), Ok(true));
        while going == Ok(true) {
            let (mut arrived, mut bytes) = (Vec::new(), 0);
            let read = async {
                while bytes < WRITTEN {
                    let mut take = |piece: Piece| {
                        let (offset, asked) = (u64::from(piece.offset), u64::from(piece.asked));
                        let want = wants.iter_mut().find(|want| want.section == piece.section);
                        let came = want.and_then(|want| want.came(offset, piece.bytes.len() as u64, asked));
                        bytes += piece.bytes.len();
                        arrived.extend(came.map(|last| (piece, last)));
                    };
                    if !fetch.go_on(&mut take).await? {
                        return Ok(false);
                    }
                }
                Ok::<_, ImapError>(true)
            };
            let (read, written) = tokio::join!(read, self.write_pieces(message, waiting));
            written?;
            (waiting, going) = (arrived, read);
            let (done, total) =
                wants.iter().fold((0, 0), |(done, total), want| (done + want.done(), total + want.total()));
            progress(done, total);
        }
        // What came before a failure is good and is kept: the next fetch goes on behind it.
        self.write_pieces(message, waiting).await?;
        going?;
        Ok(())
    }

    async fn write_pieces(&self, message: i64, pieces: Vec<(Piece, bool)>) -> Result<(), MailError> {
        if pieces.is_empty() {
            return Ok(());
        }
        Ok(self.store.write(move |t, _| rows::keep_pieces(t, message, &pieces)).await?)
    }
}

/// A part that is fetched to its end. One that goes on long behind the size that the server tells is none.
fn attachment(gap: &Gap) -> Want {
    let octets = u64::from(gap.octets);
    Want::new(gap.section.clone(), octets, octets * 2 + 1024 * 1024).up_to_its_end()
}
