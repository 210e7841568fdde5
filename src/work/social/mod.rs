//! Posting in partners' own accounts at social networks.
//!
//! What becomes visible to a partner makes one post in each of its accounts, once for ever (`plan`); the loop sends it in turns
//! (`turn`), by the network's own ways (`send`) and within what it may cost (`spend`), and what cannot be posted goes to a person by mail (`notice`). People act through
//! `connect`, `invite` and `manage`.

mod connect;
mod content;
mod invitations;
mod invite;
mod link;
mod manage;
mod notice;
mod plan;
mod recalled;
mod run;
mod secret;
mod send;
mod spend;
mod turn;

pub use connect::{Connected, Order, connect, usual_server};
pub use invitations::{open_invitations, withdraw};
pub use invite::{Invite, PATH as INVITATION_PATH, accept, came_back, client_name, invite, invited, visit};
pub use link::{PostLink, opened};
pub use manage::{approve, disconnect, retry, set_mode, share, test};
pub use plan::Known;
pub use run::{run, tick};
pub use spend::{Spending, spending, spending_by_month};

/// Invitations of one partner that may be open.
pub const INVITATIONS_MAX: i64 = 20;
/// Accounts that one partner may have.
pub const ACCOUNTS_MAX: i64 = 20;
/// Who acts when nobody does.
const ACTOR: &str = "partnercast";
