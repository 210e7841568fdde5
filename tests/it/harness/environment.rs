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

/// Whether nothing may be skipped.
pub fn in_ci() -> bool {
    variable("CI").is_some()
}
