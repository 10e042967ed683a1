//! What a teacher does with an open message besides reading it.

use std::path::Path;

use super::{Companion, CompanionError};
use crate::mail::mime::{Answer, Attachment, Fate, Form, Invitation, InvitationAnswer, Notice, Reading, Report};
use crate::mail::{Left, RawSource, Saved};
use crate::words::{Finding, Sentence};

/// Reading. All of these but [`Companion::report_words`] and [`Companion::notice_words`] give [`CompanionError::SignInAgain`] when
/// nobody is signed in.
impl Companion {
    /// Whether the teacher prefers text or HTML where a message has both. Reads the store only.
    pub async fn reading_form(&self) -> Result<Form, CompanionError> {
        Ok(self.mail()?.form().await?)
    }

    /// Sets what [`Companion::reading_form`] gives. Durable when it returns.
    pub async fn set_reading_form(&self, form: Form) -> Result<(), CompanionError> {
        Ok(self.mail()?.set_form(form).await?)
    }

    /// Opens a message that is an attachment ([`Notice::Forwarded`]) of a message, or of one in it: `path` has the number of an
    /// attachment at each level, at most eight.
    pub async fn open_inner_message(&self, message: i64, path: Vec<u32>) -> Result<Reading, CompanionError> {
        Ok(self.mail()?.open_inner(message, path).await?)
    }

    /// An attachment of a message in a message: the last number of `path` is the attachment's.
    pub async fn inner_attachment(
        &self,
        message: i64,
        path: Vec<u32>,
    ) -> Result<(Attachment, Vec<u8>), CompanionError> {
        Ok(self.mail()?.inner_attachment(message, path).await?)
    }

    /// The source of a message for a screen, as far as it is on the phone.
    pub async fn raw_source(&self, message: i64) -> Result<RawSource, CompanionError> {
        Ok(self.mail()?.raw_source(message).await?)
    }

    /// Saves the whole source of a message to a file in `folder`, as [`Companion::save_attachment`] does.
    pub async fn save_source(
        &self,
        message: i64,
        folder: &Path,
        progress: &(dyn Fn(u64, u64) + Send + Sync),
    ) -> Result<Saved, CompanionError> {
        Ok(self.mail()?.save_source(message, folder, progress).await?)
    }

    /// Leaves the mailing list of a message by one request to `host`, which the teacher was shown and agreed to.
    /// [`CompanionError::NotFound`] where the message does not offer that, or at another host.
    pub async fn leave_list(&self, message: i64, host: &str) -> Result<Left, CompanionError> {
        Ok(self.mail()?.leave_list(message, host).await?)
    }

    /// The teacher's answer to an invitation, to be sent to its organizer; `None` where it is none that can be answered.
    pub fn answer_invitation(
        &self,
        invitation: &Invitation,
        answer: Answer,
    ) -> Result<Option<InvitationAnswer>, CompanionError> {
        Ok(invitation.answer(answer, &self.mail()?.author(), self.clock.now_ms()))
    }

    /// What to tell the teacher about a delivery report.
    pub fn report_words(&self, report: &Report) -> Option<Sentence> {
        Some(report.finding()?.sentence(self.language))
    }

    /// What to tell the teacher about the kind of a message; `None` where its text says it.
    pub fn notice_words(&self, notice: &Notice) -> Option<Sentence> {
        Some(notice.finding()?.sentence(self.language))
    }
}

impl Report {
    /// What the teacher is told: of who did not get it before who will get it later, and of who got it last.
    pub fn finding(&self) -> Option<Finding> {
        let of = |fate: Fate| self.recipients.iter().filter(move |one| one.fate == fate);
        let all = [Fate::Failed, Fate::Delayed, Fate::Delivered, Fate::Relayed];
        let fate = all.into_iter().find(|fate| of(*fate).next().is_some())?;
        let first = of(fate).next()?;
        let (address, others) = (first.address.clone(), of(fate).count().saturating_sub(1) as u64);
        Some(match fate {
            Fate::Failed => Finding::Undelivered { address, others, why: first.reason.word() },
            Fate::Delayed => Finding::DeliveryDelayed { address, others },
            _ => Finding::Delivered { address, others },
        })
    }
}

impl Notice {
    /// What the teacher is told about it; `None` where nothing is to be said.
    pub fn finding(&self) -> Option<Finding> {
        match self {
            Self::PgpEncrypted | Self::SmimeEncrypted => Some(Finding::EncryptedMessage),
            Self::PgpSigned | Self::SmimeSigned => Some(Finding::SignedMessage),
            Self::Winmail { .. } => Some(Finding::OutlookAttachment),
            Self::AutomaticAnswer => Some(Finding::AutomaticAnswer),
            _ => None,
        }
    }
}
