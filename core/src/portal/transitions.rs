//! Every transition of a sign-in. No clock, no I/O.

use super::state::{SignInEvent, SignInFailure, SignInState};

/// What to do after a transition.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Effect {
    /// Ask the portal how to sign in; answer with `Prepared` or `Broke`.
    Prepare,
    /// Exchange the browser's answer; answer with `Exchanged` or `Broke`.
    Exchange { url: String },
    /// Forget verifier, state and nonce.
    ForgetPending,
    /// Forget the tokens.
    ForgetSession,
}

/// The state after `event`, and what to do. An event that does not fit changes nothing.
pub(super) fn transition(state: SignInState, event: SignInEvent) -> (SignInState, Vec<Effect>) {
    use SignInEvent as E;
    use SignInState as S;
    match (state, event) {
        (S::SignedOut | S::Failed(_) | S::Browser { .. } | S::SignedIn(_), E::Begin) => {
            (S::Preparing, vec![Effect::ForgetPending, Effect::Prepare])
        }
        (S::Preparing, E::Prepared { url, host }) => (S::Browser { url, host }, vec![]),
        (S::Browser { .. }, E::Returned { url }) => (S::Exchanging, vec![Effect::Exchange { url }]),
        // A link handed to the app without a sign-in under way: somebody else's answer.
        (S::SignedOut | S::Failed(_), E::Returned { .. }) => {
            (S::Failed(SignInFailure::NotOurs("nothing was asked")), vec![])
        }
        (S::Browser { .. } | S::Preparing, E::Closed) => (S::SignedOut, vec![Effect::ForgetPending]),
        (S::Exchanging, E::Exchanged(who)) => (S::SignedIn(who), vec![Effect::ForgetPending]),
        // Signed out, but the keystore did not forget: the teacher must know.
        (S::Preparing | S::Exchanging | S::SignedOut, E::Broke(failure)) => {
            (S::Failed(failure), vec![Effect::ForgetPending])
        }
        (_, E::SignOut) => (S::SignedOut, vec![Effect::ForgetPending, Effect::ForgetSession]),
        (state, _) => (state, vec![]),
    }
}
