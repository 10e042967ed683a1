//! Ten thousand days of a teacher's phone at a portal that locks: mistyped and changed passwords, wrong codes, two protocols at
//! once, kills, restarts, clocks that jump, servers that are down, somebody else who locks the account. The phone never locks
//! it, and what the ledger says is true.

use std::sync::Arc;

use super::{Hands, MINUTE};
use crate::attempts::{Hold, Ledger, LedgerError, Outcome, Presence, WINDOW_MS};
use crate::ports::{Clock, MemoryStore};
use crate::store::Store;

const DAYS: u64 = 10_000;
const REALMS: u64 = 500;

/// A portal that locks after so many refused tries within its window.
struct Portal {
    password: u64,
    locks_after: usize,
    window_ms: i64,
    /// Whether it forgets what it refused once somebody is let in. LemonLDAP::NG does not.
    forgives: bool,
    asks_a_code: bool,
    refused_at: Vec<i64>,
    /// Somebody else has locked the account until then.
    locked_until: i64,
}

#[derive(Debug, PartialEq)]
enum Verdict {
    In,
    AsksACode,
    Wrong,
    LockedFor(i64),
}

impl Portal {
    fn judge(&mut self, password: u64, now: i64) -> Verdict {
        if now < self.locked_until {
            return Verdict::LockedFor(self.locked_until - now);
        }
        if password != self.password {
            return self.refuse(now);
        }
        if self.asks_a_code { Verdict::AsksACode } else { self.let_in() }
    }

    fn let_in(&mut self) -> Verdict {
        if self.forgives {
            self.refused_at.clear();
        }
        Verdict::In
    }

    fn refuse(&mut self, now: i64) -> Verdict {
        self.refused_at.push(now);
        self.refused_at.retain(|at| now - at < self.window_ms);
        assert!(self.refused_at.len() < self.locks_after, "the phone has locked the account");
        Verdict::Wrong
    }
}

/// A phone with one account, and its teacher.
struct Phone<'a> {
    store: &'a Store,
    secrets: Arc<MemoryStore>,
    clock: Arc<Hands>,
    /// What nobody can see: how much time has really passed.
    real: i64,
    realm: String,
    portal: Portal,
    kept: u64,
    typed: u64,
    /// When a try was last refused or left open.
    failed_at: Option<i64>,
    /// Until when the phone has been told that the account is locked.
    told_until: i64,
    chance: Chance,
}

struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }

    fn percent(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }
}

