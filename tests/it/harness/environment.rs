//! The only place where the tests read the environment, and where they say that they could not test anything.

use std::{fs::OpenOptions, io::Write as _};

#[expect(clippy::disallowed_methods, reason = "tests/run hands over where its private PostgreSQL listens")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// A server on which databases may be made and dropped, such as the one `tests/run` starts; as [`needed`].
pub fn postgres_url() -> Option<String> {
    needed("PostgreSQL", variable("TEST_POSTGRES_URL"))
}

/// Whether there is time for the long form of a test (`tests/run --soak`).
pub fn soak() -> bool {
    variable("TEST_SOAK").is_some()
}

/// The same for a test that has no short form; without time it ends at once.
pub fn has_time() -> bool {
    if !soak() {
        skipped("--soak");
    }
    soak()
}

/// For how many seconds content is changed and tried (`TEST_FUZZ_S=600`); none asks for the short form.
pub fn fuzz_seconds() -> Option<u64> {
    variable("TEST_FUZZ_S").map(|seconds| seconds.parse().expect("TEST_FUZZ_S is a number of seconds"))
}

/// The number of the first input (`TEST_FUZZ_FROM`), to see one again.
pub fn fuzz_from() -> Option<u64> {
    variable("TEST_FUZZ_FROM").map(|number| number.parse().expect("TEST_FUZZ_FROM is the number of an input"))
}

/// How much of the cadence's oracle is asked (`TEST_ORACLE=all`, or the seed of a part); none asks for a part of its own.
pub fn oracle() -> Option<String> {
    variable("TEST_ORACLE")
}

/// What a test needs, if this machine has it; a test without it ends at once, except where nothing may be skipped: there
/// it fails.
pub fn needed<T>(what: &str, found: Option<T>) -> Option<T> {
    if found.is_none() {
        assert!(!in_ci(), "{what} is missing, and in CI nothing may be skipped; `tests/run` brings it");
        skipped(what);
    }
    found
}

/// A line for `tests/run`, which counts those who wrote one as skipped, for what they lacked.
fn skipped(what: &str) {
    let Some(file) = variable("TEST_SKIPPED") else { return };
    let mut file =
        OpenOptions::new().create(true).append(true).open(file).expect("TEST_SKIPPED can be written");
    file.write_all(format!("{what}\n").as_bytes()).expect("TEST_SKIPPED can be written");
}

/// Whether nothing may be skipped.
pub fn in_ci() -> bool {
    variable("CI").is_some()
}
