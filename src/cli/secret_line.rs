//! A password, a token or an address that nobody else may see: one line of standard input, which a terminal does not show. Never an
//! argument: those stand in the list of processes and in the shell's history.

use std::io::{BufRead as _, IsTerminal as _, Read as _};

use crate::domain::kernel::{Error, Result};

/// Longest line that is read, in bytes.
const BYTES_MAX: u64 = 8 * 1024;

/// Asks for `what` where somebody sits at a terminal, and reads the first line, without blanks around it.
///
/// # Errors
/// `Invalid` where nothing can be read.
pub fn read(what: &str) -> Result<String> {
    let stdin = std::io::stdin();
    let read = if stdin.is_terminal() {
        rpassword::prompt_password(format!("{what} (it is not shown): "))
    } else {
        let mut line = String::new();
        stdin.lock().take(BYTES_MAX).read_line(&mut line).map(|_| line)
    };
    let line = read.map_err(|error| Error::invalid(format!("{what} cannot be read ({error})")))?;
    Ok(line.trim().to_owned())
}
