mod cas;
mod faults;
mod forge;
mod id_token;
mod oidc;
mod scripted;
mod session;
mod transitions;
