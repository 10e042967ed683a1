//! Push for tests in other languages: addresses to enrol from, and phones of the control's own.

use super::{Failure, Shared, Whose, teacher};
use crate::PushPhone;
use serde_json::{Value, json};
use std::{sync::Arc, time::Duration};

/// How long a prompt is waited for.
const PROMPT_LIMIT: Duration = Duration::from_secs(30);

#[derive(Clone, Copy)]
pub(super) enum Answer {
    Approve,
    Decline,
}

#[derive(Debug, thiserror::Error)]
#[error("the control has no phone for {0}; POST /push/phone first")]
struct NoPhone(&'static str);

impl Shared {
    pub(super) async fn enrol(&self, whose: Whose) -> Result<Value, Failure> {
        Ok(json!({"uri": self.academy.enrol_push(teacher(&whose.teacher)?).await?}))
    }

    /// Enrols a phone that the control keeps, in the place of the teacher's one before.
    pub(super) async fn phone(&self, whose: Whose) -> Result<Value, Failure> {
        let teacher = teacher(&whose.teacher)?;
        let uri = self.academy.enrol_push(teacher).await?;
        let phone = Arc::new(PushPhone::enrol(&self.academy, &uri).await?);
        let serial = phone.serial().to_owned();
        self.phones.lock().await.insert(teacher.uid, phone);
        Ok(json!({"serial": serial}))
    }

    /// Waits for a prompt and answers it.
    pub(super) async fn answer_prompt(&self, whose: Whose, answer: Answer) -> Result<Value, Failure> {
        let teacher = teacher(&whose.teacher)?;
        let phone = self.phones.lock().await.get(teacher.uid).cloned().ok_or(NoPhone(teacher.uid))?;
        let prompt = phone.next_prompt(PROMPT_LIMIT).await?;
        match answer {
            Answer::Approve => phone.approve(&prompt).await?,
            Answer::Decline => phone.decline(&prompt).await?,
        }
        Ok(json!({"title": prompt.title, "question": prompt.question}))
    }
}
