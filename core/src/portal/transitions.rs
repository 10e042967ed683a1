//! Every transition of a sign-in. No clock, no I/O.

use super::state::{Question as Q, SignInEvent, SignInFailure, SignInState, Typed};
use crate::academy::SecondFactor;

/// What to do after a transition. The last of them answers with an event where its line says so.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Effect {
    /// Ask the portal how to sign in: `Asked`, `Broke`.
    Prepare,
    /// Lead to the portal's page in the browser: `Asked`, `Broke`.
    HandOver,
    /// Exchange the browser's answer: `Entered`, `Asked`, `Broke`.
    Exchange { url: String },
    /// Try name and password: `Entered`, `Asked`, `Broke`.
    TryPassword { identifier: String, password: Typed },
    /// Choose a second factor: `Asked`, `Broke`.
    Choose(SecondFactor),
    /// Try a code, none for a prompt that was approved: `Entered`, `Asked`, `Broke`.
    TryCode(Option<Typed>),
    /// Ask for another mail with the code: `Asked`, `Broke`.
    Resend,
    /// Ask who they are: `Asked`, `Broke`.
    AskWho,
    /// Write down who they say they are: `Entered`, `Asked`, `Broke`.
    Introduce { identifier: String, address: String },
    /// See who was signed in before: `Recalled`, or nothing.
    Recall,
    /// Forget what this sign-in had come to.
    ForgetPending,
    /// End the session at the portal where the app holds it, and forget it: `Broke`, or nothing.
    EndSession,
}

impl Effect {
    /// Whether it asks the portal something for the teacher, who may lose patience. The end of a session is not given up.
    pub(super) fn waits_for_portal(&self) -> bool {
        match self {
            Self::Prepare | Self::Exchange { .. } | Self::TryPassword { .. } => true,
            Self::Choose(_) | Self::TryCode(_) | Self::Resend => true,
            Self::HandOver | Self::AskWho | Self::Introduce { .. } | Self::Recall => false,
            Self::ForgetPending | Self::EndSession => false,
        }
    }
}

/// The state after `event`, and what to do. An event that does not fit changes nothing.
pub(super) fn transition(state: SignInState, event: SignInEvent) -> (SignInState, Vec<Effect>) {
    use Effect as F;
    use SignInEvent as E;
    use SignInState as S;
    match (state, event) {
        // A tab of the browser that is open already may still bring its answer, and who waits need not type the name again.
        (S::Asks(Q::Browser { .. } | Q::Wait { .. }), E::Begin) => (S::Preparing, vec![F::Prepare]),
        (S::SignedOut | S::Asks(_) | S::SignedIn(_) | S::Failed(_), E::Begin) => {
            (S::Preparing, vec![F::ForgetPending, F::Prepare])
        }
        (S::Preparing | S::Checking, E::Asked(question)) => (S::Asks(question), vec![]),

        (S::Asks(Q::Browser { hands_back: true, .. }), E::Returned { url }) => (S::Checking, vec![F::Exchange { url }]),
        (S::Asks(Q::Browser { hands_back: false, .. }), E::Closed | E::Returned { .. }) => {
            (S::Preparing, vec![F::AskWho])
        }
        // A link handed to the app without a sign-in under way: somebody else's answer.
        (S::SignedOut | S::Failed(_), E::Returned { .. }) => {
            (S::Failed(SignInFailure::NotOurs("nothing was asked")), vec![])
        }

        (S::Asks(Q::Password { .. }), E::Password { identifier, password }) => {
            (S::Checking, vec![F::TryPassword { identifier, password }])
        }
        (S::Asks(Q::Choice { .. }), E::Chosen(factor)) => (S::Checking, vec![F::Choose(factor)]),
        (S::Asks(Q::Code { .. } | Q::Prompt { .. }), E::Code(code)) => (S::Checking, vec![F::TryCode(Some(code))]),
        (S::Asks(Q::Code { .. }), E::Resend) => (S::Checking, vec![F::Resend]),
        (S::Asks(Q::Prompt { .. }), E::Approved) => (S::Checking, vec![F::TryCode(None)]),
        (S::Asks(Q::Introduction { .. }), E::Introduced { identifier, address }) => {
            (S::Checking, vec![F::Introduce { identifier, address }])
        }
        (S::Asks(Q::Password { .. } | Q::Choice { .. } | Q::Code { .. } | Q::Prompt { .. }), E::UseBrowser) => {
            (S::Preparing, vec![F::ForgetPending, F::HandOver])
        }

        (S::Asks(Q::Choice { .. } | Q::Code { .. } | Q::Prompt { .. }), E::Back) => {
            (S::Preparing, vec![F::ForgetPending, F::Prepare])
        }
        (S::Asks(_) | S::Preparing | S::Checking | S::Failed(_), E::Back)
        | (S::Asks(Q::Browser { .. }) | S::Preparing, E::Closed) => (S::SignedOut, vec![F::ForgetPending, F::Recall]),
        (S::SignedOut, E::Recalled(who)) => (S::SignedIn(who), vec![]),

        (S::Preparing | S::Checking, E::Entered(who)) => (S::SignedIn(who), vec![F::ForgetPending]),
        // Signed out, but the keystore did not forget: the teacher must know.
        (S::Preparing | S::Checking | S::SignedOut, E::Broke(failure)) => (S::Failed(failure), vec![F::ForgetPending]),
        (_, E::SignOut) => (S::SignedOut, vec![F::ForgetPending, F::EndSession]),
        (state, _) => (state, vec![]),
    }
}
