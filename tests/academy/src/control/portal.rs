//! The portal for tests in other languages: the teacher's browser, their authenticator, and somebody who guesses.

use super::{Asking, Failure, Shared, Whose, teacher};
use crate::{Browser, BrowserError, Teacher};
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;

#[derive(Deserialize)]
pub(super) struct SignIn {
    url: String,
    teacher: String,
}

#[derive(Deserialize)]
pub(super) struct Visit {
    url: String,
    teacher: String,
    #[serde(default = "yes")]
    typing: bool,
}

#[derive(Deserialize)]
pub(super) struct Guess {
    teacher: String,
    times: usize,
}

fn yes() -> bool {
    true
}

impl Shared {
    pub(super) async fn sign_in(&self, request: SignIn) -> Result<Value, Failure> {
        let teacher = teacher(&request.teacher)?;
        let browser = self.browser_of(teacher).await?;
        Ok(json!({"redirect": browser.sign_in(&request.url, teacher).await?}))
    }

    pub(super) async fn visit(&self, request: Visit) -> Result<Value, Failure> {
        let teacher = teacher(&request.teacher)?;
        let browser = self.browser_of(teacher).await?;
        let page = match request.typing {
            true => browser.visit(&request.url, teacher).await?,
            false => browser.visit_without_typing(&request.url).await?,
        };
        Ok(json!({"address": page.address, "status": page.status, "text": page.text}))
    }

    /// Types wrong passwords in a browser of nobody's.
    pub(super) async fn guess(&self, asked: Guess) -> Result<Value, Failure> {
        let (teacher, page) = (teacher(&asked.teacher)?, format!("{}/", self.academy.issuer()));
        let mut refused = Vec::new();
        for _ in 0..asked.times {
            let browser = Browser::new(&self.academy)?.with_password("deviné");
            match browser.sign_in(&page, teacher).await {
                Err(BrowserError::Refused(number)) => refused.push(number),
                Err(other) => return Err(other.into()),
                Ok(_) => return Err("a guess was right".into()),
            }
        }
        Ok(json!({"refused": refused}))
    }

    /// Enrols an authenticator that the teacher's browser keeps.
    pub(super) async fn enrol_totp(&self, whose: Whose) -> Result<Value, Failure> {
        let teacher = teacher(&whose.teacher)?;
        let mut browser = Browser::new(&self.academy)?;
        browser.visit(self.academy.issuer(), teacher).await?;
        let secret = browser.enrol_totp().await?;
        self.browsers.lock().await.insert(teacher.uid, Arc::new(browser));
        Ok(json!({"secret": secret}))
    }

    pub(super) async fn totp_code(&self, asked: &Asking) -> Result<Value, Failure> {
        let browser = self.browser_of(teacher(asked.of("teacher"))?).await?;
        Ok(json!({"code": browser.totp_code()?}))
    }

    pub(super) async fn mailed_code(&self, asked: &Asking) -> Result<Value, Failure> {
        let teacher = teacher(asked.of("teacher"))?;
        let before = asked.of("before").parse().unwrap_or_default();
        Ok(json!({"code": Browser::new(&self.academy)?.mailed_code(teacher, before).await?}))
    }

    async fn browser_of(&self, teacher: &'static Teacher) -> Result<Arc<Browser>, Failure> {
        let mut browsers = self.browsers.lock().await;
        if let Some(known) = browsers.get(teacher.uid) {
            return Ok(Arc::clone(known));
        }
        let browser = Arc::new(Browser::new(&self.academy)?);
        browsers.insert(teacher.uid, Arc::clone(&browser));
        Ok(browser)
    }
}