impl Phone<'_> {
    /// One try, as IMAP, SMTP or the portal's form make it; whether the server took it.
    async fn try_it(&mut self, password: u64, presence: Presence) -> bool {
        // A new one each time, as after a start of the app: all it knows is on the disk.
        let ledger = Ledger::new(self.store.clone(), self.secrets.clone(), self.clock.clone());
        let secret = format!("password {password}").into();
        let reserved = match ledger.reserve(&self.realm, "jdupont", &secret, presence).await {
            Ok(reserved) => reserved,
            Err(LedgerError::KnownWrong) => {
                assert_ne!(password, self.portal.password, "the right password is called wrong");
                return false;
            }
            Err(LedgerError::Wait { until_ms, hold }) => {
                let left = until_ms - self.clock.now_ms();
                match hold {
                    Hold::Locked => {
                        assert!(self.told_until > 0 && left > 0 && left <= 30 * MINUTE, "locked for {left} ms")
                    }
                    _ => {
                        assert!(self.failed_at.is_some() && left > 0 && left <= WINDOW_MS, "told to wait for {left} ms")
                    }
                }
                return false;
            }
            Err(other) => panic!("{other}"),
        };
        assert!(self.real >= self.told_until, "a try while the account is known to be locked");
        match self.chance.below(10) {
            // The server is down, a captive portal answers, or the app is killed, before the password is out.
            0 => ledger.settle(reserved, Outcome::Untold).await.unwrap(),
            1 => self.failed_at = Some(self.real),
            // The app is killed before the answer is written down.
            2 => {
                self.portal.judge(password, self.real);
                self.failed_at = Some(self.real);
            }
            _ => match self.portal.judge(password, self.real) {
                Verdict::In => {
                    ledger.settle(reserved, Outcome::Accepted).await.unwrap();
                    return true;
                }
                Verdict::AsksACode => {
                    ledger.settle(reserved, Outcome::Right).await.unwrap();
                    return self.enter_code(&ledger).await;
                }
                Verdict::Wrong => {
                    ledger.settle(reserved, Outcome::Refused).await.unwrap();
                    self.failed_at = Some(self.real);
                }
                Verdict::LockedFor(ms) => {
                    ledger.settle(reserved, Outcome::Untold).await.unwrap();
                    ledger.lock(&self.realm, "jdupont", ms).await.unwrap();
                    self.told_until = self.real + ms;
                }
            },
        }
        false
    }

    /// The code after the password, mistyped now and then.
    async fn enter_code(&mut self, ledger: &Ledger) -> bool {
        let Ok(reserved) = ledger.reserve_code(&self.realm, "jdupont").await else { return false };
        if self.chance.percent(20) {
            self.portal.refuse(self.real);
            ledger.settle(reserved, Outcome::Refused).await.unwrap();
            self.failed_at = Some(self.real);
            return false;
        }
        self.portal.let_in();
        ledger.settle(reserved, Outcome::Accepted).await.unwrap();
        true
    }

    fn pass(&mut self, ms: i64) {
        self.real += ms;
        self.clock.pass(ms);
    }

    async fn happen(&mut self) {
        match self.chance.below(14) {
            0..4 => {
                for _protocol in 0..2 {
                    self.try_it(self.kept, Presence::Unattended).await;
                }
            }
            4..7 => {
                // Mistyped now and then, and tried again at once.
                for _ in 0..3 {
                    self.typed += 1;
                    let mistyped = 1_000_000 + self.typed;
                    let password = if self.chance.percent(60) { self.portal.password } else { mistyped };
                    if self.try_it(password, Presence::Attended).await {
                        self.kept = password;
                        break;
                    }
                    let seconds = self.chance.below(90);
                    self.pass(i64::try_from(seconds).unwrap() * 1000);
                }
            }
            7 => self.portal.password += 1,
            8 => {
                let hours = i64::try_from(self.chance.below(144)).unwrap() - 72;
                self.clock.jump(hours * 60 * MINUTE);
            }
            9 => {
                self.clock.start_anew();
                let minutes = self.chance.below(3);
                self.pass(i64::try_from(minutes).unwrap() * MINUTE);
            }
            10 => {
                let minutes = i64::try_from(self.chance.below(30)).unwrap() + 1;
                self.portal.locked_until = self.portal.locked_until.max(self.real + minutes * MINUTE);
            }
            _ => {}
        }
        let minutes = if self.chance.percent(70) { self.chance.below(15) } else { self.chance.below(300) };
        self.pass(i64::try_from(minutes).unwrap() * MINUTE);
    }
}

#[tokio::test]
async fn ten_thousand_days_lock_no_account_and_tell_no_lie() {
    // The disk's patience is not what is tried here.
    let memory = std::path::Path::new("/dev/shm");
    let folder = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() }.unwrap();
    let store = Store::open(folder.path()).unwrap();
    let secrets = Arc::new(MemoryStore::default());
    for realm in 0..REALMS {
        let mut chance = Chance(realm);
        let portal = Portal {
            password: 1,
            locks_after: if chance.percent(50) { 3 } else { 5 },
            window_ms: i64::try_from(chance.below(4) + 1).unwrap() * 5 * MINUTE,
            forgives: chance.percent(50),
            asks_a_code: chance.percent(30),
            refused_at: Vec::new(),
            locked_until: 0,
        };
        let clock = Arc::new(Hands::default());
        let (store, secrets, realm) = (&store, secrets.clone(), format!("académie {realm}"));
        let (real, kept, typed, failed_at, told_until) = (0, 1, 0, None, 0);
        let mut phone =
            Phone { store, secrets, clock, real, realm, portal, kept, typed, failed_at, told_until, chance };
        phone.pass(1_800_000_000_000);
        for _day in 0..DAYS / REALMS {
            for _ in 0..8 {
                phone.happen().await;
            }
            // However the day was: half an hour later the right password gets a chance.
            if phone.chance.percent(30) {
                let mut taken = false;
                for _ in 0..60 {
                    phone.pass(WINDOW_MS);
                    taken = phone.try_it(phone.portal.password, Presence::Attended).await;
                    if taken {
                        phone.kept = phone.portal.password;
                        break;
                    }
                }
                assert!(taken, "the right password is never taken");
            }
            phone.pass(600 * MINUTE);
        }
    }
}
