mod faults;
mod id_token;
mod time;
mod transitions;
