mod cas;
mod faults;
mod id_token;
mod scripted;
mod transitions;
