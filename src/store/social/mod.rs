//! The SQL of partners' accounts at social networks: the accounts and invitations to connect one, what is posted there, the turns in which that happens,
//! what it costs, and what stands there of what was recalled.

pub mod accounts;
pub mod invitations;
pub mod posts;
pub mod recalled;
pub mod spend;
pub mod turns;

pub use accounts::Account;
pub use posts::Post;
