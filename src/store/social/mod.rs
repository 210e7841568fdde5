//! The SQL of partners' accounts at social networks: the accounts and invitations to connect one, what is posted there, the turns in which that happens, and
//! what it costs.

pub mod accounts;
pub mod invitations;
pub mod posts;
pub mod spend;
pub mod turns;

pub use accounts::Account;
pub use posts::Post;
