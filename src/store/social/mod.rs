//! The SQL of partners' accounts at social networks: the accounts, what is posted there, and the turns in which that happens.

pub mod accounts;
pub mod posts;
pub mod turns;

pub use accounts::Account;
pub use posts::Post;
