//! Ways in for what comes back by mail: an IMAP mailbox, a Maildir, LMTP. Each hands over raw messages and forgets one
//! only when told that it was recorded. Reading them is [`parse`]'s; what follows is not decided here.

mod mime;
pub mod parse;

pub use parse::{MESSAGE_BYTES_MAX, Parsed, ReturnedMail, parse};
