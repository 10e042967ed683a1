mod faults;
mod id_token;
mod transitions;
