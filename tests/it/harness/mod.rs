//! What every test starts from: a fresh database of each kind, a clock moved by hand, seeded randomness.
//!
//! Not here: assertions about any one noun; those stand beside the tests that use them.

pub mod chaos;
pub mod databases;
pub mod environment;
pub mod fake_clock;
pub mod manners;
pub mod outbox;

pub use partnercast::domain::kernel::random::SeededRandom;

/// 2027-01-12 09:00 UTC, a second Tuesday: where hand-moved clocks start.
pub const START_MS: i64 = 1_799_744_400_000;

/// Makes each `async fn name(db: Db)` into two tests, `name::sqlite` and `name::postgres`, each on a database of
/// its own that holds the migrated tables and nothing else.
macro_rules! both_dbs {
    ($($(#[$doc:meta])* async fn $name:ident($db:ident: Db) $body:block)*) => {$(
        $(#[$doc])*
        mod $name {
            use super::*;

            async fn run($db: partnercast::store::Db) $body

            #[test]
            fn sqlite() {
                $crate::harness::databases::on_sqlite(run);
            }

            #[test]
            fn postgres() {
                $crate::harness::databases::on_postgres(stringify!($name), run);
            }
        }
    )*};
}
pub(crate) use both_dbs;
