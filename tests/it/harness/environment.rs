//! The only place where the tests read the environment.

#[expect(clippy::disallowed_methods, reason = "tests/run hands over where its private PostgreSQL listens")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// A server on which databases may be made and dropped, such as the one `tests/run` starts.
pub fn postgres_url() -> Option<String> {
    variable("TEST_POSTGRES_URL")
}

/// Whether there is time for tests that wait for a real minute (`tests/run --soak`).
pub fn soak() -> bool {
    variable("TEST_SOAK").is_some()
}

/// What a test needs, if this machine has it; a test without it ends at once, except where nothing may be skipped: there
/// it fails.
pub fn needed<T>(what: &str, found: Option<T>) -> Option<T> {
    assert!(found.is_some() || !in_ci(), "{what} is missing; in CI nothing may be skipped");
    found
}

/// Whether nothing may be skipped.
pub fn in_ci() -> bool {
    variable("CI").is_some()
}
