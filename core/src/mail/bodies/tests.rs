mod pure;
mod scripted;
