//! What a careful reader asks about a message before following it: pictures of other servers, links.

use super::{Companion, CompanionError};
use crate::mail::Opened;
use crate::mail::mime::{Hyperlink, LinkDoubt};
use crate::words::Finding;

/// Pictures of other servers. All of these give [`CompanionError::SignInAgain`] when nobody is signed in.
impl Companion {
    /// [`Companion::open_message`] with the pictures of other servers in its HTML, as far as they come over https and show anything.
    /// Fetches none: the web view does. Call it once the teacher asked for it, having been told who learns of it
    /// ([`crate::mail::mime::CleanHtml::picture_hosts`]).
    pub async fn open_message_with_pictures(&self, message: i64) -> Result<Opened, CompanionError> {
        Ok(self.mail()?.open_message_with_pictures(message).await?)
    }

    /// Whether the teacher wants the pictures of this sender's messages. Honour it only where the sender is proved: an address is
    /// quickly written. Reads the store only.
    pub async fn wants_pictures_of(&self, address: &str) -> Result<bool, CompanionError> {
        Ok(self.mail()?.wants_pictures_of(address).await?)
    }

    /// Keeps whether the teacher wants the pictures of this sender's messages. What is no address is not kept.
    pub async fn set_pictures_of(&self, address: &str, wanted: bool) -> Result<(), CompanionError> {
        Ok(self.mail()?.set_pictures_of(address, wanted).await?)
    }

    /// The senders whose pictures the teacher wants, for the settings. Reads the store only.
    pub async fn picture_senders(&self) -> Result<Vec<String>, CompanionError> {
        Ok(self.mail()?.picture_senders().await?)
    }
}

impl Hyperlink {
    /// What to tell the teacher before the link is opened, if anything is strange about it.
    pub fn finding(&self) -> Option<Finding> {
        let host = self.host.clone();
        Some(match self.doubt.as_ref()? {
            LinkDoubt::Elsewhere { shown } => Finding::LinkElsewhere { shown: shown.clone(), host },
            LinkDoubt::Letters => Finding::LinkLetters { host },
            LinkDoubt::Number => Finding::LinkNumber { host },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mail::mime::clean;
    use crate::words::Language;

    #[test]
    fn a_link_that_shows_another_address_is_told_in_words() {
        let said = |html: &str, language| {
            clean(html).links.first().and_then(Hyperlink::finding).map(|f| f.sentence(language).what)
        };
        let html = "<a href=https://mal.example/x>https://portail.ac-lyon.fr</a>";
        assert_eq!(
            said(html, Language::French).as_deref(),
            Some("Ce lien affiche « portail.ac-lyon.fr », mais mène à « mal.example ».")
        );
        assert_eq!(
            said(html, Language::English).as_deref(),
            Some("This link shows “portail.ac-lyon.fr” but leads to “mal.example”.")
        );
        assert_eq!(said("<a href=https://portail.ac-lyon.fr>le portail</a>", Language::French), None);
    }
}
